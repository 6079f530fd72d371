"""A crystal in the laboratory: shape, displacement and strain, in nm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..data.quantities import line
from ..utils.above import from_above
from .dislocations import Dislocation

Real = NDArray[np.float32]
FAINT = 0.1  # of the highest amplitude; below it the phase is noise
BULK = 0.75  # of the amplitude of the bulk: what has more is no edge
ROUNDS = 20


@dataclass(frozen=True, eq=False)
class Crystal:
    """A crystal in the laboratory frame; arrays are indexed [z, y, x], vectors are (x, y, z).

    Attributes
    ----------
    amplitude : float32
        Of its highest value, 0 to 1.
    phase : float32
        rad; unwrapped, without its mean and its mean gradient; NaN outside `inside`. Where there are
        dislocations it has cuts of 2π, whose place means nothing, and so has `displacement`.
    displacement : float32
        nm along `q`, −phase/|q|; NaN outside.
    strain : float32
        ∂(displacement)/∂(direction of q), relative to the mean lattice; NaN outside, and within two voxels of a
        dislocation. From differences of neighbours modulo 2π: no cut is strain.
    inside : bool
        Within the support, and above a tenth of the highest amplitude (above `level`, where that is lower).
    voxel : float
        Edge of the cubic voxels, nm.
    q : float64 (3,)
        Mean reciprocal lattice vector of the crystal in 1/nm: that of the reference voxel, and the mean
        gradient of the phase.
    level : float
        Where the surface is, as a share of the highest amplitude: by default half of the bulk's (`object_level`).
        Volume, area, sizes, displacement and strain are those of the voxels above it, and pictures draw it.
    figures : mapping
        Numbers with their unit in the name: ``d_spacing_nm``, ``size_x_nm`` …, ``volume_nm3``,
        ``strain_rms`` and others.
    errors : mapping
        Standard uncertainties of those of them that have one, by the same keys.
    reasons : mapping
        Why a figure is NaN, in words, by the same keys.
    dislocations : tuple of Dislocation
        Lines about which the phase turns by 2π.
    uncertainties : mapping
        Standard uncertainties of the voxels above the surface from the spread of the runs, float32 [z, y, x], NaN
        outside: ``amplitude``, ``phase``, ``displacement``, ``strain``. Empty of a single run.
    """

    amplitude: Real
    phase: Real
    displacement: Real
    strain: Real
    inside: NDArray[np.bool_]
    voxel: float
    q: NDArray[np.float64]
    figures: Mapping[str, float] = field(default_factory=dict)
    level: float = math.nan
    errors: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    dislocations: tuple[Dislocation, ...] = ()
    uncertainties: Mapping[str, Real] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if math.isnan(self.level):
            object.__setattr__(self, "level", object_level(self.amplitude))

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.amplitude.shape))
        return f"Crystal({shape} voxels of {self.voxel:.3g} nm: {line(self.figures)})"

    def _repr_html_(self) -> str:
        return str(from_above("view.notebook:html_of", self))

    @property
    def solid(self) -> NDArray[np.bool_]:
        """Voxels of the crystal: those inside, and above its level."""
        found: NDArray[np.bool_] = self.inside & (self.amplitude >= self.level)
        return found

    @property
    def object(self) -> NDArray[np.complex64]:
        """amplitude·exp(i·phase), with phase 0 where there is none."""
        wave: NDArray[np.complex64] = (
            self.amplitude * np.exp(1j * np.nan_to_num(self.phase))
        ).astype(np.complex64)
        return wave

    @property
    def origin(self) -> tuple[float, float, float]:
        """(x, y, z) in nm of the centre of voxel [0, 0, 0]."""
        z, y, x = (-self.voxel * (n // 2) for n in self.amplitude.shape)
        return x, y, z

    def axes(self) -> tuple[Real, Real, Real]:
        """Positions (z, y, x) in nm of the voxels along each axis of the arrays."""
        z, y, x = (
            (self.voxel * (np.arange(n) - n // 2)).astype(np.float32) for n in self.amplitude.shape
        )
        return z, y, x


def object_level(amplitude: NDArray[np.floating]) -> float:
    """The amplitude that counts as the surface: half of that of the bulk, where a volume ends.

    A body whose edge is blurred has, above half of its amplitude, the volume that it has without the blur; above a
    lower level it has more. The amplitude of the bulk is the median of the voxels that have three quarters of it or
    more: the edge, which a histogram of a small crystal is full of, does not move it, nor do single hot voxels.

    Returns
    -------
    float
        At least `FAINT`.
    """
    above = amplitude[amplitude > FAINT]
    bulk = float(np.median(above)) if above.size else 0.0
    for _ in range(ROUNDS):
        found = float(np.median(above[above >= BULK * bulk])) if above.size else 0.0
        if found == bulk:
            break
        bulk = found
    return max(FAINT, 0.5 * bulk)
