"""What a host prints, which is its log, and this package's lines in it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..physics.state import Seed


def log(text: str) -> None:
    """Write to the host's log, which is what it prints; that may be no terminal that knows Greek."""
    plain = text.replace("χ²", "chi2").replace("×", "x").encode("ascii", "replace").decode()
    sys.stdout.write(f"cdi_ml_plugin: {plain}\n")
    sys.stdout.flush()


def log_turn(name: str, place: str, seed: Seed) -> dict[str, float]:
    """Say what an algorithm found in its iterations, which are over; its figures are returned.

    Figures and notes are taken from the seed, so that the next turn has its own.
    """
    figures = dict(seed.figures)
    listed = ", ".join(f"{key} {value:.3g}" for key, value in figures.items())
    log(f"{name} in {place}" + (f": {listed}" if listed else ""))
    for note in seed.notes:
        log(note)
    seed.figures.clear()
    seed.notes.clear()
    return figures
