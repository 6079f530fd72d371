"""``cdi-ml bench weights``: how near the predictions of weights come, by the kind of pattern."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from ..nn import weights
from ..simulate.batch import FAMILIES
from ..training.objective import SOLVED, Seen, looked_at
from ..training.recipe import Recipe

# The families of the first release, and the range of their phase: what older weights have learnt from.
FIRST = Recipe(
    families=(
        "superellipsoid", "faceted", "dislocation", "oversampling", "noise", "gaps", "range", "coherence",
    ),
    phase=(0.0, 10.0),
)  # fmt: skip
ALL = Recipe()


def compare(sources: Sequence[str], count: int) -> Iterator[str]:
    """Lines of a table: object error after the passes alone, and how many are solved with 60 iterations.

    Parameters
    ----------
    sources : sequence of str
        Shipped weights or files.
    count : int
        Patterns of each of the two sets, which no training draws.
    """
    for name in sources:
        weights.load(name)  # a bad one is refused before others are looked at
    yield (
        f"{count} patterns; mean object error after the passes alone, and share of squared errors below "
        f"{SOLVED:g} with 60 iterations between and behind them"
    )
    found = [(name, _both(name, count)) for name in sources]
    yield f"{'':22}" + "".join(f"{name[-24:]:>26}" for name, _ in found)
    yield _line("first families", [first for _, (first, _) in found], None)
    yield _line("all families", [every for _, (_, every) in found], None)
    for family in FAMILIES:
        if family in found[0][1][1].touched:
            yield _line(f"  with {family}", [every for _, (_, every) in found], family)


def _both(source: str, count: int) -> tuple[Seen, Seen]:
    network, card = weights.load(source)
    first, every = (
        looked_at(replace(recipe, preset=card.preset), network, torch.device("cpu"), count)
        for recipe in (FIRST, ALL)
    )
    return first, every


def _line(name: str, seen: Sequence[Seen], family: str | None) -> str:
    cells = []
    for one in seen:
        which = slice(None) if family is None else one.touched[family]
        error, chain = one.error[which], one.chain[which].square()
        cells.append(
            f"{float(error.mean()):.3f}, {float((chain < SOLVED).float().mean()):4.0%}"
            f" ({len(error)})"
        )
    return f"{name:22}" + "".join(f"{cell:>26}" for cell in cells)
