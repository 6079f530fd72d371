"""The progress bar: iterations, χ² and r_p of the best run of the batch."""

from __future__ import annotations

import time
from types import TracebackType

from tqdm import tqdm

from . import metrics
from .state import Data, State


class Progress:
    """A tqdm bar that refreshes its figures at most a few times a second."""

    def __init__(self, shown: bool, total: int) -> None:
        self.bar = tqdm(total=total, unit="it", disable=not shown, dynamic_ncols=True)
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

    def advance(self, state: State, data: Data) -> None:
        """Count an iteration; now and then measure χ² and r_p of the run that leads."""
        if self.bar.disable:
            return
        began = time.perf_counter()
        if began >= self.due:
            leader = int(state.chi2.nan_to_num(nan=float("inf")).argmin())
            figures = metrics.figures(state.object[leader][None], data)[0]
            self.bar.set_postfix_str(
                f"χ² {float(state.chi2[leader]):.2e}, r_p {figures['pearson']:.4f}", refresh=False
            )
            # measuring takes a few iterations' time: spend no more than a tenth on it
            self.due = time.perf_counter() + max(0.3, 9 * (time.perf_counter() - began))
        self.bar.update()
