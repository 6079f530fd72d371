"""Reading frames; bad input is one clear line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cdi_ml_plugin.errors import CdiMlError, MeasurementError, ParameterError, ReadError
from cdi_ml_plugin.io.frames import read_frames
from cdi_ml_plugin.io.readers import load
from support.spec import POINTS, spec_text

COUNTS = np.random.default_rng(0).poisson(5.0, (POINTS, 8, 10)).astype(np.int32)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A scan of six frames, region 8 rows from 30 and 10 columns from 20, with its files."""
    frames = tmp_path / "data_S0007"
    frames.mkdir()
    for number, frame in enumerate(COUNTS):
        tifffile.imwrite(frames / f"data_S0007_{number:05}.tif", frame)
    tifffile.imwrite(frames / "overview.tif", COUNTS[0, :4, :4])  # no number: not a frame
    (tmp_path / "test.spec").write_text(spec_text())
    dark = np.zeros((512, 512), np.int32)
    dark[33, 24] = 50
    tifffile.imwrite(tmp_path / "dark.tif", dark)
    white = np.full((512, 512), 100, np.float32)
    white[32, 25] = 50
    white[34, 21] = 0
    tifffile.imwrite(tmp_path / "white.tif", white)
    return tmp_path


def read_all(scan: Path, **options: object) -> object:
    given = {"spec": scan / "test.spec", "dark": scan / "dark.tif", "white": scan / "white.tif"}
    return load(scan / "data_S0007", **(given | options))


