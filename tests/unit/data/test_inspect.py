"""What an inspection finds in patterns of known crystals, and in spoilt ones."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from scipy.fft import next_fast_len

from cdi_ml_plugin import Measurement, inspect, prepare
from cdi_ml_plugin.data.extents import extents
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (64, 72, 80)
PEAK = (34, 30, 43)
NOISE = 0.3


def pattern(seed: int, size: float, shape=SHAPE, photons: float = 2e7):
    """Expected counts of a crystal, centred, and the voxels that it covers along each axis."""
    rng = np.random.default_rng(seed)
    obj = strained_crystal(shape, np.eye(3), size=size, rng=rng, phase_range=1.0)
    inside = np.abs(obj) > 0.2
    spans = [np.ptp(np.flatnonzero(inside.any(axes))) + 1 for axes in ((1, 2), (0, 2), (0, 1))]
    intensity = diffraction(obj)
    return intensity * (photons / intensity.sum()), np.array(spans)


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    """A scan whose peak is not in the middle, above a flat background."""
    expected, _ = pattern(1, 14)
    moved = [p - m for p, m in zip(PEAK, np.unravel_index(expected.argmax(), SHAPE), strict=True)]
    expected = np.roll(expected, moved, (0, 1, 2)) + NOISE
    return np.random.default_rng(0).poisson(expected)


def levels(found) -> dict[str, str]:
    return {check.name: check.level for check in found.checks}


def test_good_data_are_described_and_in_order(counts: np.ndarray) -> None:
    found = inspect(counts)
    assert set(levels(found).values()) == {"green"}, [str(check) for check in found.checks]
    assert found.shape == SHAPE
    assert found.whole
    assert found.counts == counts.sum()
    assert found.highest == counts.max()
    np.testing.assert_allclose(found.frame_counts, counts.sum((1, 2)))
    np.testing.assert_allclose(found.frame_highest, counts.max((1, 2)))
    assert found.peak == np.unravel_index(counts.argmax(), SHAPE)
    np.testing.assert_allclose(found.centre_of_mass, PEAK, atol=1)
    assert (found.masked, found.hot, found.saturated) == (0, 0, 0)
    assert (found.lost, found.empty, found.stale) == ((), (), ())
    assert found.noise == pytest.approx(NOISE, rel=0.5)


@pytest.mark.parametrize("seed", range(6))
def test_oversampling_is_that_of_the_crystal(seed: int) -> None:
    expected, spans = pattern(seed, 15 + seed)
    found = inspect(np.random.default_rng(seed).poisson(expected + NOISE))
    np.testing.assert_allclose(found.oversampling, np.array(SHAPE) / spans, rtol=0.15)
    np.testing.assert_allclose(
        np.multiply(found.extents, found.oversampling), found.crop, rtol=1e-6
    )


def test_masked_voxels_hardly_change_the_extents() -> None:
    expected, _ = pattern(3, 15)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 44:46] = True
    mask |= np.random.default_rng(0).random(SHAPE) < 0.05
    whole = extents(expected.astype(np.float32), np.zeros_like(mask))
    part = extents(np.where(mask, 0, expected).astype(np.float32), mask)
    np.testing.assert_allclose(part, whole, rtol=0.1)


def test_the_threshold_silences_most_of_the_background_and_no_more(counts: np.ndarray) -> None:
    level = inspect(counts).threshold
    noise = np.random.default_rng(5).poisson(NOISE, 10**6)
    assert (noise > level).mean() < 0.1 < (noise > level - 1).mean()
    assert inspect(counts * 1e-6).threshold == pytest.approx(level * 1e-6, rel=0.1)


def test_without_a_background_there_is_no_threshold() -> None:
    expected, _ = pattern(1, 14, photons=1e5)
    y = np.abs(np.arange(SHAPE[1]) - SHAPE[1] // 2)[:, None]
    expected = np.where(y > 20, 0, expected)
    assert inspect(np.random.default_rng(0).poisson(expected)).threshold == 0


def test_the_crop_holds_the_signal_and_is_fast(counts: np.ndarray) -> None:
    found = inspect(counts)
    above = np.where(counts > 3, counts, 0)  # of the background three in ten thousand are
    part = prepare(above, crop=found.crop, hot_pixels=False)
    assert found.kept == pytest.approx(part.intensity.sum() / above.sum(), abs=1e-3)
    assert found.kept > 0.996
    for n, whole in zip(found.crop, SHAPE, strict=True):
        assert n % 2 == 0
        assert n == next_fast_len(n)
        assert 32 <= n <= next_fast_len(whole)
    smaller = prepare(above, crop=[3 * n // 4 for n in found.crop])
    assert smaller.intensity.sum() < 0.9985 * above.sum()


def test_what_is_given_is_taken(counts: np.ndarray) -> None:
    found = inspect(counts, threshold=3, binning=(1, 2, 3), crop=(40, 24, 20))
    assert (found.threshold, found.binning, found.crop) == (3, (1, 2, 3), (40, 24, 20))
    plain = inspect(counts)
    assert found.peak == plain.peak
    ratio = np.divide(plain.oversampling, found.oversampling)
    np.testing.assert_allclose(ratio[:2], (1, 2), rtol=0.15)
    assert (
        found.oversampling[2] == 2
    )  # or less: an autocorrelation that fills the array says no more
    assert levels(found)["oversampling"] == "red"
    assert "do not bin" in str(found.checks)


def test_frames_that_are_empty_stale_or_lost(counts: np.ndarray) -> None:
    spoilt = counts.copy()
    spoilt[33] = 0
    spoilt[40] = spoilt[39]
    found = inspect(spoilt)
    assert (found.lost, found.empty, found.stale) == ((33,), (33,), (40,))
    assert (levels(found)["frames"], levels(found)["stale frames"]) == ("amber", "red")
    assert any("frame 33 masked" in note for note in found.notes)
    assert inspect(spoilt, lost_frames=False).lost == ()


def test_hot_pixels_are_found_and_count_for_nothing(counts: np.ndarray) -> None:
    spoilt = counts.copy()
    spoilt[:, 5, 7] = 10 * counts.max()
    spoilt[50, 60, 70] = 5000
    found, plain = inspect(spoilt), inspect(counts)
    assert found.hot == SHAPE[0] + 1
    assert found.peak == plain.peak
    assert found.highest == plain.highest
    assert found.crop == plain.crop


def test_saturation(counts: np.ndarray) -> None:
    top = counts.max() // 3
    found = inspect(np.minimum(counts, top))
    assert found.saturated == (counts >= top).sum()
    assert levels(found)["saturation"] == "red"
    assert inspect(Measurement(counts, counts >= top, {"saturated": 3})).saturated == 3


def test_a_mask_at_the_peak_and_a_peak_at_the_end(counts: np.ndarray) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, PEAK[1] + 2] = True
    found = inspect(Measurement(counts, mask))
    assert found.masked == mask.sum()
    assert found.masked_near_peak > 0
    assert levels(found)["mask"] == "amber"
    cut = inspect(counts[PEAK[0] - 3 :])
    assert levels(cut)["peak"] == "red"
    assert max(cut.beyond) == cut.beyond[0] > 0.3


def test_a_second_crystal_beside_it(counts: np.ndarray) -> None:
    other = counts + np.roll(counts, -28, 2) * 9 // 10
    assert levels(inspect(other))["peak"] == "amber"


def test_few_counts() -> None:
    expected, _ = pattern(1, 14, photons=1e5)
    assert levels(inspect(np.random.default_rng(0).poisson(expected)))["counts"] == "amber"


def test_fringes_in_the_corners_are_no_noise() -> None:
    """A crop so tight that no corner is dark: what is there must not be cut off as noise."""
    expected, _ = pattern(2, 10, (32, 32, 32), photons=1e8)
    found = inspect(np.random.default_rng(0).poisson(expected))
    assert found.threshold == 0
    assert levels(found)["noise"] == "amber"
    assert found.crop == (32, 32, 32)


def test_numbers_are_plain(counts: np.ndarray) -> None:
    def kinds(value) -> set[type]:
        if isinstance(value, list | tuple):
            return set().union(*map(kinds, value)) if value else set()
        return {type(value)}

    assert kinds(list(asdict(inspect(counts)).values())) <= {int, float, bool, str}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scan 54", "crop64"])
def test_measured_data(data_folder, name: str) -> None:
    """Against what phasing and the authors of the data say of them."""
    import tifffile

    from cdi_ml_plugin import load

    if name == "crop64":
        found = inspect(tifffile.imread(data_folder / "crop64" / "ft_crop_64.tif"))
        assert (found.crop, found.threshold) == ((64, 64, 64), 0)
        np.testing.assert_allclose(found.extents, (20.5, 14.5, 21), rtol=0.15)
        return
    scan = data_folder / "scan_54"
    fields = {"dark": scan / "dark.tif", "white": scan / "whitefield.tif"}
    frames = scan / "Staff20-1a_S0054"
    found = inspect(load(frames, spec=scan / "example.spec", scan=54, **fields))
    assert (found.peak, found.threshold) == ((99, 127, 128), 0)
    np.testing.assert_allclose(found.oversampling, (10.9, 4.2, 3.4), rtol=0.2)
    assert set(levels(found).values()) == {"green"}
