"""What became of a series, and all that is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...utils.jsonable import plain
from .outcome import Outcome
from .outliers import FROM, outliers
from .scans import SeriesScan

WATCHED = (
    "d_spacing_nm",
    "strain_rms",
    "volume_nm3",
    "edge_width_nm",
    "chi2",
    "chi2_held_out",
    "free_llk",
)


@dataclass(frozen=True, eq=False)
class Series:
    """What became of the scans of a series.

    Attributes
    ----------
    out : Path
    scans : tuple of SeriesScan
    outcomes : tuple of Outcome
        In the order of the scans.
    reference : str
        Name of the scan that the others are held against; empty where none has a result.
    along : tuple of str
        Columns that the figures are shown over, the first of them on the page.
    """

    out: Path
    scans: tuple[SeriesScan, ...]
    outcomes: tuple[Outcome, ...]
    reference: str = ""
    along: tuple[str, ...] = ()

    @property
    def done(self) -> int:
        """How many have a result."""
        return sum(outcome.done for outcome in self.outcomes)


def content(series: Series) -> dict[str, Any]:
    """All that is said of a series, as JSON knows it: a row a scan, in their order."""
    rows: list[dict[str, Any]] = []
    mark = next((o.mark for o in series.outcomes if o.name == series.reference), "")
    for scan, outcome in zip(series.scans, series.outcomes, strict=True):
        columns = {**outcome.columns, **scan.columns}
        number = float(scan.number) if scan.number is not None else None
        rows.append(
            {
                "scan": scan.name,
                "number": number,
                "data": str(scan.data),
                "folder": scan.folder,
                "state": outcome.state,
                "reason": outcome.reason,
                "verdict": outcome.verdict,
                "checks": [c for c in outcome.checks if c["level"] != "green"],
                "along": {name: columns.get(name) for name in series.along},
                "figures": {**outcome.figures, **outcome.beside},
                "errors": dict(outcome.errors),
                "reasons": dict(outcome.reasons),
                "texts": dict(outcome.texts),
                "columns": columns,
                "shape": outcome.shape,
                "seconds": outcome.seconds,
                "turned": outcome.turned,
                "aligned": outcome.aligned if mark and outcome.reference == mark else [],
                "start": outcome.start,
                "outliers": {},
            }
        )
    _mark(rows)
    made: dict[str, Any] = plain(
        {
            "out": str(series.out),
            "scans": len(rows),
            "done": series.done,
            "reference": series.reference,
            "along": series.along,
            "outlier_from": FROM,
            "rows": rows,
        }
    )
    return made


def _mark(rows: Sequence[dict[str, Any]]) -> None:
    """Note with each row which of its figures stand out, and by how many robust standard deviations."""
    for key in WATCHED:
        values = [_float(row["figures"], key) for row in rows]
        # that of the spacing is the geometry's, the same for all scans
        errors = [] if key == "d_spacing_nm" else [_float(row["errors"], key) for row in rows]
        for row, score in zip(rows, outliers(values, errors), strict=True):
            if abs(score) > FROM:
                row["outliers"][key] = round(float(score), 1)


def _float(figures: Mapping[str, float | None], key: str) -> float:
    value = figures.get(key)
    return float("nan") if value is None else float(value)