def one_line(error: pytest.ExceptionInfo[CdiMlError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_frames_are_corrected_and_dead_pixels_masked(scan: Path) -> None:
    m = read_all(scan)
    dead = np.zeros((8, 10), bool)
    dead[3, 4] = dead[4, 1] = dead[2, 5] = True  # dark, 0 in the white field, far below its mean
    np.testing.assert_array_equal(m.mask, np.broadcast_to(dead, m.shape))
    mean = tifffile.imread(scan / "white.tif").astype(float)
    mean[:255, 255:257] = 0  # these columns are known to be bad, and cohere leaves them out
    np.testing.assert_allclose(m.intensity, COUNTS * ~dead * (mean.mean() / 100), rtol=1e-6)
    assert m.provenance["scan"] == 7
    assert m.provenance["motors"]["Delta"] == 32.174


def test_frames_without_anything_else(scan: Path) -> None:
    m = read_frames(scan / "data_S0007")
    np.testing.assert_array_equal(m.intensity, COUNTS)
    assert not m.mask.any()
    assert m.provenance["first"] == "data_S0007_00000.tif"


def test_monitor(scan: Path) -> None:
    m = read_frames(scan / "data_S0007", scan / "test.spec", monitor=True)
    monitor = 1000 + 10 * np.arange(POINTS)
    np.testing.assert_allclose(
        m.intensity, COUNTS * (monitor.mean() / monitor)[:, None, None], rtol=1e-6
    )
    text = spec_text().replace(" 3 1020", " 3 0")
    (scan / "test.spec").write_text(text)
    with pytest.raises(ReadError, match="monitor of scan 7 is missing or 0"):
        read_all(scan, monitor=True)


@pytest.mark.parametrize(
    ("roi", "rows", "columns"),
    [
        ("20 10 30 8", 0, 0),
        ("250 10 30 8", 0, 4),
        ("20 10 250 8", 5, 0),
        ("251 10 253 8", 5, 4),
        ("256 10 256 8", 0, 0),
        ("246 10 248 8", 0, 0),
        ("300 10 300 8", 0, 0),
    ],
)
def test_gap_between_the_chips(scan: Path, roi: str, rows: int, columns: int) -> None:
    (scan / "test.spec").write_text(spec_text(roi=roi))
    m = read_frames(scan / "data_S0007", scan / "test.spec")
    assert m.shape == (POINTS, 8 + rows, 10 + columns)
    x, _, y, _ = (int(word) for word in roi.split())
    gap = np.zeros(m.shape[1:], bool)
    if rows:
        gap[256 - y : 261 - y] = True
    if columns:
        gap[:, 256 - x : 260 - x] = True
    np.testing.assert_array_equal(m.mask, np.broadcast_to(gap, m.shape))
    np.testing.assert_array_equal(m.intensity[:, ~gap], COUNTS.reshape(POINTS, -1))


def test_only_the_second_chip_s_detector_has_a_gap(scan: Path) -> None:
    for name, first in (("34idcTIM1", 246), ("somethingelse", 250)):
        text = spec_text(roi=f"{first} 10 {first} 8").replace("34idcTIM2", name)
        (scan / "test.spec").write_text(text)
        assert read_frames(scan / "data_S0007", scan / "test.spec").shape == COUNTS.shape


def test_no_frames(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ReadError, match=r"no reader knows it: there are .*34idc"):
        load(tmp_path)
    (tmp_path / "overview.tif").write_bytes(b"")
    with pytest.raises(ReadError, match="no frames"):
        load(tmp_path)
    with pytest.raises(ReadError, match="no such file or folder"):
        load(tmp_path / "absent")
    with pytest.raises(ReadError, match="no such folder"):
        read_frames(tmp_path / "absent")


def spoil_missing(frames: Path) -> None:
    (frames / "data_S0007_00003.tif").unlink()


def spoil_last(frames: Path) -> None:
    (frames / "data_S0007_00005.tif").unlink()


def spoil_truncated(frames: Path) -> None:
    path = frames / "data_S0007_00003.tif"
    path.write_bytes(path.read_bytes()[:-100])


def spoil_head_only(frames: Path) -> None:
    path = frames / "data_S0007_00003.tif"
    path.write_bytes(path.read_bytes()[:8])


def spoil_tail(frames: Path) -> None:
    path = frames / "data_S0007_00003.tif"
    data = path.read_bytes()
    path.write_bytes(data[:4] + (10**6).to_bytes(4, "little") + data[8:])  # index beyond the end


def spoil_empty(frames: Path) -> None:
    (frames / "data_S0007_00003.tif").write_bytes(b"")


def spoil_shape(frames: Path) -> None:
    tifffile.imwrite(frames / "data_S0007_00003.tif", COUNTS[0, :, :9])


def spoil_colour(frames: Path) -> None:
    tifffile.imwrite(frames / "data_S0007_00000.tif", COUNTS[:3])


def spoil_twice(frames: Path) -> None:
    shutil.copy(frames / "data_S0007_00003.tif", frames / "other_3.tif")


def spoil_negative(frames: Path) -> None:
    tifffile.imwrite(frames / "data_S0007_00003.tif", np.full((8, 10), -1, np.int32))


def spoil_nan(frames: Path) -> None:
    tifffile.imwrite(frames / "data_S0007_00003.tif", np.full((8, 10), np.nan, np.float32))


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (spoil_missing, ReadError, r"frame\(s\) 3 missing between 0 and 5"),
        (spoil_last, ReadError, "5 frames, but scan 7 of .* has 6 points"),
        (spoil_truncated, ReadError, "_00003.tif: truncated, damaged"),
        (spoil_head_only, ReadError, "_00003.tif: truncated or damaged"),
        (spoil_tail, ReadError, "_00003.tif: truncated or damaged .it holds no image"),
        (spoil_empty, ReadError, "_00003.tif: truncated, damaged"),
        (spoil_shape, ReadError, r"_00003.tif: shape \(8, 9\), but the frames before have \(8, 10"),
        (spoil_colour, ReadError, r"_00000.tif: 3 dimensions, shape \(3, 8, 10\)"),
        (spoil_twice, ReadError, "_00003.tif and other_3.tif have one frame number"),
        (spoil_negative, MeasurementError, "data_S0007: intensity is negative in 77 voxel"),
        (spoil_nan, MeasurementError, "data_S0007: intensity holds 77 NaN"),
    ],
)
def test_bad_frames(
    scan: Path,
    spoil: Callable[[Path], None],
    kind: type[CdiMlError],
    words: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    spoil(scan / "data_S0007")
    with pytest.raises(kind, match=words) as error:
        read_all(scan)
    assert one_line(error)
    assert capfd.readouterr() == ("", "")


def test_frames_that_do_not_belong_to_the_scan(scan: Path) -> None:
    (scan / "test.spec").write_text(spec_text(roi="20 8 30 10"))
    with pytest.raises(ReadError, match=r"8 rows and 10 columns, but the region of scan 7 .* 10 a"):
        read_all(scan)
    for region, words in (
        ("510 10 30 8", "columns 510 to 520, and the detector only 512"),
        ("20 10 99999 8", "rows 99999 to 100007, and the detector only 512"),
        ("20 10 -128 8", "begins at -128 and has 8 rows"),
    ):
        (scan / "test.spec").write_text(spec_text(roi=region))
        with pytest.raises(ReadError, match=rf"scan 7: its #UIMR5 line .* {words}") as error:
            read_all(scan)
        assert one_line(error)
    text = spec_text(roi="510 10 30 8").replace("34idcTIM2", "larger")
    (scan / "test.spec").write_text(text)
    with pytest.raises(ReadError, match=r"white.tif: shape \(512, 512\) does not hold the region"):
        read_all(scan)
    with pytest.raises(ReadError, match=r"dark.tif: .* rows 30 to 38 and columns 510 to 520"):
        read_all(scan, white=None)
    with pytest.raises(ReadError, match=r"dark.tif: shape .* no region of interest is known"):
        read_all(scan, white=None, spec=None)
    with pytest.raises(ReadError, match=r"absent.tif: no such file"):
        read_all(scan, white=scan / "absent.tif")


def test_scan_number(scan: Path) -> None:
    with pytest.raises(ReadError, match="no scan 8"):
        load(scan / "data_S0007", spec=scan / "test.spec", scan=8)
    (scan / "data_S0007").rename(scan / "data")
    with pytest.raises(ParameterError, match="scan: give the number"):
        load(scan / "data", spec=scan / "test.spec")
    assert load(scan / "data", spec=scan / "test.spec", scan=7).shape == COUNTS.shape
    for options in ({"scan": 7}, {"monitor": True}):
        with pytest.raises(ParameterError, match="needs the SPEC file"):
            load(scan / "data", **options)


def test_mask_for_frames(scan: Path) -> None:
    np.save(scan / "m.npy", COUNTS[0] > 7)
    m = load(scan / "data_S0007", mask=scan / "m.npy")
    np.testing.assert_array_equal(m.mask, np.broadcast_to(COUNTS[0] > 7, m.shape))


@pytest.mark.parametrize("value", [-1, -2, np.nan, np.inf])
def test_a_mask_helps_before_the_check(scan: Path, value: float) -> None:
    gap = np.zeros(COUNTS.shape[1:], bool)
    gap[:, 2] = True
    np.save(scan / "m.npy", gap)
    frames = scan / "data_S0007"
    for number, image in enumerate(COUNTS):
        marked = np.where(gap, value, image).astype(np.float32)
        tifffile.imwrite(frames / f"data_S0007_{number:05d}.tif", marked)
    with pytest.raises(MeasurementError, match="mask them"):
        load(frames)
    np.testing.assert_array_equal(
        load(frames, mask=scan / "m.npy").mask, np.broadcast_to(gap, COUNTS.shape)
    )


def test_the_largest_value_of_a_type_is_no_count(scan: Path) -> None:
    frames = scan / "data_S0007"
    for number, image in enumerate(COUNTS):
        marked = image.astype(np.uint16)
        marked[4, number] = 2**16 - 1
        tifffile.imwrite(frames / f"data_S0007_{number:05d}.tif", marked)
    m = read_all(scan)
    whole = load(frames)
    assert whole.mask.sum() == len(COUNTS)
    assert all(whole.mask[number, 4, number] for number in range(len(COUNTS)))
    assert whole.notes[0].startswith(f"{len(COUNTS)} voxel(s) masked that hold the largest value")
    assert m.intensity.max() < 60000  # whatever the white field makes of it


@pytest.mark.parametrize("low", [1e-38, 1e-320])
def test_a_white_field_that_takes_counts_out_of_single_precision(scan: Path, low: float) -> None:
    white = np.full((512, 512), low)
    white[0, 0] = 1e30
    tifffile.imwrite(scan / "white.tif", white)
    with pytest.raises(MeasurementError, match=r"data_S0007: intensity .* infinite voxel"):
        read_all(scan)


@pytest.mark.parametrize("value", [1e36, 1e300, -1e300, np.inf, np.nan])
def test_a_pixel_of_the_white_field_that_is_no_count_is_dead(scan: Path, value: float) -> None:
    white = np.full((512, 512), 100.0)
    white[32, 25] = value
    tifffile.imwrite(scan / "white.tif", white)
    m = read_all(scan, dark=None)
    assert m.mask.sum() == m.mask[:, 2, 5].sum() == len(m.mask)
    np.testing.assert_allclose(m.intensity, COUNTS * ~m.mask, rtol=0.01)


@pytest.mark.parametrize("value", [1e36, 1e300])
def test_a_pixel_of_a_frame_that_is_too_large_is_refused(scan: Path, value: float) -> None:
    frame = COUNTS[3].astype(float)
    frame[1, 1] = value
    tifffile.imwrite(scan / "data_S0007" / "data_S0007_00003.tif", frame)
    with pytest.raises(MeasurementError, match=r"data_S0007: intensity .* voxel|too large"):
        read_all(scan)


@pytest.mark.parametrize("name", ["dark_20200204123456.tif", "other_900.tif", f"a_{'9' * 200}.tif"])
def test_a_number_far_off_the_others_is_named(scan: Path, name: str) -> None:
    frames = scan / "data_S0007"
    shutil.copy(frames / "data_S0007_00003.tif", frames / name)
    with pytest.raises(ReadError, match=f"{name}: a number far off the others, 0 to 5"):
        load(frames)


def test_complex_frames_are_refused(scan: Path) -> None:
    path = scan / "data_S0007" / "data_S0007_00003.tif"
    tifffile.imwrite(path, COUNTS[3] * 1j)
    with pytest.raises(ReadError, match=r"_00003\.tif: holds a complex object"):
        load(scan / "data_S0007")
