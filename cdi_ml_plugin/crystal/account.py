"""What is reported of a result, told once: files, pages, pictures, window and terminal take it from here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..data.measurement import about_data
from ..data.quantities import MERITS, MINUS, QUANTITIES, SIZES, Quantity, quantity
from ..data.result import Result, Run
from ..utils.jsonable import plain
from ..utils.versions import versions
from .crystal import Crystal
from .sensitivity import sensitivity
from .twin import flipped

# What is looked for first: the terminal's table, the page's tiles, the window's list.
HEADLINE = (
    "prediction",
    "chi2",
    "chi2_held_out",
    "free_llk",
    "agreement",
    "size",
    "d_spacing_nm",
    "mean_strain",
    "displacement_range_nm",
    "strain_rms",
    "dislocations",
    "edge_width_nm",
    "resolution_prtf_nm",
    "resolution_fsc_nm",
)
# Of a fit, what files hold and tables do not: `prediction` says it in words.
SAID = ("cnn_used", "cnn_chi2", "cnn_chi2_chance")
NONE = {
    "chi2_held_out": "no voxel was held out, or none with counts",
    "free_llk": "no voxel was held out",
    "llk": "fewer measured voxels than unknowns",
    "amplitude_spread": "the object is 0",
    "amplitude_mean_to_max": "the object is 0",
    "edge_width_nm": "the amplitude does not fall from 90 to 10 % of the inside's",
    "resolution_prtf_nm": "the transfer function stays above 1/e: better than the data can show",
}
ENDED = "not finite"


@dataclass(frozen=True)
class Entry:
    """One figure of a result.

    Attributes
    ----------
    what : Quantity
        Its key, name, unit and meaning.
    value : float or str
        NaN where there is none.
    error : float
        Standard uncertainty, in the unit of `what`; NaN where it is not known.
    reason : str
        Why there is no value.
    moved : (float, float)
        The value with the surface's level a tenth lower, and a tenth higher; NaN of what does not hang on it.
    """

    what: Quantity
    value: float | str
    error: float = math.nan
    reason: str = ""
    moved: tuple[float, float] = (math.nan, math.nan)

    @property
    def key(self) -> str:
        """What files call it."""
        return self.what.key

    @property
    def text(self) -> str:
        """The value as people read it, with uncertainty and unit; why there is none where there is none."""
        if isinstance(self.value, str):
            return self.value
        if not math.isfinite(self.value) and self.reason:
            return f"– ({self.reason})"
        return self.what.text(self.value, self.error)

    @property
    def with_level(self) -> str:
        """By how much the level of the surface, a tenth lower and a tenth higher, moves the value; empty for not."""
        if isinstance(self.value, str) or not self.value or not all(map(math.isfinite, self.moved)):
            return ""
        lower, higher = (100 * (moved / self.value - 1) for moved in self.moved)
        return f"{lower:+.1f}, {higher:+.1f} %".replace("-", MINUS)

    def content(self) -> dict[str, Any]:
        """The entry as JSON tells it; None for no number."""
        said = {
            "key": self.key,
            "name": self.what.name,
            "value": self.value,
            "uncertainty": self.error,
            "unit": self.what.unit,
            "text": self.text,
            "says": self.what.says,
            "reason": self.reason,
            "with_level_lower_and_higher": self.moved if self.with_level else None,
        }
        return {key: value for key, value in said.items() if value not in ("", None)}


@dataclass(frozen=True, eq=False)
class Account:
    """All that is reported of a result.

    Attributes
    ----------
    result : Result
    fit : tuple of Entry
        Of the chosen run.
    crystal : tuple of Entry
        Of the crystal in the laboratory; empty where there is none.
    """

    result: Result
    fit: tuple[Entry, ...]
    crystal: tuple[Entry, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Those of the fit, then those of the crystal."""
        return self.fit + self.crystal

    def _numbers(self) -> dict[str, float]:
        """The crystal's figures as plain numbers."""
        return {e.key: e.value for e in self.crystal if not isinstance(e.value, str)}

    def headline(self) -> list[Entry]:
        """What is looked for first, in that order."""
        found = {entry.key: entry for entry in shown(self.entries)}
        return [found[key] for key in HEADLINE if key in found]

    def content(self) -> dict[str, Any]:
        """Everything but arrays, as JSON knows it: what `metrics.json` holds.

        The figures of merit of the chosen run and the crystal's are there as plain numbers under their keys,
        and under ``account`` once more with name, uncertainty, unit, text and reason.
        """
        result = self.result
        content = {
            **_run(result.run),
            "crystal": self._numbers() or None,
            "account": [entry.content() for entry in self.entries],
            "best": result.best,
            "runs": [_run(run) for run in result.runs],
            "sequence": result.sequence,
            "parameters": result.parameters,
            "analysis": result.analysis,
            "notes": result.notes,
            "device": result.device,
            "seconds": result.seconds,
            "data": about_data(result.measurement),
            "versions": versions(),
        }
        plainly: dict[str, Any] = plain(content)
        return plainly


