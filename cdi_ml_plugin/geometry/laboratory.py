"""Between the array of the detector and the axes of the laboratory: objects, and intensities.

Conventions
-----------
* Vectors are (x, y, z) in the laboratory frame (z along the beam, y up, x completes a right-handed
  frame); arrays in that frame are indexed [z, y, x].
* Voxel ``n // 2`` of every axis lies at 0 nm, in either frame.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import affine_transform, spline_filter
from xrayutilities import Gridder3D

from ..errors import ParameterError

Shape = tuple[int, int, int]
MARGIN = 2  # voxels left around what is kept
SLAB = 8  # slices that are filled at once
FINE = 50  # voxels along the longest side of a crystal, at least; fewer look like steps
CELLS = 1e9  # 8 GB of doubles


def cubic_voxel(basis: ArrayLike) -> float:
    """Edge in nm of a cube of the volume of one voxel of `basis`, (3, 3) in nm per voxel."""
    return float(abs(np.linalg.det(_regular(basis))) ** (1 / 3))


def fine_voxel(solid: NDArray[np.bool_], basis: ArrayLike) -> float:
    """Edge in nm of a cubic voxel that is as large as one of the data, and at most a fiftieth of the longest side.

    Parameters
    ----------
    solid : bool (rocking, row, column)
        The crystal; sides are along x, y and z.
    basis : (3, 3)
        nm per voxel (`Geometry.direct_basis`).
    """
    longest = float(np.ptp(np.argwhere(solid) @ _regular(basis).T, axis=0).max())
    return min(cubic_voxel(basis), longest / FINE)


def laboratory_shape(support: NDArray[np.bool_], basis: ArrayLike, voxel: float) -> Shape:
    """Smallest array [z, y, x] in the laboratory frame that holds a support, and a margin.

    Parameters
    ----------
    support : bool (rocking, row, column)
    basis : (3, 3)
        nm per voxel, columns along the array's axes (`Geometry.direct_basis`).
    voxel : float
        Edge of the cubic voxels in nm.
    """
    index = np.argwhere(support) - [n // 2 for n in support.shape]
    if not len(index):
        raise ParameterError("the support is empty: there is nothing to bring into the laboratory")
    corners = np.abs(index @ _regular(basis).T).max(axis=0) / _positive(voxel)
    z, y, x = (2 * (int(np.ceil(n)) + MARGIN) + 1 for n in corners[::-1])
    return z, y, x


def to_laboratory(
    volume: NDArray[np.inexact], basis: ArrayLike, voxel: float, shape: Shape, order: int = 1
) -> NDArray[np.inexact]:
    """Resample an object from the detector's array to the axes of the laboratory.

    Parameters
    ----------
    volume : float or complex (rocking, row, column)
        Centred. A steep ramp of the phase is best taken off before.
    basis : (3, 3)
        nm per voxel of `volume`, columns along its axes (`Geometry.direct_basis`).
    voxel : float
        Edge of the cubic voxels of the result in nm.
    shape : (z, y, x)
        Of the result; `laboratory_shape` tells what an object needs.
    order : int
        Of the spline: 1 is linear and fast, 3 keeps edges as sharp as they are and takes four times as long.

    Returns
    -------
    float or complex [z, y, x]
        0 where the detector's array does not reach.

    Raises
    ------
    ParameterError
        A basis that is not regular, a voxel that is not positive.
    """
    inverse = np.asarray(np.linalg.inv(_regular(basis)) * _positive(voxel), dtype=np.float64)
    return _resample(volume, inverse[:, ::-1], shape, order)


def to_detector(
    volume: NDArray[np.inexact], basis: ArrayLike, voxel: float, shape: Shape, order: int = 1
) -> NDArray[np.inexact]:
    """Resample an object from the laboratory's axes to the detector's array: `to_laboratory` undone.

    Parameters
    ----------
    volume : float or complex [z, y, x]
        Cubic voxels, centred.
    shape : (rocking, row, column)
        Of the result.
    """
    forward = _regular(basis) / _positive(voxel)
    return _resample(volume, forward[::-1], shape, order)


def _resample(
    volume: NDArray[np.inexact], matrix: NDArray[np.float64], shape: Shape, order: int
) -> NDArray[np.inexact]:
    """``result[i] = volume[matrix @ i]``, indices from the centres of both arrays."""
    centre = np.array([n // 2 for n in volume.shape])
    offset = centre - matrix @ [n // 2 for n in shape]
    kind = np.result_type(volume, np.float32)
    result: NDArray[np.inexact] = np.empty(shape, dtype=kind)
    if order > 1:
        volume = spline_filter(volume, order, output=np.result_type(volume, np.float64))

    def fill(first: int) -> None:
        part = result[first : first + SLAB]
        start = offset + matrix[:, 0] * first
        affine_transform(volume, matrix, start, part.shape, part, order=order, prefilter=False)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # SciPy lets go of the interpreter there
        list(pool.map(fill, range(0, shape[0], SLAB)))
    return result


def _regular(basis: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(basis, dtype=np.float64)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or np.linalg.det(matrix) == 0:
        raise ParameterError("the basis must be a regular (3, 3) matrix in nm per voxel")
    return matrix


def _positive(voxel: float) -> float:
    if not (np.isfinite(voxel) and voxel > 0):
        raise ParameterError(f"a voxel of {voxel} nm: it must be > 0")
    return float(voxel)


def grid_intensity(
    intensity: NDArray[np.floating],
    q: NDArray[np.floating],
    mask: NDArray[np.bool_] | None = None,
    step: float | None = None,
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """Regrid a measured intensity onto the laboratory's axes with xrayutilities' gridder.

    Parameters
    ----------
    intensity : float (rocking, row, column)
        Counts.
    q : float (3, rocking, row, column)
        Of every voxel in 1/nm (`Geometry.q`).
    mask : bool (rocking, row, column), optional
        True excludes.
    step : float, optional
        Edge of the cells in 1/nm; default that of a cube with the mean volume of a voxel.

    Returns
    -------
    grid : float64 [z, y, x]
        Mean counts of the voxels in each cell, NaN where there are none.
    axes : (z, y, x)
        Middles of the cells in 1/nm.

    Raises
    ------
    ParameterError
        A step that makes more than a billion cells.
    """
    if step is None:
        edges = [np.diff(q, axis=axis + 1).mean(axis=(1, 2, 3)) for axis in range(3)]
        step = cubic_voxel(np.stack(edges, axis=1))
    _positive(step)
    low, high = q.reshape(3, -1).min(axis=1), q.reshape(3, -1).max(axis=1)
    bins = [max(2, int(n)) for n in np.ceil((high - low) / step) + 1]
    if np.prod(bins, dtype=np.float64) > CELLS:
        raise ParameterError(
            f"{' × '.join(map(str, bins))} cells of {step:.3g} 1/nm: give a larger step"
        )
    gridder = Gridder3D(*bins)
    gridder.KeepData(False)
    # from all of q, whatever is masked: the gridder would stretch the cells to the voxels it is given
    ends = [value for lo, n in zip(low, bins, strict=True) for value in (lo, lo + step * (n - 1))]
    gridder.dataRange(*ends, fixed=True)
    known = slice(None) if mask is None else ~mask
    # a cell without voxels reads 0: one count more tells it from one that is dark
    gridder(*(component[known] for component in q), intensity[known] + 1.0)
    grid = gridder.data.transpose(2, 1, 0)
    grid = np.where(grid > 0, grid - 1, np.nan)
    return grid, (gridder.zaxis, gridder.yaxis, gridder.xaxis)
