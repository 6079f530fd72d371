"""Crystals on one grid: voxel n // 2 stays where it is, whatever the shapes."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.crystal.grid import on_grid, roomy


def crystal(shape):
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    amplitude = np.exp(-(z**2 + y**2 + x**2) / 20).astype(np.float32)
    inside = amplitude > 0.1
    ramp = np.where(inside, z + 2 * y + 3 * x, np.nan).astype(np.float32)
    return Crystal(amplitude, ramp, ramp, ramp, inside, 2.0, np.array([0.0, 0.0, 30.0]))


@pytest.mark.parametrize("shape", [(17, 19, 21), (16, 20, 22), (30, 31, 40)])
def test_each_voxel_keeps_its_place(shape):
    one, other = on_grid(crystal((19, 18, 25)), shape), crystal(shape)
    assert np.array_equal(one.strain, other.strain, equal_nan=True)
    assert np.array_equal(one.solid, other.solid)
    assert all(map(np.array_equal, one.axes(), other.axes()))


def test_there_is_room_for_a_crystal_a_quarter_larger():
    shape = roomy(crystal((17, 24, 33)))
    assert shape == (23, 30, 43)
    assert all(n >= 1.25 * m for n, m in zip(shape, (17, 24, 33), strict=True))