def account_of(result: Result, crystal: Crystal | None = None) -> Account:
    """Collect what is reported of a result, and of its crystal where there is one.

    Parameters
    ----------
    result : Result
    crystal : Crystal, optional
        What `crystal_of` makes of the result.
    """
    fit = [*_prediction(result.run), *_merits(result.run)]
    if crystal is None:
        return Account(result, tuple(fit))
    return Account(result, tuple(fit), (*entries_of(crystal), _twin(result)))


def entries_of(crystal: Crystal) -> tuple[Entry, ...]:
    """The figures of a crystal, in the order of the table of quantities."""
    known = [key for key in QUANTITIES if key in crystal.figures]
    order = dict.fromkeys((*known, *crystal.figures))
    moved = {k: v for k, v in sensitivity(crystal).items() if k != "surface_level"}
    return tuple(_entry(crystal, key, moved.get(key, (math.nan, math.nan))) for key in order)


def shown(entries: Iterable[Entry]) -> list[Entry]:
    """Entries for a table: the three sizes as one, and without what words say already."""
    found = [entry for entry in entries if entry.key not in SAID]
    sizes = [entry for entry in found if entry.key in SIZES]
    if len(sizes) != len(SIZES):
        return found
    ordered = sorted(sizes, key=lambda entry: SIZES.index(entry.key))
    texts = [entry.text.removesuffix(f" {entry.what.unit}") for entry in ordered]
    size = Quantity("size", "size", "nm", "along x, y, z of the laboratory")
    one = Entry(size, f"{' × '.join(texts)} nm")
    return [one if e is ordered[0] else e for e in found if e is ordered[0] or e not in sizes]


def table(entries: Sequence[Entry]) -> str:
    """Aligned lines of name, value and meaning, for a terminal."""
    names = max((len(entry.what.name) for entry in entries), default=0)
    texts = max((len(entry.text) for entry in entries if not entry.reason), default=0)
    lines = (
        f"{entry.what.name:{names}}  {entry.text:{texts}}  {'' if entry.reason else entry.what.says}"
        for entry in entries
    )
    return "\n".join(line.rstrip() for line in lines)


def sensitivity_said(entries: Sequence[Entry]) -> str:
    """In a sentence, how the figures move with the level of the surface."""
    moved = [f"{entry.what.name} {entry.with_level}" for entry in entries if entry.with_level]
    return f"level of the surface 10 % lower, higher: {'; '.join(moved)}" if moved else ""


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Lines in which the columns of a table stand below each other, for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{word:>{width}}" for word, width in zip(row, widths, strict=True))
        for row in rows
    )


def _prediction(run: Run) -> list[Entry]:
    """What became of CNN's prediction, in words."""
    used = run.metrics.get("cnn_used")
    if used is None:
        return []
    words = "taken" if used else "not taken"
    chi2, chance = (run.metrics.get(key, math.nan) for key in ("cnn_chi2", "cnn_chi2_chance"))
    if chi2 > 0 and chance >= chi2:
        ratio = f"{chance / chi2:.1f}"
        words += (
            ", about as good as chance" if ratio == "1.0" else f", {ratio} × better than chance"
        )
    elif not used:
        words += ": no better than chance"
    return [
        Entry(Quantity("prediction", "prediction", "", "CNN's, which the chain began with"), words)
    ]


def _merits(run: Run) -> list[Entry]:
    figures: Mapping[str, float | None] = {**dict.fromkeys(MERITS), **run.metrics}
    entries = []
    for key, value in figures.items():
        known = math.nan if value is None else value
        why = f"the run ended {ENDED}" if run.reason == ENDED else NONE.get(key, "")
        entries.append(Entry(quantity(key), known, reason="" if math.isfinite(known) else why))
    return entries


def _twin(result: Result) -> Entry:
    """That no diffraction tells the crystal from its twin, and which of the two this is."""
    words = "open; the conjugate was taken" if flipped(result.notes) else "open"
    return Entry(QUANTITIES["twin"], words)


def _entry(crystal: Crystal, key: str, moved: tuple[float, float]) -> Entry:
    value = crystal.figures[key]
    why = "" if math.isfinite(value) else crystal.reasons.get(key, NONE.get(key, "not known"))
    return Entry(quantity(key), value, crystal.errors.get(key, math.nan), why, moved)


def _run(run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        **{key: run.metrics.get(key) for key in MERITS},
        **run.metrics,
        "reason": run.reason,
        "notes": run.notes,
    }
