"""Distributions of a figure over seeds, and how far objects agree."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin.comparison.statistics import (
    agreement,
    common_bins,
    common_shape,
    distribution,
    in_array,
    placed,
    rank_sum,
)
from cdi_ml_plugin.fourier import diffraction
from support.comparisons import SHAPE, crystal


def kept(objects: list[np.ndarray]) -> list[Any]:
    """Runs as they are kept, but in memory."""
    runs = []
    for obj in objects:
        window, centre = _window(obj)
        about = {
            "first": [piece.start for piece in window],
            "shape": [piece.stop - piece.start for piece in window],
            "centre": centre,
        }
        crop = obj[window]
        runs.append(SimpleNamespace(about=about, object=lambda crop=crop: crop))
    return runs


def _window(obj: np.ndarray) -> tuple[tuple[slice, ...], list[int]]:
    inside = np.argwhere(np.abs(obj) > 0)
    first, last = inside.min(0), inside.max(0) + 1
    centre = np.average(inside, axis=0, weights=np.abs(obj)[tuple(inside.T)])
    return tuple(map(slice, first, last)), [round(c) for c in centre]


def moved(obj: np.ndarray, shift: tuple[float, ...], angle: float) -> np.ndarray:
    grids = np.meshgrid(*map(np.fft.fftfreq, obj.shape), indexing="ij")
    ramp = np.exp(-2j * np.pi * sum(g * s for g, s in zip(grids, shift, strict=True)))
    return np.fft.ifftn(np.fft.fftn(obj) * ramp) * np.exp(1j * angle)


def agreed(objects: list[np.ndarray]) -> Any:
    runs = kept(objects)
    return agreement(runs, runs[0], placed(runs[0], common_shape(runs, objects[0].shape)))


# --- distributions ------------------------------------------------------------------------------
def test_distribution_leaves_out_what_is_not_finite() -> None:
    found = distribution(np.array([3.0, 1, 2, np.nan]))
    assert found is not None
    assert (found["number"], found["median"], found["low"]) == (3, 2, pytest.approx(1.2))
    assert distribution(np.array([np.nan])) is None


@pytest.mark.parametrize("values", [[1e-3, 2e-3], [1e-3, 0.5], [0.7, 0.7], [0.0, 3.0], [-1.0, 1.0]])
def test_bins_hold_every_value(values: list[float]) -> None:
    edges = common_bins([np.array(values), np.array([np.nan])])
    assert (np.diff(edges) > 0).all()
    assert np.histogram(values, edges)[0].sum() == len(values)


def test_rank_sum_knows_which_side_is_better() -> None:
    low, high = np.arange(10.0), np.arange(10.0) + 7
    found = rank_sum(low, high, lower_is_better=True)
    assert found is not None
    assert found["p"] < 0.01
    assert found["better"] > 0.9
    other = rank_sum(low, high, lower_is_better=False)
    assert other is not None
    assert other["better"] == pytest.approx(1 - found["better"])
    same = rank_sum(np.ones(4), np.ones(5), True)
    assert same == {"p": 1.0, "better": 0.5}
    assert rank_sum(np.array([np.nan]), high, True) is None


# --- agreement ----------------------------------------------------------------------------------
def test_spread_is_blind_to_what_diffraction_cannot_see() -> None:
    first, second = crystal(0), crystal(0) + 0.2 * crystal(1)
    plain = agreed([first, second])
    assert plain.between_seeds > 0.01
    changed = 3 * np.conj(second[::-1, ::-1, ::-1]) * np.exp(2j)
    hidden = agreed([np.roll(first, (2, -1, 3), (0, 1, 2)) * 1j, changed])
    assert hidden.between_seeds == pytest.approx(plain.between_seeds, rel=0.02)


def test_spread_of_the_same_object_is_nothing() -> None:
    obj = crystal()
    versions = [obj, 2 * np.roll(obj, 4, 1), np.conj(obj[::-1, ::-1, ::-1]), obj * np.exp(1j)]
    found = agreed(versions)
    assert found.between_seeds < 1e-5
    np.testing.assert_allclose(found.distances, 0, atol=1e-5)
    # and in parts of a voxel: but for what the support cuts off
    wave = moved(obj, (0.5, 0.25, -0.4), 1.0)
    wave[np.abs(wave) < 0.02 * np.abs(wave).max()] = 0
    assert agreed([obj, wave]).between_seeds < 0.05


def test_spread_is_the_rms_distance_from_the_mean() -> None:
    objects = [crystal(0) + 0.1 * crystal(seed) for seed in (0, 1, 2)]
    objects = [obj / np.linalg.norm(obj) for obj in objects]
    found = agreed(objects)
    assert found.between_seeds is not None
    distance = np.sqrt(np.square(found.spread).sum()) / np.linalg.norm(found.mean)
    assert found.between_seeds == pytest.approx(distance)
    direct = [np.linalg.norm(obj - np.mean(objects, 0)) for obj in objects]
    limit = np.sqrt(np.mean(np.square(direct))) / np.linalg.norm(np.mean(objects, 0))
    assert found.between_seeds == pytest.approx(limit, rel=0.02)  # alignment finds little to gain
    assert agreed(objects[:1]).between_seeds is None


def test_the_common_shape_changes_no_diffraction() -> None:
    obj = np.roll(crystal(), (3, -5, 2), (0, 1, 2))
    runs = kept([obj, crystal(1)])
    shape = common_shape(runs, SHAPE)
    assert max(shape) < 32
    model = diffraction(in_array(placed(runs[0], shape), SHAPE))
    np.testing.assert_allclose(model, diffraction(obj), atol=1e-5 * model.max())
    # one that fills the array: the box is the array
    everywhere = np.random.default_rng(0).random(SHAPE) + 0j
    (run,) = kept([everywhere])
    assert common_shape([run], SHAPE) == SHAPE
    model = diffraction(in_array(placed(run, SHAPE), SHAPE))
    np.testing.assert_allclose(model, diffraction(everywhere), atol=1e-5 * model.max())
