"""What was not measured is no number: it is masked or refused, and always said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, load, prepare, reconstruct
from cdi_ml_plugin.data.lost_frames import frames, mask_lost_frames
from cdi_ml_plugin.data.markers import markers
from cdi_ml_plugin.errors import MeasurementError
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (16, 20, 24)


def scan(level: float = 2000.0) -> np.ndarray:
    """A peak over a rocking curve without zeros: thousands of counts in each frame."""
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    mean = level / 200 + 3 * level * np.exp(-(z**2) / 30 - (y**2 + x**2) / 12)
    return np.random.default_rng(0).poisson(mean)


GAP = np.zeros(SHAPE, bool)
GAP[:, 3:5, 7] = True


@pytest.mark.parametrize("kind", ["u2", "u4", "u8", "i4", "i8", "u1"])
def test_the_largest_value_of_a_type_is_no_count(kind: str) -> None:
    counts = np.minimum(scan(), 200).astype(kind)
    counts[GAP] = np.iinfo(kind).max
    m = Measurement(counts)
    np.testing.assert_array_equal(m.mask, GAP)
    assert m.intensity.max() <= 200
    (note,) = m.notes
    assert note.startswith(f"{GAP.sum()} voxel(s) masked that hold the largest value")
    assert Measurement(counts, GAP).notes == ()  # a mask that covers them leaves nothing to say


@pytest.mark.parametrize("value", [2**16 - 1, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("kind", ["f4", "f8", "i8", "u8"])
def test_it_stays_one_in_a_wider_type(kind: str, value: int) -> None:
    counts = scan().astype(kind)
    counts[GAP] = value
    np.testing.assert_array_equal(Measurement(counts).mask, GAP)


def test_counts_that_only_look_like_it_stay() -> None:
    counts = scan().astype("u4")
    counts[8, 10, 12] = 65535  # the peak alone
    assert not markers(counts).any()
    counts[8, 10, 11] = 65535
    assert markers(counts).sum() == 2
    counts[8, 10, 13] = 70000  # others are higher: a detector of more than 16 bits
    assert not markers(counts).any()


@pytest.mark.parametrize("value", [-1, -2, np.nan, np.inf])
def test_negative_and_missing_values_are_refused_or_masked(value: float) -> None:
    counts = scan().astype(float)
    counts[GAP] = value
    with pytest.raises(MeasurementError, match="mask them"):
        Measurement(counts)
    np.testing.assert_array_equal(Measurement(counts, GAP).mask, GAP)
    m = prepare(counts, mask=GAP[0], hot_pixels=False, crop=SHAPE)  # before the check
    assert m.mask[:, 3:5, 7].all()
    with pytest.raises(MeasurementError, match="mask them"):
        prepare(counts)


def test_masked_arrays_are_taken_with_their_mask() -> None:
    counts = np.ma.MaskedArray(scan(), GAP)
    counts.data[GAP] = 999999
    m = Measurement(counts)
    np.testing.assert_array_equal(m.mask, GAP)
    assert m.intensity.max() < 999999
    assert "masked, as the masked array has them" in m.notes[0]
    np.testing.assert_array_equal(Measurement(scan(), np.ma.MaskedArray(0 * GAP, GAP)).mask, GAP)
    assert prepare(counts, crop=SHAPE, hot_pixels=False).mask[:, 3:5, 7].all()
    frame = np.ma.MaskedArray(0 * GAP[0], GAP[0])
    assert prepare(Measurement(scan()), mask=frame, crop=SHAPE).mask[:, 3:5, 7].all()


@pytest.mark.parametrize("kind", ["O", "U3", "S3", "m8[s]", [("a", "f4")]])
def test_what_is_no_number_is_refused(kind: object) -> None:
    with pytest.raises(MeasurementError, match="real numbers"):
        Measurement(np.zeros(SHAPE, kind))
    with pytest.raises(MeasurementError, match="mask is of type"):
        Measurement(scan(), np.zeros(SHAPE, kind))
    with pytest.raises(MeasurementError, match="real numbers"):
        Measurement(np.ma.zeros(SHAPE, kind))


def test_lists_of_unequal_lengths_are_refused() -> None:
    for call in (lambda bad: Measurement(bad), lambda bad: prepare(Measurement(scan()), mask=bad)):
        with pytest.raises(MeasurementError, match="no array of numbers"):
            call([[[1], [2, 3]]])


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ([5], "frame 5"),
        ([5, 6, 9], "frames 5-6, 9"),
        ([0, 1], "frames 0-1"),
        ([12, 13, 14, 15], "frames 12-15"),
    ],
)
def test_frames_without_a_count_between_frames_with_thousands(lost: list[int], words: str) -> None:
    counts = scan()
    counts[lost] = 0
    m = mask_lost_frames(Measurement(counts))
    np.testing.assert_array_equal(np.flatnonzero(m.mask.all(axis=(1, 2))), lost)
    assert m.notes == (m.provenance["steps"][-1],)
    assert m.notes[0].startswith(f"{words} masked: without a count")
    assert m.notes[0] in reconstruct(prepare(Measurement(counts)), "2*ER").notes


def test_dark_ends_of_a_rocking_curve_stay() -> None:
    curve = np.exp(-((np.arange(16) - 8.0) ** 2) / 3)[:, None, None]
    m = Measurement(np.random.default_rng(0).poisson(30 * curve * np.ones(SHAPE)))
    assert not m.intensity[0].any()
    assert mask_lost_frames(m) is m
    assert mask_lost_frames(Measurement(scan())).notes == ()


@pytest.mark.parametrize("lost", [[5], [5, 6, 9], [3, 13]])
def test_nearly_dark_frames_between_frames_with_thousands(lost: list[int]) -> None:
    counts = scan()
    counts[lost] = np.random.default_rng(1).poisson(0.02, (len(lost), *SHAPE[1:]))
    if lost == [3, 13]:  # as far on either side of the peak: fringes have their minima so
        assert mask_lost_frames(Measurement(counts)).notes == ()
        return
    m = mask_lost_frames(Measurement(counts))
    np.testing.assert_array_equal(np.flatnonzero(m.mask.all(axis=(1, 2))), lost)
    assert "counts or less beside frames of 1000 or more, so not recorded" in m.notes[0]


def test_narrow_curves_stay() -> None:
    """From thousands to none in one step on either side, and the fringes of a perfect slab."""
    frame = np.random.default_rng(0).poisson(30, SHAPE[1:])
    narrow = np.zeros(SHAPE)
    narrow[7:10] = frame * np.array([0.4, 1, 0.4])[:, None, None]
    assert mask_lost_frames(Measurement(narrow)).notes == ()
    z = np.arange(16) - 8
    slab = np.sinc(z / 2)[:, None, None] ** 2 * 100 * frame
    assert (slab[[4, 6, 10, 12]] < 1e-6).all()
    assert mask_lost_frames(Measurement(np.round(slab[1:]))).notes == ()
    assert mask_lost_frames(Measurement(narrow[:9])).notes == ()  # the scan stopped at the peak


@pytest.mark.parametrize("kind", ["faceted", "superellipsoid"])
def test_no_sound_frame_of_a_crystal_is_masked(kind: str) -> None:
    rng = np.random.default_rng(0)
    for size in (60, 120, 190):  # from 6 to 2 voxels of the pattern to a fringe along the scan
        for phase in (0.0, 0.5, 4.0):
            crystal = strained_crystal(
                (40, 40, 40), 10 * np.eye(3), size=size, rng=rng, kind=kind, phase_range=phase
            )
            pattern = np.abs(np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(crystal)))) ** 2
            for counts in (1e4, 1e6, 3e7):
                m = Measurement(rng.poisson(pattern * counts / pattern.sum()))
                assert mask_lost_frames(m) is m
                cut = Measurement(m.intensity[13:31])
                assert mask_lost_frames(cut) is cut


@pytest.mark.slow
def test_no_frame_of_scan_54_is_masked(data_folder: Path) -> None:
    folder = data_folder / "scan_54" / "Staff20-1a_S0054"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    m = load(folder)
    for step in (1, 3, 5):  # oversampled by 11 to 2
        for part in (slice(0, None, step), slice(90, None, step), slice(0, 110, step)):
            some = Measurement(m.intensity[part])
            assert mask_lost_frames(some) is some


def test_a_faint_first_frame_that_those_beside_it_contradict() -> None:
    curve = np.exp(-((np.arange(16) - 8.0) ** 2) / 4)[:, None, None]
    counts = np.random.default_rng(0).poisson(30 * curve * np.ones(SHAPE) / 4)
    assert mask_lost_frames(Measurement(counts)).notes == ()
    counts[0] = np.random.default_rng(1).poisson(0.15, SHAPE[1:])
    (note,) = mask_lost_frames(Measurement(counts)).notes
    assert note.startswith("frame 0 masked: ")


@pytest.mark.parametrize("end", [0, -1])
def test_a_frame_of_another_exposure_at_an_end(end: int) -> None:
    counts = scan(30.0)
    counts[end] = counts[8] * 20
    m = prepare(Measurement(counts))
    assert max(abs(np.subtract(m.provenance["peak"], (8, 10, 12)))) <= 1
    (note,) = m.notes
    assert note.startswith(f"frame {end % 16} masked: ")
    assert note.endswith("so not of this scan")
    kept = prepare(Measurement(counts), lost_frames=False)
    assert kept.provenance["peak"][0] == end % 16


def test_names_of_frames() -> None:
    assert frames([3]) == "frame 3"
    assert frames([1, 2, 3, 7, 9, 10]) == "frames 1-3, 7, 9-10"
    assert frames(list(range(0, 40, 2))).endswith("14, …")
