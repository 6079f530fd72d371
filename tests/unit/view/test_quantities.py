"""What is drawn of a crystal: one surface, one scale, and no jump of a phase as a feature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.crystal.phase import jumps
from cdi_ml_plugin.view.figures.crystal import draw_crystal_slices
from cdi_ml_plugin.view.pages.surfaces import common_scales
from cdi_ml_plugin.view.style.colours import (
    BRIGHT,
    amplitude_scale,
    counts_scale,
    displacement_scale,
    phase_scale,
    strain_scale,
    wrapped_phase_scale,
)
from cdi_ml_plugin.view.style.quantities import quantities_of
from cdi_ml_plugin.view.style.volumes import crystal_volumes
from cdi_ml_plugin.view.surfaces.coloured import surface_of_crystal
from cdi_ml_plugin.view.surfaces.mesh import isosurface, laboratory_basis, phases

SHAPE = (30, 34, 38)
Q = 20.0


def ball(phase) -> Crystal:
    """A ball of radius 10 voxels with an edge of four, in which `phase` (x, y, z) is given in rad."""
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    amplitude = np.clip((12 - np.sqrt(x**2 + y**2 + z**2)) / 4, 0, 1).astype(np.float32)
    inside = amplitude > 0.1
    hidden = np.where(inside, phase(x, y, z), np.nan).astype(np.float32)
    strain = np.where(inside, 1e-5 * x, np.nan).astype(np.float32)
    q = np.array([Q, 0, 0])
    return Crystal(amplitude, hidden, -hidden / np.float32(Q), strain, inside, 5.0, q, level=0.5)


def screw(x, y, z):
    """A dislocation along z: its cut lies at y = 0, x < 0."""
    return np.arctan2(y + 0.5, x + 0.5)


def test_no_single_voxel_sets_a_scale():
    rng = np.random.default_rng(1)
    calm = rng.uniform(-1, 1, 5000)
    for maker in (phase_scale, strain_scale, displacement_scale):
        one = maker(1e-3 * calm)
        other = maker(np.append(1e-3 * calm, 2.0))
        assert (one.low, one.high) == (other.low, other.high)
        assert other.beyond == "both"
    one, other = amplitude_scale(0.5 + 0.1 * calm), amplitude_scale(np.append(0.5 + 0.1 * calm, 1))
    assert other.high == pytest.approx(one.high, rel=1e-3)
    assert other.high < 0.61
    assert other.beyond == "max"
    counts = rng.poisson(50, (20, 20, 20)).astype(float)
    hot = counts.copy()
    hot[:1, 0, : BRIGHT - 1] = 1e9
    assert counts_scale(hot, "").high <= counts.max()
    assert counts_scale(hot, "").beyond == "max"
    assert counts_scale(np.full((2, 2, 2), np.nan), "").high > 0


def test_the_tip_is_there_only_where_something_lies_beyond():
    assert phase_scale(np.linspace(-0.7, 0.7, 100)).beyond == "neither"
    assert strain_scale(np.full(100, 1e-4)).beyond == "neither"


def test_a_phase_that_goes_around_more_than_once_is_drawn_cyclic():
    turning = phase_scale(np.linspace(-4, 4, 100))
    assert turning.cyclic
    assert (turning.low, turning.high) == (-np.pi, np.pi)
    np.testing.assert_allclose(turning.cmap(0.0), turning.cmap(1.0), atol=0.02)
    np.testing.assert_allclose(turning.wrapped(np.array([4.0, 1.0])), [4 - 2 * np.pi, 1])
    once = phase_scale(np.linspace(-3, 3, 100))
    assert not once.cyclic
    assert np.abs(np.subtract(once.cmap(0.0), once.cmap(1.0))).max() > 0.3
    assert wrapped_phase_scale(np.linspace(-3, 3, 100)).cyclic
    assert not wrapped_phase_scale(np.linspace(-1, 1, 100)).cyclic


def test_a_cut_is_told_from_single_voxels():
    solid = ball(screw).solid
    assert jumps(screw(*_grid()), solid)
    calm = 0.1 * _grid()[0]
    assert not jumps(calm, solid)
    calm = calm.copy()
    calm[15, 17, 19] += 6
    assert not jumps(calm, solid)


def _grid():
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    return x.astype(float), y, z


def test_a_dislocation_is_drawn_without_a_cut():
    """Between neighbours no colour jumps, and on the surface no corner has a value from between −π and π."""
    crystal = ball(screw)
    drawn = quantities_of(crystal)
    for key, period in (("phase", 2 * np.pi), ("displacement", 2 * np.pi / Q)):
        scale = drawn[key].scale
        assert scale.cyclic
        assert scale.high - scale.low == pytest.approx(period)
    z, y, x = _grid()[2], _grid()[1], _grid()[0]
    far = crystal.solid & (np.hypot(x, y) > 4)
    colours = drawn["phase"].scale.cmap(drawn["phase"].scale.norm(drawn["phase"].data))
    for axis in range(3):
        both = far.take(range(1, SHAPE[axis]), axis) & far.take(range(SHAPE[axis] - 1), axis)
        assert np.abs(np.diff(colours, axis=axis)[both]).max() < 0.25
    mesh = isosurface(crystal.amplitude, crystal.level, laboratory_basis(crystal))
    surface = surface_of_crystal(crystal)
    x, y, z = surface.mesh.points.T / crystal.voxel
    away = np.hypot(x, y) > 3
    error = surface.colourings[0].values - screw(x, y, z)
    assert (
        np.abs(np.angle(np.exp(1j * error[away]))).max() < 0.3
    )  # half a voxel at three from the core
    assert len(mesh.points)


def test_what_is_beyond_the_surface_has_no_part_in_its_colours():
    """Phases there may be anything, turns included."""
    crystal = ball(lambda x, y, z: 0.05 * y)
    wild = np.where(crystal.solid, crystal.phase, 2 * np.pi * 5 + 2).astype(np.float32)
    spoilt = replace(crystal, phase=wild, strain=np.where(crystal.solid, crystal.strain, 1))
    one, other = surface_of_crystal(crystal), surface_of_crystal(spoilt)
    for calm, loud in zip(one.colourings, other.colourings, strict=True):
        np.testing.assert_allclose(loud.values, calm.values, atol=1e-5)


def test_phases_keep_their_turns_on_a_surface():
    crystal = ball(lambda x, y, z: 0.3 * x)  # ±3, and beyond on the surface
    mesh = isosurface(crystal.amplitude, crystal.level, laboratory_basis(crystal))
    found = phases(mesh, crystal.object, crystal.phase)
    np.testing.assert_allclose(found, 0.3 * mesh.points[:, 0] / crystal.voxel, atol=0.15)


def test_slices_surface_page_and_window_share_their_scales():
    crystal = ball(lambda x, y, z: 0.05 * y + 0.001 * x**2)
    drawn = quantities_of(crystal)
    figure = draw_crystal_slices(crystal)
    images = [ax.images[0] for ax in figure.axes if ax.images][:4]
    page = common_scales([surface_of_crystal(crystal)])
    window = dict(zip(drawn, crystal_volumes(crystal), strict=True))
    for image, (key, what) in zip(images, drawn.items(), strict=True):
        ends = (what.scale.low, what.scale.high)
        assert (image.norm.vmin, image.norm.vmax) == ends
        shown = window[key].scale
        factor = what.scale.factor
        assert (shown.low, shown.high) == pytest.approx([factor * end for end in ends])
        if key in page:
            assert (page[key].low, page[key].high) == pytest.approx(ends)
    assert window["amplitude"].level == crystal.level


def test_nothing_but_the_amplitude_is_drawn_beyond_the_surface():
    crystal = ball(lambda x, y, z: 0.05 * y)
    drawn = quantities_of(crystal)
    for key in ("phase", "displacement", "strain"):
        np.testing.assert_array_equal(np.isfinite(drawn[key].data), crystal.solid)
    assert np.isfinite(drawn["amplitude"].data).all()
    crystal = replace(crystal, level=0.8)
    assert np.isfinite(quantities_of(crystal)["phase"].data).sum() == crystal.solid.sum()
