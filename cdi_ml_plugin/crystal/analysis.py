"""What a reconstruction says of the crystal: shape, displacement and strain, in nm, in the laboratory.

The object is ρ = s·exp(iφ) with φ = −Q·u: the package's transform is exp(−i…), so the voxel at r, moved
by u, scatters with exp(−iQ·u).

References
----------
Robinson, Harder, Nature Materials 8, 291 (2009).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.restoration import unwrap_phase

from ..data.result import Result
from ..errors import ParameterError, ReadError
from ..fourier import diffraction
from ..geometry.geometry import Geometry
from ..geometry.laboratory import cubic_voxel, laboratory_shape, to_laboratory
from ..physics.alignment import align
from ..physics.shells import crossing, prtf, shells
from ..physics.windows import about_centre

Real = NDArray[np.float32]
FAINT = 0.1  # of the highest amplitude; below it the phase is noise


@dataclass(frozen=True, eq=False)
class Crystal:
    """A crystal in the laboratory frame; arrays are indexed [z, y, x], vectors are (x, y, z).

    Attributes
    ----------
    amplitude : float32
        Of its highest value, 0 to 1.
    phase : float32
        rad; unwrapped, without its mean and its mean gradient; NaN outside `inside`.
    displacement : float32
        nm along `q`, −phase/|q|; NaN outside.
    strain : float32
        ∂(displacement)/∂(direction of q), relative to the mean lattice; NaN outside.
    inside : bool
        Within the support, and above a tenth of the highest amplitude.
    voxel : float
        Edge of the cubic voxels, nm.
    q : float64 (3,)
        Mean reciprocal lattice vector of the crystal in 1/nm: that of the reference voxel, and the mean
        gradient of the phase.
    figures : mapping
        Numbers with their unit in the name: ``d_spacing_nm``, ``size_x_nm`` …, ``volume_nm3``,
        ``strain_rms`` and others.
    """

    amplitude: Real
    phase: Real
    displacement: Real
    strain: Real
    inside: NDArray[np.bool_]
    voxel: float
    q: NDArray[np.float64]
    figures: Mapping[str, float] = field(default_factory=dict)

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


def analyse(
    obj: NDArray[np.complexfloating],
    support: NDArray[np.bool_],
    geometry: Geometry,
    voxel: float | None = None,
    d_spacing: float | None = None,
) -> Crystal:
    """Bring an object into the laboratory, and take displacement and strain from its phase.

    Parameters
    ----------
    obj : complex (rocking, row, column)
        Centred, in the hand of this package (`Result.object`).
    support : bool (rocking, row, column)
    geometry : Geometry
        Of the array's voxels; `reference` is the voxel at the centre of the pattern.
    voxel : float, optional
        Edge of the voxels of the result in nm; default the cube root of the volume of one of `obj`.
    d_spacing : float, optional
        nm; a known lattice spacing to compare with: ``mean_strain`` is relative to it.

    Raises
    ------
    ParameterError
        An empty support or object, shapes that differ, numbers out of range.
    """
    if obj.shape != support.shape:
        raise ParameterError(f"object {obj.shape} and support {support.shape} differ in shape")
    if not np.abs(obj[support]).sum() > 0:
        raise ParameterError("the object is 0 everywhere in its support: there is no crystal")
    shape = (obj.shape[0], obj.shape[1], obj.shape[2])
    basis = geometry.direct_basis(shape)
    voxel = cubic_voxel(basis) if voxel is None else voxel
    about = about_centre(support)  # the rest is empty, and a full scan is large
    support = support[about]
    flat, gradient = without_ramp(np.where(support, obj[about], 0))
    size = laboratory_shape(support, basis, voxel)
    wave = to_laboratory(flat, basis, voxel, size, order=3)
    held = to_laboratory(support.astype(np.float32), basis, voxel, size) > 0.5
    amplitude = np.abs(wave)
    amplitude[~held] = 0
    amplitude /= amplitude.max()
    inside = amplitude > FAINT
    # a gradient of κ rad per voxel along an axis is κ over that axis' direct-space step
    q = geometry.momentum_transfer() + np.linalg.inv(basis).T @ gradient
    phase = np.ma.filled(unwrap_phase(np.ma.array(np.angle(wave), mask=~inside)), np.nan)
    phase -= np.average(phase[inside], weights=amplitude[inside])
    length = float(np.linalg.norm(q))
    slope = np.tensordot(q / length, phase_gradient(wave, inside), axes=1) / voxel
    strain = np.where(inside, -slope / length, np.nan)
    crystal = Crystal(
        amplitude=amplitude.astype(np.float32),
        phase=phase.astype(np.float32),
        displacement=(-phase / length).astype(np.float32),
        strain=strain.astype(np.float32),
        inside=inside,
        voxel=voxel,
        q=q,
    )
    return replace(crystal, figures=_figures(crystal, d_spacing))


def crystal_of(result: Result, voxel: float | None = None) -> Crystal | None:
    """Crystal of the chosen run; None where the measurement says nothing of its geometry.

    With two runs or more, ``resolution_prtf_nm`` is 2π/|Q| where their transfer function falls below 1/e
    (NaN where it does not).

    Raises
    ------
    ReadError, ParameterError
        The geometry that it names cannot be read.
    """
    geometry = Geometry.of(result.measurement)
    if geometry is None:
        return None
    crystal = analyse(result.object, result.support, geometry, voxel)
    resolution = _transfer_resolution(result, geometry)
    return replace(crystal, figures={**crystal.figures, **resolution})


def crystal_or_note(result: Result) -> tuple[Crystal | None, Result]:
    """As `crystal_of`; but what cannot be read becomes one of the result's notes, so that nothing is lost."""
    try:
        return crystal_of(result), result
    except (ReadError, ParameterError) as error:
        note = f"no crystal in the laboratory: {error}"
        notes = dict.fromkeys((*result.notes, note))  # once, however often it is tried
        return None, replace(result, notes=tuple(notes))


