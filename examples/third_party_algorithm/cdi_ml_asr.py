"""Averaged successive reflections, an algorithm that cdi_ml_plugin does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cdi_ml_plugin.plugin import OPEN, Moduli, Operator, State, project_modulus, within


@dataclass(frozen=True)
class ASR(Operator):
    """Averaged successive reflections: ρ ← ρ + λ/2 (R_S R_M ρ − ρ), R = 2P − 1.

    Bauschke, Combettes and Luke, J. Opt. Soc. Am. A 19, 1334 (2002), with λ = 1; a smaller one
    damps the steps.
    """

    relaxation: float = OPEN
    keys: ClassVar = {"relaxation": "asr_relaxation"}
    defaults: ClassVar = {"relaxation": 1.0}

    def __post_init__(self) -> None:
        within("asr_relaxation", self.relaxation, 0.1, 1)

    def _step(self, state: State, data: Moduli) -> None:
        reflected = 2 * project_modulus(state.object, state, data) - state.object
        inside = reflected.masked_fill(~state.allowed, 0)
        state.object.add_(2 * inside - reflected - state.object, alpha=self.relaxation / 2)
