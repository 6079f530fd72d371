"""The crystals of the runs of a result, each made when it is first looked at."""

from __future__ import annotations

from collections.abc import Callable

from ...crystal.analysis import analyse
from ...crystal.crystal import Crystal
from ...crystal.of_result import crystal_of
from ...data.result import Result, Run
from ...errors import CdiMlError
from ...geometry.geometry import Geometry
from .display import busy


class Crystals:
    """What was made already, by the number of the run.

    Parameters
    ----------
    say : callable(str)
        Told why there is no laboratory frame.

    Attributes
    ----------
    geometry : Geometry or None
        That of the result's data; None where there is none, or it cannot be read.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.geometry: Geometry | None = None
        self._say = say
        self._result: Result | None = None
        self._made: dict[int, Crystal | None] = {}

    def begin(self, result: Result) -> None:
        """Forget those of another result."""
        self._result = result
        self._made.clear()
        try:
            self.geometry = result.measurement.geometry
        except CdiMlError as error:
            self.geometry = None
            self._say(f"no laboratory frame: {error}")

    def of(self, row: int, run: Run) -> Crystal | None:
        """The crystal of a run that has ended; None without a geometry, or where there is none."""
        if self.geometry is None or run.reason == "running":
            return None
        if row not in self._made:
            try:
                with busy():
                    self._made[row] = self._analysed(row, run, self.geometry)
            except CdiMlError as error:
                self._made[row] = None
                self._say(f"seed {run.seed}: no laboratory frame: {error}")
        return self._made[row]

    def _analysed(self, row: int, run: Run, geometry: Geometry) -> Crystal | None:
        """The crystal of a run; only that of the chosen one is told by all runs together."""
        if self._result is not None and row == self._result.best:
            return crystal_of(self._result)
        return analyse(run.object, run.support, geometry)