def _transfer_resolution(result: Result, geometry: Geometry) -> dict[str, float]:
    """Where the phase-retrieval transfer function of the runs falls below 1/e, in nm."""
    finite = [run.object * run.support for run in result.runs if run.reason != "not finite"]
    if len(finite) < 2:
        return {}
    about = about_centre(np.any([run.support for run in result.runs], axis=0), room=2)
    best = (result.object * result.support)[about]
    mean = np.zeros(result.object.shape, dtype=np.complex128)
    for obj in finite:  # in a window with room to shift, for a full scan is large
        mean[about] += align(obj[about], best) / len(finite)
    measurement = result.measurement
    parts = shells(measurement.shape, geometry.reciprocal_basis())
    curve = prtf(np.sqrt(diffraction(mean)), measurement.intensity, parts, measurement.mask)
    at = crossing(parts.q, curve, 1 / np.e)
    return {"resolution_prtf_nm": float("nan") if at is None else 2 * np.pi / at}


def without_ramp(
    wave: NDArray[np.complexfloating],
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Take the mean and the mean gradient off the phase of an object.

    Neither is seen by a diffraction pattern that is known up to its place: a constant changes
    nothing, and a gradient only moves the pattern.

    Returns
    -------
    wave : complex128
    gradient : (3,)
        rad per voxel along each axis.
    """
    flat = wave.astype(np.complex128)
    gradient = np.zeros(3)
    for axis, n in enumerate(flat.shape):
        # a sum that weighs with the amplitude, and does not care where the phase wraps
        step = np.vdot(flat.take(range(n - 1), axis=axis), flat.take(range(1, n), axis=axis))
        gradient[axis] = np.angle(step)
        view = [1, 1, 1]
        view[axis] = n
        flat *= np.exp(-1j * gradient[axis] * (np.arange(n) - n // 2)).reshape(view)
    flat *= np.exp(-1j * np.angle(np.sum(flat * np.abs(flat))))
    return flat, gradient


def phase_gradient(wave: NDArray[np.inexact], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Gradient of the phase in rad per voxel, (x, y, z) first: (3, z, y, x), NaN where unknown.

    From products of neighbours, so that it does not care where the phase wraps; both sides where both
    are inside, else one.
    """
    result = np.full((3, *wave.shape), np.nan)
    for component, axis in enumerate((2, 1, 0)):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        before, after = tuple(low), tuple(high)
        step = np.angle(wave[after] * wave[before].conj())
        known = inside[after] & inside[before]
        total, count = np.zeros(wave.shape), np.zeros(wave.shape)
        for side in (before, after):
            total[side] += np.where(known, step, 0)
            count[side] += known
        np.divide(total, count, out=result[component], where=count > 0)
    return result


def edge_width(amplitude: NDArray[np.floating], voxel: float) -> float:
    """Resolution from the edge: nm over which the mean amplitude falls from 90 to 10 % of the inside's.

    The profile is the mean of all voxels at the same distance from the surface, which is where the
    amplitude is half of that in the middle. NaN where it does not reach either.
    """
    level = float(np.median(amplitude[amplitude > 0.5 * amplitude.max()]))
    solid = amplitude > 0.5 * level
    distance = distance_transform_edt(solid) - distance_transform_edt(~solid)
    distance -= 0.5 * np.sign(distance)  # the surface lies between the voxels of either side
    near = np.abs(distance) < 8
    bins = np.round(2 * distance[near]).astype(int) + 16
    weight = np.bincount(bins, minlength=33)
    mean = np.bincount(bins, amplitude[near], minlength=33)
    known = weight > 0
    position = (np.arange(33) - 16)[known] / 2
    profile = np.maximum.accumulate(mean[known] / weight[known]) / level
    if profile[0] > 0.1 or profile[-1] < 0.9:
        return float("nan")
    at = [float(np.interp(share, profile, position)) for share in (0.1, 0.9)]
    return voxel * (at[1] - at[0])


def _figures(crystal: Crystal, d_spacing: float | None) -> dict[str, float]:
    solid = crystal.amplitude > 0.5 * np.median(crystal.amplitude[crystal.inside])
    volume = float(solid.sum()) * crystal.voxel**3
    d = float(2 * np.pi / np.linalg.norm(crystal.q))
    inner = crystal.strain[crystal.inside & np.isfinite(crystal.strain)]
    figures = {
        "voxel_nm": crystal.voxel,
        "d_spacing_nm": d,
        "volume_nm3": volume,
        "diameter_nm": float((6 * volume / np.pi) ** (1 / 3)),
    }
    for axis, name in enumerate(("z", "y", "x")):
        others = tuple(a for a in range(3) if a != axis)
        figures[f"size_{name}_nm"] = float(solid.any(axis=others).sum()) * crystal.voxel
    figures |= {
        "edge_width_nm": edge_width(crystal.amplitude, crystal.voxel),
        "displacement_range_nm": float(np.ptp(crystal.displacement[crystal.inside])),
        "strain_rms": float(np.sqrt(np.mean(inner**2))) if inner.size else float("nan"),
    }
    if d_spacing is not None:
        if not d_spacing > 0:
            raise ParameterError(f"d_spacing = {d_spacing}: give a lattice spacing in nm, > 0")
        figures["mean_strain"] = d / d_spacing - 1
    return figures
