"""The projection algorithms: ER, HIO, RAAR, SF, DM, and forms of theirs.

With P_M the modulus projection (of the fitted voxels alone) and P_S the projection onto the support.
Source: S. Marchesini, Rev. Sci. Instrum. 78, 011301 (2007); SF and RAAR in cohere's form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from ..physics.projections import TINY, modulus, project_modulus
from .base import OPEN, Operator, within

if TYPE_CHECKING:
    from ..physics.moduli import Moduli
    from ..physics.state import State

RAMP = (0.2, 0.6)  # of the search: between these the noise tolerance grows to its full value


@dataclass(frozen=True)
class ER(Operator):
    """Error reduction: ρ ← P_S P_M ρ (Gerchberg–Saxton, Fienup)."""

    settles: ClassVar = True

    def _step(self, state: State, data: Moduli) -> None:
        projected = project_modulus(state.object, state, data)
        torch.where(state.allowed, projected, state.zero, out=state.object)


@dataclass(frozen=True)
class HIO(Operator):
    """Hybrid input-output: P_M ρ inside the support, ρ − β P_M ρ outside (Fienup 1982).

    No object explains noise, so HIO never comes to rest on noisy data: it leaves the true object
    even when it starts there. Where the parameters have a ``noise_tolerance``, P_M moves a
    modulus only to within so many standard deviations of the counting noise, and what explains the
    data stays. In a search, from random phases or from a prediction, it grows from 0 to its full value
    (`RAMP`), since a search needs the plain projection.

    `cap` is in units of the rms inside the support, see `capped`; 0 for none.
    """

    beta: float = OPEN
    cap: float = 0.0
    keys: ClassVar = {"beta": "hio_beta"}
    defaults: ClassVar = {"beta": 0.9}

    def __post_init__(self) -> None:
        within("hio_beta", self.beta, 0, 2)
        within("cap", self.cap, 0, 10)

    def _step(self, state: State, data: Moduli) -> None:
        projected = project_modulus(state.object, state, data, _slack(state, data))
        state.object.sub_(projected, alpha=self.beta)
        if self.cap:
            capped(projected, state.allowed, self.cap)
        torch.where(state.allowed, projected, state.object, out=state.object)


@dataclass(frozen=True)
class CHIO(HIO):
    """HIO with the amplitude capped, at 1.3 times its rms unless told otherwise."""

    cap: float = OPEN
    keys: ClassVar = {"beta": "hio_beta", "cap": "chio_cap"}
    defaults: ClassVar = {"beta": 0.9, "cap": 1.3}


def capped(obj: torch.Tensor, support: torch.Tensor, cap: float) -> None:
    """Bring amplitudes (batch, z, y, x) inside the support to `cap` times their rms at most, in place.

    A crystal's amplitude is nearly even. An object on its way to it is not: bright spots, where the phase
    is wrong, hold what dark ones lack.

    Notes
    -----
    The idea is that of density uniformity: A. Minkevich et al., Phys. Rev. B 76, 104106 (2007).
    """
    if obj.is_cuda:
        capped_at_once(obj, support, cap)
        return
    for one, inside in zip(obj, support, strict=True):
        where = inside.flatten().nonzero()[:, 0]  # once: it takes longer than all the rest
        values = one.view(-1)[where]
        size = values.abs().clamp_min_(TINY)
        limit = cap * size.square().mean().sqrt()
        one.view(-1)[where] = values * (limit / size).clamp_max_(1)


def capped_at_once(obj: torch.Tensor, support: torch.Tensor, cap: float) -> None:
    """`capped` as a GPU wants it: the batch in one go, and no number for which the CPU has to wait."""
    size = modulus(obj)
    # In double, where the order of a sum, which depends on the batch, is not seen in the result.
    power = size.square().mul_(support).sum((1, 2, 3), keepdim=True, dtype=torch.float64)
    limit = cap * (power / support.sum((1, 2, 3), keepdim=True)).sqrt().to(size)
    obj.mul_(torch.where(support, (limit / size).clamp_max_(1), 1))


def _slack(state: State, data: Moduli) -> float | torch.Tensor:
    """How near to the measured moduli P_M goes; one number where all runs of a batch agree."""
    if not state.noise_tolerance:
        return 0.0
    low, high = RAMP
    ramp = min(1.0, max(0.0, (state.progress - low) / (high - low)))
    full = state.noise_tolerance * data.noise
    slack = [full * (1 if seed.found else ramp) for seed in state.seeds]
    if len(set(slack)) == 1:
        return slack[0]
    return torch.tensor(slack).to(data.amplitude)[:, None, None, None]


@dataclass(frozen=True)
class RAAR(Operator):
    """Relaxed averaged alternating reflections, as cohere writes it: β(P_S P_M ρ + ρ) + (1 − 2β) P_M ρ.

    Luke's own form, `LRAAR`, has 2β P_S P_M ρ inside the support, where cohere has β P_S P_M ρ;
    outside, and in their fixed points, the two agree.
    """

    beta: float = OPEN
    cap: float = 0.0
    keys: ClassVar = {"beta": "raar_beta"}
    defaults: ClassVar = {"beta": 0.45}

    def __post_init__(self) -> None:
        within("raar_beta", self.beta, 0, 1)
        within("cap", self.cap, 0, 10)

    def _step(self, state: State, data: Moduli) -> None:
        projected = project_modulus(state.object, state, data)
        state.object.mul_(self.beta).add_(projected, alpha=1 - 2 * self.beta)
        projected.masked_fill_(~state.allowed, 0)
        if self.cap:
            capped(projected, state.allowed, self.cap)
        state.object.add_(projected, alpha=self.beta)


@dataclass(frozen=True)
class LRAAR(Operator):
    """Relaxed averaged alternating reflections: P_M ρ inside the support, βρ + (1 − 2β) P_M ρ outside.

    As its author, and PyNX, have it: D. R. Luke, Inverse Problems 21, 37 (2005).
    """

    beta: float = OPEN
    cap: float = 0.0
    keys: ClassVar = {"beta": "lraar_beta"}
    defaults: ClassVar = {"beta": 0.9}

    def __post_init__(self) -> None:
        within("lraar_beta", self.beta, 0, 1)
        within("cap", self.cap, 0, 10)

    def _step(self, state: State, data: Moduli) -> None:
        projected = project_modulus(state.object, state, data)
        state.object.mul_(self.beta).add_(projected, alpha=1 - 2 * self.beta)
        if self.cap:
            capped(projected, state.allowed, self.cap)
        torch.where(state.allowed, projected, state.object, out=state.object)


@dataclass(frozen=True)
class SF(Operator):
    """Solvent flipping: P_M ρ inside the support, −P_M ρ outside (Abrahams and Leslie 1996)."""

    def _step(self, state: State, data: Moduli) -> None:
        projected = project_modulus(state.object, state, data)
        torch.neg(projected, out=state.object)
        torch.where(state.allowed, projected, state.object, out=state.object)


@dataclass(frozen=True)
class DM(Operator):
    """Difference map: ρ + β (P_S f_M ρ − P_M f_S ρ), f_M = P_M + (P_M − 1)/β, f_S = P_S − (P_S − 1)/β (Elser 2003).

    With β = 1, the default, f_S is the identity and one modulus projection an iteration is enough;
    any other β needs two.
    """

    beta: float = OPEN
    cap: float = 0.0
    keys: ClassVar = {"beta": "dm_beta"}
    defaults: ClassVar = {"beta": 1.0}

    def __post_init__(self) -> None:
        within("dm_beta", self.beta, 0.1, 2)
        within("cap", self.cap, 0, 10)

    def _step(self, state: State, data: Moduli) -> None:
        beta = self.beta
        old = state.object
        projected = project_modulus(old, state, data)
        outside = ~state.allowed
        reflected = torch.add(projected, projected - old, alpha=1 / beta).masked_fill_(outside, 0)
        if self.cap:
            capped(reflected, state.allowed, self.cap)
        if beta != 1:
            chi2 = state.chi2
            start = old.masked_fill(outside, 0)
            start.sub_(start - old, alpha=1 / beta)
            projected = project_modulus(start, state, data)
            state.chi2 = chi2
        old.add_(reflected, alpha=beta).sub_(projected, alpha=beta)
