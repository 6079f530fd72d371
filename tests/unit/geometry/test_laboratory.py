"""There and back between detector and laboratory, and the gridder, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.geometry.laboratory import (
    cubic_voxel,
    grid_intensity,
    laboratory_shape,
    to_detector,
    to_laboratory,
)

BASIS = np.array(
    [[7.9, 0.0, 4.8], [3.6, -5.0, 0.3], [12.9, 0.0, -1.6]]
)  # as of a real scan: sheared
SHAPE = (28, 40, 36)


def positions(shape, basis):
    """(3, …) in nm of the voxels of a detector's array."""
    index = np.stack(np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij"))
    return np.tensordot(basis, index, axes=1)


def smooth(points):
    x, y, z = points
    return np.exp(
        -((x / 25) ** 2) - ((y - 10) / 30) ** 2 - ((z + 20) / 35) ** 2 + 0.02j * (x - 2 * z)
    )


@pytest.mark.parametrize(("order", "limit"), [(1, 0.1), (3, 8e-3)])
def test_each_voxel_holds_what_lies_at_its_place(order, limit):
    voxel, shape = 5.0, (31, 29, 33)
    found = to_laboratory(smooth(positions(SHAPE, BASIS)), BASIS, voxel, shape, order)
    z, y, x = np.meshgrid(*[voxel * (np.arange(n) - n // 2) for n in shape], indexing="ij")
    assert np.abs(found - smooth((x, y, z))).max() < limit


def test_there_and_back():
    voxel = 4.0
    obj = smooth(positions(SHAPE, BASIS))
    shape = laboratory_shape(np.abs(obj) > 1e-3, BASIS, voxel)
    there = to_laboratory(obj, BASIS, voxel, shape, order=3)
    back = to_detector(there, BASIS, voxel, SHAPE, order=3)
    assert np.abs(back - obj)[np.abs(obj) > 0.01].max() < 2e-3


def test_the_laboratory_holds_the_whole_support():
    support = np.zeros(SHAPE, dtype=bool)
    support[3, 5, 30] = support[20, 33, 8] = True
    shape = laboratory_shape(support, BASIS, 5.0)
    for index in np.argwhere(support):
        x, y, z = BASIS @ (index - [n // 2 for n in SHAPE]) / 5.0
        for n, at in zip(shape, (z, y, x), strict=True):
            assert 0 < at + n // 2 < n - 1
    with pytest.raises(ParameterError, match="support is empty"):
        laboratory_shape(np.zeros(SHAPE, dtype=bool), BASIS, 5.0)


def test_a_cubic_voxel_has_the_volume_of_the_sheared_one():
    assert cubic_voxel(BASIS) ** 3 == pytest.approx(abs(np.linalg.det(BASIS)))
    with pytest.raises(ParameterError, match="regular"):
        cubic_voxel(np.zeros((3, 3)))
    with pytest.raises(ParameterError, match="must be > 0"):
        to_laboratory(np.zeros(SHAPE), BASIS, 0.0, SHAPE)


def test_the_grid_holds_the_mean_counts_of_each_cell():
    steps = np.array([[0.004, 0.0, 0.002], [0.0, -0.005, 0.0], [0.003, 0.0, 0.004]])
    q = positions(SHAPE, steps) + np.array([20.0, 10.0, -7.0])[:, None, None, None]
    intensity = (
        5 + 100 * (q[0] - 20) + 30 * (q[2] + 7)
    )  # linear: a mean over a cell is its middle's
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 3:5] = True
    intensity[mask] = 1e9
    grid, (z, y, x) = grid_intensity(intensity, q, mask, step=0.02)
    assert grid.shape == (len(z), len(y), len(x))
    expected = 5 + 100 * (x - 20)[None, None] + 30 * (z + 7)[:, None, None]
    known = np.isfinite(grid)
    assert known.any()
    assert not known.all()
    inner = known[2:-2, 2:-2, 2:-2]
    difference = np.abs(grid - expected)[2:-2, 2:-2, 2:-2][inner]
    assert np.quantile(difference, 0.5) < 0.3
    assert difference.max() < 100 * 0.02 + 30 * 0.02  # a cell's edge: never the masked billions
    with pytest.raises(ParameterError, match="give a larger step"):
        grid_intensity(intensity, q, step=1e-7)


def test_a_dark_cell_is_no_empty_one():
    q = positions(SHAPE, np.diag([0.01, 0.01, 0.01]))
    grid, _ = grid_intensity(np.zeros(SHAPE), q)
    assert np.nanmax(grid) == 0
    assert np.isfinite(grid).mean() > 0.9


@pytest.mark.parametrize("step", [0.1, 0.047])
def test_a_mask_leaves_the_cells_as_they_are(step: float) -> None:
    q = positions(SHAPE, np.diag([0.05, 0.04, 0.03]))
    mask = np.ones(SHAPE, dtype=bool)
    mask[2:5, 3:6, 4:7] = False
    whole, axes = grid_intensity(np.ones(SHAPE), q, step=step)
    part, cut = grid_intensity(np.ones(SHAPE), q, mask, step=step)
    for axis, same in zip(axes, cut, strict=True):
        np.testing.assert_allclose(np.diff(axis), step)
        np.testing.assert_allclose(axis, same)
    assert np.isfinite(part).sum() < np.isfinite(whole).sum()
