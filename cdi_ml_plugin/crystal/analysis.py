"""What a reconstruction says of the crystal: shape, displacement and strain, in nm, in the laboratory.

The object is ρ = s·exp(iφ) with φ = −Q·u: the package's transform is exp(−i…), so the voxel at r, moved
by u, scatters with exp(−iQ·u).

References
----------
Robinson, Harder, Nature Materials 8, 291 (2009).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import unwrap_phase

from ..data.result import Result
from ..errors import ParameterError, ReadError
from ..fourier import diffraction
from ..geometry.geometry import Geometry
from ..geometry.laboratory import cubic_voxel, laboratory_shape, to_laboratory
from ..physics.alignment import align
from ..physics.shells import crossing, prtf, shells
from ..physics.windows import about_centre
from ..utils import memory
from ..utils.values import above_0, instance, volume
from .crystal import FAINT, Crystal, object_level
from .dislocations import cores, find_dislocations
from .figures import figures_of, reasons_of
from .phase import phase_gradient, without_ramp
from .spacing import Spacing, known_spacing, spacings


def analyse(
    obj: NDArray[np.complexfloating],
    support: NDArray[np.bool_],
    geometry: Geometry,
    voxel: float | None = None,
    d_spacing: float | None = None,
    level: float | None = None,
    *,
    uncertain: Mapping[str, float] | None = None,
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
    level : float, optional
        Of the surface, as a share of the highest amplitude, below 1; default half of the bulk's
        (`object_level`).
    uncertain : mapping, optional
        Standard uncertainties of the geometry's numbers: see `spacings`.

    Raises
    ------
    ParameterError
        An empty support or object, shapes that differ, numbers out of range.
    """
    obj = volume("object", obj)
    support = volume("support", support, obj.shape).astype(bool)
    instance("geometry", geometry, Geometry, "a Geometry")
    for name, value in (("voxel", voxel), ("d_spacing", d_spacing)):
        if value is not None:
            above_0(name, value)
    if level is not None:
        above_0("level", level)
        if level >= 1:
            raise ParameterError(f"level = {level}: no voxel is above it: give less than 1")
    if not np.abs(obj[support]).sum() > 0:
        raise ParameterError("the object is 0 everywhere in its support: there is no crystal")
    shape = (obj.shape[0], obj.shape[1], obj.shape[2])
    basis = geometry.direct_basis(shape)
    voxel = cubic_voxel(basis) if voxel is None else voxel
    if voxel**3 > support.sum() * abs(np.linalg.det(basis)):
        raise ParameterError(
            f"a voxel of {voxel:g} nm is larger than the crystal: give a smaller one"
        )
    about = about_centre(support)  # the rest is empty, and a full scan is large
    support = support[about]
    flat, gradient = without_ramp(np.where(support, obj[about], 0))
    size = laboratory_shape(support, basis, voxel)
    memory.check(
        f"a crystal with a voxel of {voxel:g} nm", math.prod(size), 60, "give larger voxels"
    )
    wave = to_laboratory(flat, basis, voxel, size, order=3)
    held = to_laboratory(support.astype(np.float32), basis, voxel, size) > 0.5
    amplitude = np.abs(wave)
    amplitude[~held] = 0
    amplitude /= amplitude.max()
    inside = amplitude > min(FAINT, 1.0 if level is None else level)
    # a gradient of κ rad per voxel along an axis is κ over that axis' direct-space step
    q = geometry.momentum_transfer() + np.linalg.inv(basis).T @ gradient
    phase = np.ma.filled(unwrap_phase(np.ma.array(np.angle(wave), mask=~inside)), np.nan)
    phase -= np.average(phase[inside], weights=amplitude[inside])
    length = float(np.linalg.norm(q))
    slope = np.tensordot(q / length, phase_gradient(wave, inside), axes=1) / voxel
    level = object_level(amplitude) if level is None else level
    dislocations = find_dislocations(wave, inside & (amplitude >= level), voxel)
    sound = inside & ~cores(dislocations, amplitude.shape, voxel)
    strain = np.where(sound, -slope / length, np.nan)
    crystal = Crystal(
        amplitude=amplitude.astype(np.float32),
        phase=phase.astype(np.float32),
        displacement=(-phase / length).astype(np.float32),
        strain=strain.astype(np.float32),
        inside=inside,
        voxel=voxel,
        q=q,
        level=level,
        dislocations=dislocations,
    )
    crystal = replace(crystal, figures=figures_of(crystal))
    return _with_spacings(crystal, spacings(geometry, q, uncertain=uncertain), d_spacing)


def crystal_of(
    result: Result,
    voxel: float | None = None,
    level: float | None = None,
    d_spacing: float | None = None,
    *,
    material: str | None = None,
    hkl: Sequence[int] | None = None,
    uncertain: Mapping[str, float] | None = None,
) -> Crystal | None:
    """Crystal of the chosen run; None where the measurement says nothing of its geometry.

    See `analyse` for what may be given. In place of `d_spacing` a `material` of xrayutilities and `hkl`, three Miller
    indices, name the lattice to compare with. Of the spacings also that from the centre of mass of the intensity.

    With two runs or more, ``resolution_prtf_nm`` is 2π/|Q| where their transfer function falls below 1/e
    (NaN where it does not).

    Raises
    ------
    ReadError, ParameterError
        The geometry that it names cannot be read, or as `analyse` and `known_spacing`.
    """
    instance("result", result, Result, "a Result")
    d_spacing = known_spacing(d_spacing, material, hkl)
    geometry = result.measurement.geometry
    if geometry is None:
        return None
    crystal = analyse(result.object, result.support, geometry, voxel, level=level)
    found = spacings(geometry, crystal.q, result.measurement, uncertain)
    crystal = _with_spacings(crystal, found, d_spacing)
    resolution = _transfer_resolution(result, geometry)
    return replace(crystal, figures={**crystal.figures, **resolution})


def _with_spacings(crystal: Crystal, found: Mapping[str, Spacing], known: float | None) -> Crystal:
    """The crystal with its lattice spacings, and its mean strain against a known one, which has no error itself."""
    figures = {**crystal.figures, **{key: spacing.value for key, spacing in found.items()}}
    errors = {key: spacing.error for key, spacing in found.items()}
    if known is not None:
        figures["mean_strain"] = figures["d_spacing_nm"] / known - 1
        errors["mean_strain"] = errors["d_spacing_nm"] / known
    crystal = replace(crystal, figures=figures, errors={**crystal.errors, **errors})
    return replace(crystal, reasons={**crystal.reasons, **reasons_of(crystal)})


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
