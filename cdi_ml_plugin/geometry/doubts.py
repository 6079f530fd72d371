"""What is doubtful of a geometry that could be right, and what it costs if it is not."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from ..errors import ParameterError
from .check import frame_size
from .detectors import DETECTORS
from .geometry import Geometry
from .instruments import ENERGY

BESIDE = 3  # voxels that a reference may lie beside the peak without a word
SPACING = 5.0  # nm; lattice planes of a crystal are closer


def doubts(
    geometry: Geometry,
    given: Mapping[str, Any],
    frames: tuple[int, int] | None,
    peak: tuple[int, int, int] | None,
) -> list[str]:
    """Notes about a geometry that was given for data.

    Parameters
    ----------
    geometry : Geometry
    given : mapping
        The parameters that it was made of, where not from a SPEC file.
    frames : (rows, columns), optional
        Of the data as they were read; None where their peak is known from before.
    peak : (frame, row, column), optional
        Of the data as they were read: the voxel that was brought to the centre.

    Raises
    ------
    ParameterError
        The frames are larger than what the detector reads out.
    """
    notes = []
    if geometry.d_spacing > SPACING:
        notes.append(
            f"geometry: the lattice spacing is {geometry.d_spacing:.3g} nm, more than a crystal's: angles are "
            "in degrees, energy in keV"
        )
    if "reference" not in given:
        return notes if frames is None else notes + _offset(geometry, frames)
    if peak is not None and max(abs(np.subtract(peak, geometry.reference))) > BESIDE:
        notes.append(_beside(geometry, peak))
    return notes


def moved(geometry: Geometry, to: tuple[int, int, int]) -> Geometry:
    """The same scan with another voxel as its reference, at the angles of that frame."""
    numbers = {**geometry.numbers(), "reference": to}
    motor = "energy" if geometry.motor == ENERGY else geometry.motor
    numbers[motor] += (to[0] - geometry.reference[0]) * geometry.step
    return Geometry(**numbers)


def difference(one: Geometry, other: Geometry) -> tuple[float, float]:
    """How far apart two geometries see the centre of the data.

    Returns
    -------
    angle : float
        Between the two diffracted beams, in degrees.
    shear : float
        By which share of a length the shape of one is stretched or sheared against that of the other, after
        the best rotation.
    """
    beams = []
    for geometry in (one, other):
        beam = geometry.momentum_transfer() + np.array([0, 0, 2 * np.pi / geometry.wavelength])
        beams.append(beam / np.linalg.norm(beam))
    angle = float(np.degrees(2 * np.arcsin(np.linalg.norm(beams[0] - beams[1]) / 2)))
    shape = other.direct_basis((1, 1, 1)) @ np.linalg.inv(one.direct_basis((1, 1, 1)))
    return angle, float(abs(np.linalg.svd(shape, compute_uv=False) - 1).max())


def _offset(geometry: Geometry, frames: tuple[int, int]) -> list[str]:
    """The peak was counted in frames that are smaller than the region that they should be of."""
    columns, rows = frame_size(geometry.roi, DETECTORS.get(geometry.detector))
    free = (rows - frames[0], columns - frames[1])
    if min(free) < 0:
        raise ParameterError(
            f"geometry: frames of {frames[0]} rows and {frames[1]} columns do not come from {rows} rows and "
            f"{columns} columns: give detector, or pixel, roi and beam_zero, or a reference"
        )
    if max(free) <= BESIDE:
        return []
    numbers, costs = geometry.numbers(), []
    for down, right in product((0, free[0]), (0, free[1])):
        _, row, column = geometry.reference
        place = (geometry.reference[0], row + down, column + right)
        costs.append(difference(geometry, Geometry(**{**numbers, "reference": place})))
    angle, shear = (max(column) for column in zip(*costs, strict=True))
    return [
        f"geometry: the offset of these {frames[0]} × {frames[1]} pixels on the detector's {rows} × {columns} is "
        f"not known, and taken as ({geometry.roi[2]}, {geometry.roi[0]}): the centre may be off by up to {max(free)} "
        f"pixels, {angle:.2g}° of its direction, and the shape sheared by {shear:.1%}; "
        "give roi, or the peak's place on the detector as reference"
    ]


def _beside(geometry: Geometry, peak: tuple[int, int, int]) -> str:
    where = f"geometry: reference {geometry.reference} is not the peak of these data, {peak}"
    try:
        other = moved(geometry, peak)
        angle, shear = difference(geometry, other)
    except ParameterError:  # off the region: these data are a part of it
        return f"{where}, which is off the region that was read out: the reference was taken for the peak"
    rocked = abs(peak[0] - geometry.reference[0]) * abs(geometry.step)
    unit = "keV" if geometry.motor == ENERGY else "°"
    return (
        f"{where}, and was taken for it: if it is another voxel of the same frames, the centre is off by {angle:.2g}° "
        f"of its direction and {rocked:.2g} {unit} of {geometry.motor}, and the shape sheared by {shear:.1%}; "
        "leave the reference out, or give the peak"
    )
