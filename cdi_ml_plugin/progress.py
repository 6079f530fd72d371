"""The progress of a reconstruction: a bar, and whoever watches the runs as they change."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType

from tqdm import tqdm

from . import metrics
from .result import Run
from .state import Data, State

Watch = Callable[[Run], object]
Snapshot = Callable[[int, Mapping[str, float]], Run]


class Progress:
    """A tqdm bar and a watcher; both get new figures at most a few times a second."""

    def __init__(self, shown: bool, total: int, watch: Watch | None = None) -> None:
        self.bar = tqdm(total=total, unit="it", disable=not shown, dynamic_ncols=True)
        self.watch = watch
        self.due = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()

    def advance(self, state: State, data: Data, snapshot: Snapshot) -> bool:
        """Count an iteration; now and then measure the run that leads, and show it to the watcher.

        Parameters
        ----------
        snapshot : callable
            Gives, for an index of the batch and its figures of merit, the run as it stands.

        Returns
        -------
        Whether the watcher wants the reconstruction to end.
        """
        if self.bar.disable and self.watch is None:
            return False
        enough = False
        began = time.perf_counter()
        if began >= self.due:
            leader = int(state.chi2.nan_to_num(nan=float("inf")).argmin())
            figures = metrics.figures(state.object[leader][None], data)[0]
            self.bar.set_postfix_str(
                f"χ² {float(state.chi2[leader]):.2e}, r_p {figures['pearson']:.4f}", refresh=False
            )
            if self.watch is not None:
                enough = bool(self.watch(snapshot(leader, figures)))
            # measuring takes a few iterations' time: spend no more than a tenth on it
            self.due = time.perf_counter() + max(0.3, 9 * (time.perf_counter() - began))
        self.bar.update()
        return enough

    def ended(self, runs: list[Run]) -> bool:
        """Show runs that have ended to the watcher; whether it wants the reconstruction to end."""
        return self.watch is not None and any([self.watch(run) for run in runs])
