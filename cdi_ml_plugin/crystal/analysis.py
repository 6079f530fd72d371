"""What a reconstruction says of the crystal: shape, displacement and strain, in nm, in the laboratory.

The object is ρ = s·exp(iφ) with φ = −Q·u: the package's transform is exp(−i…), so the voxel at r, moved
by u, scatters with exp(−iQ·u).

References
----------
Robinson, Harder, Nature Materials 8, 291 (2009).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import unwrap_phase

from ..errors import ParameterError
from ..geometry.geometry import Geometry
from ..geometry.laboratory import cubic_voxel, laboratory_shape, to_laboratory
from ..physics.windows import about_centre
from ..utils import memory
from ..utils.values import above_0, instance, volume
from .crystal import FAINT, Crystal, object_level
from .dislocations import cores, find_dislocations
from .figures import figures_of, reasons_of
from .material import Index
from .phase import phase_gradient, without_ramp
from .refraction import correction
from .spacing import Spacing, spacings


def analyse(
    obj: NDArray[np.complexfloating],
    support: NDArray[np.bool_],
    geometry: Geometry,
    voxel: float | None = None,
    d_spacing: float | None = None,
    level: float | None = None,
    index: Index | None = None,
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
    index : Index, optional
        Of refraction: what beams suffer on their way through the crystal is taken off (`refraction`).
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
    # a gradient of κ rad per voxel along an axis is κ over that axis' direct-space step
    q = geometry.momentum_transfer() + np.linalg.inv(basis).T @ gradient
    amplitude = _amplitude(wave, held)
    extra = _ramp_figures(gradient)
    if index is not None:
        surface = object_level(amplitude) if level is None else level
        corrected = correction(amplitude, surface, voxel, geometry.wavelength, q, index)
        extra |= corrected.figures
        # refraction also moves the peak: its ramp goes into q, as that of the object did
        wave, ramp = without_ramp(np.where(held, wave * corrected.factor, 0))
        q += ramp[::-1] / voxel
        amplitude = _amplitude(wave, held)
    inside = amplitude > min(FAINT, 1.0 if level is None else level)
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
    crystal = replace(crystal, figures={**figures_of(crystal), **extra})
    return with_spacings(crystal, spacings(geometry, q, uncertain=uncertain), d_spacing)


def with_spacings(crystal: Crystal, found: Mapping[str, Spacing], known: float | None) -> Crystal:
    """The crystal with its lattice spacings, and its mean strain against a known one in nm, which has no error itself.

    Reasons of figures that are NaN are said anew.
    """
    figures = {**crystal.figures, **{key: spacing.value for key, spacing in found.items()}}
    errors = {key: spacing.error for key, spacing in found.items()}
    if known is not None:
        figures["mean_strain"] = figures["d_spacing_nm"] / known - 1
        errors["mean_strain"] = errors["d_spacing_nm"] / known
    crystal = replace(crystal, figures=figures, errors={**crystal.errors, **errors})
    return replace(crystal, reasons={**crystal.reasons, **reasons_of(crystal)})


def _amplitude(wave: NDArray[np.inexact], held: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Of its highest value, 0 outside the support."""
    amplitude: NDArray[np.floating] = np.where(held, np.abs(wave), 0)
    return amplitude / amplitude.max()


def _ramp_figures(gradient: NDArray[np.float64]) -> dict[str, float]:
    """The ramp that was taken off the phase, in rad per voxel of the detector's array."""
    return {f"ramp_{axis}_rad": float(each) for axis, each in zip("zyx", gradient, strict=True)}
