"""What a reconstruction says of the crystal: shape, displacement and strain, in nm, in the laboratory.

The object is ρ = s·exp(iφ) with φ = −Q·u: the package's transform is exp(−i…), so the voxel at r, moved
by u, scatters with exp(−iQ·u).

References
----------
Robinson, Harder, Nature Materials 8, 291 (2009).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import unwrap_phase

from ..data.result import Result
from ..errors import ParameterError, ReadError
from ..geometry.geometry import Geometry
from ..geometry.laboratory import cubic_voxel, laboratory_shape, to_laboratory
from ..physics.windows import about_centre
from ..utils import memory
from ..utils.values import above_0, instance, number, volume
from .crystal import FAINT, Crystal
from .figures import figures_of
from .of_runs import with_runs
from .phase import phase_gradient, without_ramp


def analyse(
    obj: NDArray[np.complexfloating],
    support: NDArray[np.bool_],
    geometry: Geometry,
    voxel: float | None = None,
    d_spacing: float | None = None,
    level: float | None = None,
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
        Of the surface, as a share of the highest amplitude; default half of the median inside.

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
        number("level", level, 0, 1)
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
    if level is not None and level >= 1:
        raise ParameterError(f"level = {level}: no voxel is above it: give less than 1")
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
        level=math.nan if level is None else level,
    )
    return replace(crystal, figures=figures_of(crystal, d_spacing))


def crystal_of(
    result: Result,
    voxel: float | None = None,
    level: float | None = None,
    d_spacing: float | None = None,
) -> Crystal | None:
    """Crystal of the chosen run; None where the measurement says nothing of its geometry.

    See `analyse` for what may be given.

    With two runs or more it has their agreement, its uncertainties and resolution, see `of_runs.with_runs`.

    Raises
    ------
    ReadError, ParameterError
        The geometry that it names cannot be read.
    """
    instance("result", result, Result, "a Result")
    geometry = result.measurement.geometry
    if geometry is None:
        return None

    def analysed(obj: NDArray[np.complexfloating], support: NDArray[np.bool_]) -> Crystal:
        return analyse(obj, support, geometry, voxel, d_spacing, level)

    return with_runs(analysed(result.object, result.support), result, analysed)


def crystal_or_note(result: Result) -> tuple[Crystal | None, Result]:
    """As `crystal_of`; but what cannot be read becomes one of the result's notes, so that nothing is lost."""
    try:
        return crystal_of(result), result
    except (ReadError, ParameterError) as error:
        note = f"no crystal in the laboratory: {error}"
        notes = dict.fromkeys((*result.notes, note))  # once, however often it is tried
        return None, replace(result, notes=tuple(notes))
