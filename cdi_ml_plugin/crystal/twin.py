"""The conjugate twin ρ*(−r), which has the same diffraction: how it is spoken of.

No diffraction pattern tells the two apart. From outside, the twin could be decided by the facet on a
substrate, by a second reflection, by the same crystal in another state, or by refraction: of an unstrained
crystal the true twin's phase falls along the beams' paths (`refraction`), the other's rises. None of these is
known in general, so it stays open.
"""

from __future__ import annotations

from collections.abc import Sequence

TAKEN = "the conjugate twin was taken"


def flipped(notes: Sequence[str]) -> bool:
    """Whether a result is the twin of what was phased, by its notes."""
    return TAKEN in notes


def flip_notes(notes: Sequence[str]) -> tuple[str, ...]:
    """The notes of a result after its twin was taken; taken twice, it is what it was."""
    if flipped(notes):
        return tuple(note for note in notes if note != TAKEN)
    return (*notes, TAKEN)
