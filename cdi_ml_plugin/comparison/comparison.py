"""What a comparison has found: every number of it, as JSON knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement, about_data, data_digest
from ..data.quantities import MERITS, QUANTITIES
from ..physics.shells import Shells, crossing
from ..utils.above import from_above
from ..utils.jsonable import plain
from ..utils.versions import versions
from .chains import Contender
from .finished import Finished
from .runs import PROGRAM, Kept
from .statistics import Agreement, Values, common_bins, distribution, rank_sum

LEVELS = {"1/e": float(np.exp(-1)), "0.5": 0.5}  # of the transfer function, where it is read off

HELD_OUT_FIGURES = ("chi2_held_out", "free_llk")


@dataclass(frozen=True, eq=False)
class Member:
    """What is known about one chain of a comparison.

    Attributes
    ----------
    contender : Contender or Finished
    runs : sequence of Kept
        All that are finished, in the order of their seeds.
    finite : sequence of Kept
        Those that did not end in NaN or infinity: all figures are of them.
    best : Kept
        The one that `metrics.best` chooses.
    agreement : Agreement
    transfer : float (k,)
        Phase-retrieval transfer function in shells; NaN of a single run, which agrees with itself.
    weight : float (k,)
        Fourier spectral weight of the best run.
    """

    contender: Contender | Finished
    runs: Sequence[Kept]
    finite: Sequence[Kept]
    best: Kept
    agreement: Agreement
    transfer: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def label(self) -> str:
        """Name of the chain."""
        return self.contender.label

    def values(self, name: str) -> Values:
        """One figure of merit of each finite run."""
        return np.array([run.about["metrics"].get(name) for run in self.finite], dtype=float)

    @property
    def seconds(self) -> Values:
        """Wall time of each finite run; NaN where nobody noted it."""
        return np.array([run.about["seconds"] for run in self.finite], dtype=float)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several chains on one measurement.

    Attributes
    ----------
    measurement : Measurement
    members : sequence of Member
        In the order in which the chains were given; the first is the one to compare with.
    seeds : int
        How many runs of each chain were asked for.
    complete : bool
        Whether all of them are there.
    shells : Shells
    measured : float (k,)
        Fourier spectral weight of the measured amplitudes.
    options : dict
        ``held_out``, ``precision``, ``command``, and the ``parameters`` for all chains.
    """

    measurement: Measurement
    members: Sequence[Member]
    seeds: int
    complete: bool
    shells: Shells
    measured: NDArray[np.float64]
    options: Mapping[str, Any]

    def __repr__(self) -> str:
        labels = ", ".join(member.label for member in self.members)
        return f"Comparison({labels}; {self.seeds} seeds each)"

    def _repr_html_(self) -> str:
        return str(from_above("view.notebook:html_of", self))

    def bins(self, name: str) -> Values:
        """Edges of the bins of one figure of merit, the same for all chains."""
        return common_bins([member.values(name) for member in self.members])

    def figures(self) -> list[str]:
        """Names of the figures of merit that any run has."""
        return [
            name
            for name in MERITS
            if any(np.isfinite(member.values(name)).any() for member in self.members)
        ]

    def content(self) -> dict[str, Any]:
        """Every number of the comparison, as JSON knows numbers."""
        measurement = self.measurement
        bins = {name: self.bins(name) for name in self.figures()}
        content = {
            "program": PROGRAM,
            **self.options,
            "seeds": self.seeds,
            "complete": self.complete,
            "data": {**about_data(measurement), "digest": data_digest(measurement)},
            "versions": versions(),
            "hardware": sorted({r.about["hardware"] for m in self.members for r in m.runs}),
            "shells": {
                "unit": self.shells.unit,
                "q": self.shells.q,
                "complete_up_to": self.shells.complete,
                "voxels": self.shells.sums((~measurement.mask).astype(np.float64)),
                "measured_weight": self.measured,
            },
            "bins": bins,
            "chains": [self._chain(member, bins) for member in self.members],
        }
        plainly: dict[str, Any] = plain(content)
        return plainly

    def _chain(self, member: Member, bins: Mapping[str, Values]) -> dict[str, Any]:
        first = self.members[0]
        common = self.options["parameters"].items()
        figures = {}
        for name, edges in bins.items():
            values = member.values(name)
            known = values[np.isfinite(values)]
            reference = first.values(name)
            lower = QUANTITIES[name].better == "lower"
            # Others held out other voxels, which are harder or easier to predict.
            before = any(isinstance(one.contender, Finished) for one in (first, member))
            apart = member is first or (before and name in HELD_OUT_FIGURES)
            figures[name] = {
                **(distribution(values) or {}),
                "histogram": np.histogram(known, edges)[0],
                "rank_sum": None if apart else rank_sum(values, reference, lower),
            }
        distances = dict(
            zip((r.about["seed"] for r in member.finite), member.agreement.distances, strict=True)
        )
        return {
            "label": member.label,
            "sequence": member.contender.sequence,
            "parameters": member.contender.parameters,
            "own_parameters": {
                key: value
                for key, value in member.contender.parameters.items()
                if (key, value) not in common
            },
            "phased_before": isinstance(member.contender, Finished),
            "notes": list(member.contender.notes),
            "digest": member.contender.digest,
            "finished": len(member.runs),
            "not_finite": len(member.runs) - len(member.finite),
            "figures": figures,
            "seconds": distribution(member.seconds),
            "best_seed": member.best.about["seed"],
            "spread_between_seeds": member.agreement.between_seeds,
            "prtf": member.transfer,
            "prtf_falls_below": {
                name: crossing(self.shells.q, member.transfer, level)
                for name, level in LEVELS.items()
            },
            "spectral_weight": member.weight,
            "runs": [
                {
                    **{k: v for k, v in run.about.items() if k not in ("program", "digest")},
                    "file": run.path.name,
                    "distance_to_best": distances.get(run.about["seed"]),
                }
                for run in member.runs
            ],
        }
