"""What a reconstruction returns: `Run` (one start) and `Result` (all of them)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..utils.above import from_above
from .measurement import Measurement
from .quantities import line


@dataclass(frozen=True, eq=False)
class Run:
    """One start of the chain.

    Attributes
    ----------
    seed : int
        What its random numbers came from.
    object : complex64 (z, y, x)
        Centred; Σ|object|² is in counts.
    support : bool (z, y, x)
    metrics : dict
        ``chi2``, ``pearson``, ``chi2_held_out``, ``free_llk``, ``llk``, ``amplitude_spread`` and
        ``amplitude_mean_to_max`` (see `metrics.figures`), and an algorithm's own.
    history : dict of arrays
        One value an iteration: ``chi2``; NaN where an algorithm defines none.
    reason : str
        Why it ended: ``"completed"``, ``"interrupted"`` or ``"not finite"``; ``"running"`` where it
        has not (only the `watch` of a reconstruction sees such).
    notes : tuple of str
        What was adapted on the way, in words.
    """

    seed: int
    object: NDArray[np.complex64]
    support: NDArray[np.bool_]
    metrics: Mapping[str, float]
    history: Mapping[str, NDArray[np.float32]]
    reason: str
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Run(seed {self.seed}, {self.reason}: {line(self.metrics)})"


@dataclass(frozen=True, eq=False)
class Result:
    """All runs of one chain on one measurement.

    Attributes
    ----------
    runs : tuple of Run
        In the order of the seeds.
    best : int
        Index of the chosen run: the lowest of the first of `quantities.RANKED` that the runs have.
    sequence : str
        The chain as text; it parses back to itself.
    parameters : dict
        Every parameter in force, cohere's names.
    seconds : float
        Wall time of the iterations.
    analysis : dict
        What `crystal_of` was told of the crystal, and takes again where it is told nothing: ``level``,
        ``voxel``, ``d_spacing`` …
    """

    measurement: Measurement
    runs: tuple[Run, ...]
    best: int
    sequence: str
    parameters: Mapping[str, Any]
    device: str
    seconds: float
    notes: tuple[str, ...] = ()
    analysis: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{self.sequence}: {len(self.runs)} run(s) in {self.seconds:.1f} s on {self.device}; "
            f"the best is seed {self.run.seed}"
        )

    def __repr__(self) -> str:
        return f"Result({self})"

    def _repr_html_(self) -> str:
        return str(from_above("view.notebook:html_of", self))

    def report(self) -> Any:
        """The report as a page within a notebook; ``.save(path)`` writes it into a file."""
        return from_above("view.notebook:report_of", self)

    @property
    def run(self) -> Run:
        """The chosen run."""
        return self.runs[self.best]

    @property
    def object(self) -> NDArray[np.complex64]:
        """Object of the chosen run: complex64, centred, shape of the data."""
        return self.run.object

    @property
    def support(self) -> NDArray[np.bool_]:
        """Support of the chosen run."""
        return self.run.support

    @property
    def metrics(self) -> Mapping[str, float]:
        """Figures of merit of the chosen run."""
        return self.run.metrics
