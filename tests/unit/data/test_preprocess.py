"""Preprocessing: what it promises about counts, masks and the place of the peak."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.data.prepare import prepare
from cdi_ml_plugin.data.preprocess import (
    apply_mask,
    bin,
    centre,
    crop,
    good_shape,
    mask_hot_pixels,
    peak,
    threshold,
    with_geometry,
)
from cdi_ml_plugin.errors import MeasurementError, ParameterError

sizes = st.tuples(*[st.integers(5, 12)] * 3)


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    """Noise with a peak anywhere, some voxels masked."""
    shape = draw(sizes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    counts = rng.poisson(draw(st.floats(0.1, 30)), shape)
    at = tuple(draw(st.integers(0, n - 1)) for n in shape)
    counts[at] = draw(st.integers(50, 200))
    mask = rng.random(shape) < draw(st.floats(0, 0.5))
    mask[at] = False
    return Measurement(counts, mask)


def crystal(n: int = 48, oversampling: float = 3.0) -> np.ndarray:
    """Noise-free pattern of a box, 1e6 at the peak, which is at n // 2."""
    box = np.abs(np.arange(n) - n // 2) < n / oversampling / 2
    line = np.abs(np.fft.fftshift(np.fft.fft(box))) ** 2
    pattern = line[:, None, None] * line[:, None] * line
    return 1e6 * pattern / pattern.max()


# Laws


@given(measurements(), sizes)
def test_centre_puts_the_peak_at_half(m: Measurement, shape: tuple[int, int, int]) -> None:
    new = centre(m, shape)
    middle = tuple(n // 2 for n in shape)
    assert new.shape == shape
    assert new.intensity[middle] == m.intensity[peak(m)]
    assert peak(new) == middle


@given(measurements(), sizes)
def test_crop_keeps_the_middle_voxel(m: Measurement, shape: tuple[int, int, int]) -> None:
    m = centre(m)
    new = crop(m, shape)
    middle, before = tuple(n // 2 for n in shape), tuple(n // 2 for n in m.shape)
    assert new.intensity[middle] == m.intensity[before] > 0
    assert peak(new) == middle


@given(measurements())
def test_centre_twice_is_centre_once(m: Measurement) -> None:
    once = centre(m)
    twice = centre(once)
    np.testing.assert_array_equal(twice.intensity, once.intensity)
    np.testing.assert_array_equal(twice.mask, once.mask)


@given(measurements(), st.floats(0, 40))
def test_threshold_twice_is_threshold_once(m: Measurement, level: float) -> None:
    once = threshold(m, level)
    np.testing.assert_array_equal(threshold(once, level).intensity, once.intensity)
    np.testing.assert_array_equal(once.mask, m.mask)
    assert once.intensity[once.intensity > 0].min() > level


@given(measurements())
def test_centre_loses_only_what_is_cut_off(m: Measurement) -> None:
    new = centre(m)
    shift = [p - n // 2 for p, n in zip(peak(m), m.shape, strict=True)]
    pairs = zip(shift, m.shape, strict=True)
    kept = tuple(slice(max(s, 0), n + min(s, 0)) for s, n in pairs)
    assert new.intensity.sum(dtype=float) == m.intensity[kept].sum(dtype=float)
    assert (~new.mask).sum() == (~m.mask[kept]).sum()
    padded = centre(m, tuple(2 * n + 1 for n in m.shape))
    assert padded.intensity.sum(dtype=float) == m.intensity.sum(dtype=float)
    assert (~padded.mask).sum() == (~m.mask).sum()


@given(measurements(), st.tuples(*[st.integers(1, 2)] * 3))
def test_binning_conserves_counts_of_unmasked_data(
    m: Measurement, factors: tuple[int, int, int]
) -> None:
    m = Measurement(m.intensity)
    if min(n // k for n, k in zip(m.shape, factors, strict=True)) < 4:
        with pytest.raises(ParameterError, match="binning"):
            bin(m, factors)
        return
    new = bin(m, factors)
    kept = m.intensity[tuple(slice(0, n - n % k) for n, k in zip(m.shape, factors, strict=True))]
    assert new.intensity.sum(dtype=float) == kept.sum(dtype=float)
    assert new.shape == tuple(n // k for n, k in zip(m.shape, factors, strict=True))


@settings(deadline=None)
@given(measurements())
def test_masks_are_never_lost(m: Measurement) -> None:
    assert (threshold(m, 3).mask >= m.mask).all()
    assert (mask_hot_pixels(m).mask >= m.mask).all()
    assert (apply_mask(m, np.zeros(m.shape, bool)).mask == m.mask).all()
    shape = tuple(n + 3 for n in m.shape)
    new = crop(m, shape)
    start = [n // 2 - k // 2 for n, k in zip(shape, m.shape, strict=True)]
    inner = tuple(slice(s, s + k) for s, k in zip(start, m.shape, strict=True))
    np.testing.assert_array_equal(new.mask[inner], m.mask)
    assert (~new.mask).sum() == (~m.mask).sum()


# Binning and masks


def test_a_block_is_masked_when_more_than_half_of_it_is() -> None:
    counts = np.full((8, 8, 8), 3.0)
    mask = np.zeros((8, 8, 8), bool)
    mask[0, 0, :2] = mask[0, 1, :2] = True  # half of the first block
    mask[2:4, 0:2, 0:2] = True
    mask[2, 0, 0] = False  # seven eighths of another
    new = bin(Measurement(counts, mask), (2, 2, 2))
    assert new.intensity[0, 0, 0] == 24  # scaled up from 12
    assert not new.mask[0, 0, 0]
    assert new.mask[1, 0, 0]
    assert new.mask.sum() == 1


# Hot pixels


@pytest.mark.parametrize("oversampling", [1.5, 2.0, 2.4, 3.0, 4.2])
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_nothing_of_a_clean_pattern_is_hot(oversampling: float, scale: float) -> None:
    pattern = scale * crystal(oversampling=oversampling)
    assert not mask_hot_pixels(Measurement(pattern)).mask.any()
    noisy = np.random.default_rng(1).poisson(pattern + 0.1)
    assert not mask_hot_pixels(Measurement(noisy)).mask.any()


def test_hot_voxels_and_pixels_are_found_and_nothing_else() -> None:
    counts = np.random.default_rng(2).poisson(crystal() + 0.1)
    hot = np.zeros(counts.shape, bool)
    hot[10, 5, 5] = hot[10, 5, 6] = True  # a particle's track, two voxels
    hot[:, 40, 3] = True  # a pixel, in all frames
    hot[:, 2, 44] = True  # a dim one
    counts[10, 5, 5:7] = 5000, 2000
    counts[:, 40, 3] = 10**7  # brighter than the peak
    counts[:, 2, 44] += 6
    m = mask_hot_pixels(Measurement(counts))
    np.testing.assert_array_equal(m.mask, hot)
    assert m.provenance["steps"] == (
        f"hot pixels: {2 + 2 * 48} voxels masked, 2 pixels in all frames",
    )
    assert peak(Measurement(counts)) == (24, 24, 24)  # also while it is not masked


def test_the_peak_at_the_edge_of_a_gap_is_not_hot() -> None:
    mask = np.zeros((48, 48, 48), bool)
    mask[:, 25:30] = mask[:, :, 25:29] = True
    assert not (mask_hot_pixels(Measurement(crystal(), mask)).mask & ~mask).any()


# prepare and provenance


def test_prepare_says_what_it_did_and_where_voxels_came_from() -> None:
    counts = np.roll(crystal(), (3, -4, 5), (0, 1, 2))
    m = Measurement(counts, provenance={"source": "simulated"})
    frame = np.zeros((48, 48), bool)
    frame[0] = True
    # between the fringes of an ideal box are frames without a count
    new = prepare(
        m, threshold=0.5, binning=(1, 2, 2), crop=(40, 22, 20), mask=frame, lost_frames=False
    )
    assert new.shape == (40, 22, 20)
    assert new.provenance["source"] == "simulated"
    assert [step.split()[0] for step in new.provenance["steps"]] == [
        "mask", "hot", "threshold", "binning", "centre"
    ]  # fmt: skip
    assert new.provenance["binning"] == (1, 2, 2)
    origin, binning = new.provenance["origin"], new.provenance["binning"]
    z, y, x = (o + 7 * b for o, b in zip(origin, binning, strict=True))
    block = counts[z, y : y + 2, x : x + 2]
    assert new.intensity[7, 7, 7] == pytest.approx(np.where(block > 0.5, block, 0).sum(), rel=1e-6)
    at = new.provenance["peak"]
    assert np.abs(np.subtract(at, (27, 20, 29))).max() <= 1
    assert m.provenance == {"source": "simulated"}  # the first one is as it was


def test_prepare_pads_to_sizes_that_are_fast() -> None:
    assert good_shape((201, 256, 127)) == (210, 256, 128)
    assert prepare(Measurement(crystal(47))).shape == (48, 48, 48)


# Bad input


@pytest.mark.parametrize("level", [-1, float("nan"), float("inf")])
def test_threshold_must_be_a_number_of_counts(level: float) -> None:
    with pytest.raises(ParameterError, match=r"threshold = .*: give a finite number from 0"):
        threshold(Measurement(crystal()), level)


def test_threshold_above_everything() -> None:
    with pytest.raises(MeasurementError, match=r"threshold 1e\+07 leaves nothing, .* has 1e\+06"):
        threshold(Measurement(crystal()), 1e7)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 0), (8, 8, 8.5), (8, 8, True), (3, 8, 8)])
def test_shape_must_be_three_sizes(shape: tuple[int, ...]) -> None:
    for step in (crop, centre):
        with pytest.raises(ParameterError, match="give three whole numbers of at least 4"):
            step(Measurement(crystal()), shape)


def test_binning_factors_must_be_positive() -> None:
    with pytest.raises(ParameterError, match=r"binning factors \(0, 1, 1\): give three"):
        bin(Measurement(crystal()), (0, 1, 1))


def test_crop_beside_the_counts() -> None:
    counts = np.zeros((16, 16, 16))
    counts[0, 0, 0] = 1
    with pytest.raises(MeasurementError, match="hold no counts: centre the peak first"):
        crop(Measurement(counts), (8, 8, 8))


def test_mask_of_another_shape() -> None:
    with pytest.raises(MeasurementError, match=r"mask has shape \(5, 48\)"):
        prepare(Measurement(crystal()), mask=np.zeros((5, 48)))


@pytest.mark.parametrize(("ratio", "floor"), [(1, 20), (10, -1), (float("nan"), 1)])
def test_hot_pixel_settings(ratio: float, floor: float) -> None:
    with pytest.raises(ParameterError, match=r"use a ratio above 1|(ratio|floor) = .*: give a"):
        mask_hot_pixels(Measurement(crystal()), ratio=ratio, floor=floor)


def test_geometry_by_plain_numbers():
    numbers = {
        "energy": 9.0, "distance": 0.5, "step": 0.01, "theta": 0.2, "chi": 90.0, "phi": -5.0,
        "delta": 32.0, "gamma": 12.6,
    }  # fmt: skip
    counts = np.zeros((16, 20, 24))
    counts[6:9, 9:12, 13:16] = 5
    counts[7, 10, 14] = 50
    measurement = prepare(with_geometry(Measurement(counts), numbers), binning=(1, 2, 2))
    geometry = measurement.geometry
    assert np.abs(np.subtract(geometry.reference, (7, 10, 14))).max() <= 1  # within a binned voxel
    assert geometry.binning == (1, 2, 2)
    assert geometry.angles["delta"] == 32.0
    assert prepare(Measurement(counts)).geometry is None
    del numbers["gamma"], numbers["distance"]
    with pytest.raises(ParameterError, match="no distance, gamma: give them too"):
        _ = prepare(with_geometry(Measurement(counts), numbers)).geometry
    with pytest.raises(ParameterError, match="unknown parameter 'enregy'"):
        with_geometry(Measurement(counts), {"enregy": 9.0})
