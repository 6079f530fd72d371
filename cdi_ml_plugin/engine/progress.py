"""The progress of a reconstruction: a bar, and whoever watches the runs as they change."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType

from tqdm.auto import tqdm

from ..data.result import Run
from ..physics import metrics
from ..physics.moduli import Moduli
from ..physics.state import State

Watch = Callable[[Run], object]
Snapshot = Callable[[int, Mapping[str, float]], Run]
OFTEN = 0.3  # s between two looks, at least


class Progress:
    """A tqdm bar and a watcher; both get new figures at most a few times a second."""

    def __init__(self, shown: bool, total: int, watch: Watch | None = None) -> None:
        # None rather than a disabled one, whose lock the system keeps where a worker is killed
        self.bar = tqdm(total=total, unit="it", dynamic_ncols=True) if shown else None
        self.watch = watch
        self.due = 0.0
        self.looks = 0
        self.least = float("inf")  # s that a look has taken

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.close()

    def advance(self, state: State, data: Moduli, snapshot: Snapshot) -> bool:
        """Count an iteration; now and then measure the run that leads, and show it to the watcher.

        Parameters
        ----------
        snapshot : callable
            Gives, for an index of the batch and its figures of merit, the run as it stands.

        Returns
        -------
        Whether the watcher wants the reconstruction to end.
        """
        if self.bar is None and self.watch is None:
            return False
        enough = False
        began = time.perf_counter()
        if began >= self.due:
            leader = int(state.chi2.nan_to_num(nan=float("inf")).argmin())
            obj, support = state.object[leader], state.support[leader]
            figures = metrics.figures(obj[None], data, support[None], [state.transfer[leader]])[0]
            if self.bar is not None:
                chi2 = float(state.chi2[leader])
                self.bar.set_postfix_str(
                    f"χ² {chi2:.2e}, r_p {figures['pearson']:.4f}", refresh=False
                )
            if self.watch is not None:
                enough = bool(self.watch(snapshot(leader, figures)))
            self.due = time.perf_counter() + self._pause(time.perf_counter() - began)
        self.count(1)
        return enough

    def say(self, text: str) -> None:
        """Write a line above the bar, where there is one."""
        if self.bar is not None:
            self.bar.write(text, file=sys.stderr)

    def count(self, iterations: int) -> None:
        """Count iterations, of another process for one."""
        if self.bar is not None:
            self.bar.update(iterations)

    def _pause(self, took: float) -> float:
        """Seconds until the next look, so that about a tenth of the time is spent on looks.

        The first does not count, since a window is set up then; nor does one that was held up.
        """
        self.looks += 1
        if self.looks > 1:
            self.least = min(self.least, took)
        return max(OFTEN, 9 * self.least) if self.looks > 1 else OFTEN

    def ended(self, runs: list[Run]) -> bool:
        """Show runs that have ended to the watcher; whether it wants the reconstruction to end."""
        return self.watch is not None and any([self.watch(run) for run in runs])
