"""Reading array files and cohere experiments; bad input is one clear line."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from openpyxl import Workbook

from cdi_ml_plugin.errors import CdiMlError, MeasurementError, ParameterError, ReadError
from cdi_ml_plugin.io.arrays import files, read_array, read_mask
from cdi_ml_plugin.io.cohere import read_config, read_experiment
from cdi_ml_plugin.io.readers import load

COUNTS = np.random.default_rng(0).poisson(5.0, (6, 8, 10)).astype(np.int32)


def one_line(error: pytest.ExceptionInfo[CdiMlError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


# Arrays


def save(path: Path, data: np.ndarray, name: str = "entry_1/data_1/data") -> Path:
    match path.suffix:
        case ".npy":
            np.save(path, data)
        case ".npz":
            np.savez(path, data=data)
        case ".tif" | ".tiff":
            tifffile.imwrite(path, data)
        case _:
            with h5py.File(path, "w") as file:
                file[name] = data
    return path


SUFFIXES = [".npy", ".npz", ".tif", ".tiff", ".cxi", ".h5", ".nxs"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_array_files(tmp_path: Path, suffix: str) -> None:
    m = load(save(tmp_path / f"a{suffix}", COUNTS))
    np.testing.assert_array_equal(m.intensity, COUNTS)
    assert not m.mask.any()
    assert m.provenance["source"].endswith(f"a{suffix}")
    frame = save(tmp_path / f"mask{suffix}", (COUNTS[0] > 7).astype(np.uint8))
    m = load(tmp_path / f"a{suffix}", mask=frame)
    np.testing.assert_array_equal(m.mask, np.broadcast_to(COUNTS[0] > 7, m.shape))


def test_npz_keys(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mask=COUNTS > 7, other=COUNTS)
    np.testing.assert_array_equal(load(tmp_path / "a.npz").mask, COUNTS > 7)
    np.savez(tmp_path / "b.npz", first=COUNTS[:4], data=COUNTS)
    assert load(tmp_path / "b.npz", mask=tmp_path / "a.npz").shape == COUNTS.shape
    np.savez(tmp_path / "c.npz", mask=COUNTS > 7)
    np.testing.assert_array_equal(read_mask(tmp_path / "c.npz"), COUNTS > 7)


@pytest.mark.parametrize("name", ["entry_1/image_1/data", "entry_1/data_1/data", "scan/only"])
def test_hdf5_places(tmp_path: Path, name: str) -> None:
    np.testing.assert_array_equal(load(save(tmp_path / "a.h5", COUNTS, name)).intensity, COUNTS)


def test_cxi_raw_data_with_their_mask_come_first(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.cxi", "w") as file:
        file["entry_1/data_1/data"] = np.ones((4, 4, 4))
        detector = file.create_group("entry_1/instrument_1/detector_1")
        detector["data"] = COUNTS
        detector["mask"] = np.where(COUNTS > 7, 4, 0)  # CXI keeps reasons as bits
    m = load(tmp_path / "a.cxi")
    np.testing.assert_array_equal(m.mask, COUNTS > 7)
    np.testing.assert_array_equal(m.intensity, np.where(COUNTS > 7, 0, COUNTS))


def test_mask_beside_the_data(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.cxi", "w") as file:
        file["entry_1/instrument_1/detector_1/data"] = COUNTS
        file["entry_1/instrument_1/detector_1/mask"] = COUNTS[0] > 7  # of the detector: one frame
    both = save(tmp_path / "m.npy", COUNTS > 8)
    mask = load(tmp_path / "a.cxi", mask=both).mask
    np.testing.assert_array_equal(mask, (COUNTS[0] > 7) | (COUNTS > 8))
    with pytest.raises(MeasurementError, match=r"a.cxi: mask has shape \(5,\)"):
        load(tmp_path / "a.cxi", mask=save(tmp_path / "m.npy", np.zeros(5)))
    np.savez(tmp_path / "b.npz", data=COUNTS, mask=np.zeros(5))
    with pytest.raises(MeasurementError, match=r"b.npz: mask has shape \(5,\)"):
        load(tmp_path / "b.npz", mask=both)


def test_nexus_default(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.nxs", "w") as file:
        file["other"] = np.ones((4, 4, 4))
        file.attrs["default"] = "scan"
        entry = file.create_group("scan")
        entry.attrs.update(NX_class="NXentry", default="plot")
        plot = entry.create_group("plot")
        plot.attrs.update(NX_class="NXdata", signal="counts")
        plot["counts"] = COUNTS
    np.testing.assert_array_equal(load(tmp_path / "a.nxs").intensity, COUNTS)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("left", [0.0, 0.05, 0.5, 0.95])
def test_damaged_files(
    tmp_path: Path, suffix: str, left: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save(tmp_path / f"a{suffix}", COUNTS)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left * len(whole))])
    with pytest.raises(ReadError, match=f"a{suffix}: truncated") as error:
        load(path)
    assert one_line(error)
    assert capfd.readouterr() == ("", "")


def test_damage_that_no_decoder_foresees(tmp_path: Path) -> None:
    """NumPy raises TokenError on such a header, tifffile ZeroDivisionError on a width of 0."""
    (tmp_path / "h.npy").write_bytes(b"\x93NUMPY\x01\x00\x10\x00{(" + b" " * 14 + b"\n0000")
    tifffile.imwrite(tmp_path / "w.tif", COUNTS[0])
    image = bytearray((tmp_path / "w.tif").read_bytes())
    first = int.from_bytes(image[4:8], "little")
    for entry in range(first + 2, first + 2 + 12 * image[first], 12):
        if int.from_bytes(image[entry : entry + 2], "little") == 256:  # ImageWidth
            image[entry + 8 : entry + 12] = bytes(4)
    (tmp_path / "w.tif").write_bytes(image)
    for name in ("h.npy", "w.tif"):
        with pytest.raises(ReadError, match=f"{name}: truncated, damaged") as error:
            load(tmp_path / name)
        assert one_line(error)


@pytest.mark.parametrize("left", [0.4, 0.6, 0.8, 0.95])
def test_stack_that_lost_its_last_frames(tmp_path: Path, left: float) -> None:
    # Written page by page, as detectors do; tifffile would return the pages that are left.
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for frame in COUNTS:
            file.write(frame, metadata=None, contiguous=False)
    whole = (tmp_path / "a.tif").read_bytes()
    np.testing.assert_array_equal(load(tmp_path / "a.tif").intensity, COUNTS)
    (tmp_path / "a.tif").write_bytes(whole[: int(left * len(whole))])
    with pytest.raises(ReadError, match=r"a.tif: truncated"):
        load(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".cxi"])
def test_complex_object(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", COUNTS + 1j)
    with pytest.raises(ReadError, match="a complex object, not an intensity"):
        load(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_pickled_objects_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    objects = np.array([{"a": 1}], dtype=object)
    with path.open("wb") as file:
        (np.save if suffix == ".npy" else np.savez)(file, objects)
    with pytest.raises(ReadError, match="Object arrays cannot be loaded"):
        load(path)


def test_files_under_another_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=COUNTS)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(ReadError, match=r"not a .npy file but a .npz archive"):
        load(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "b.npz", "w"):
        pass
    with pytest.raises(ReadError, match="the archive holds no array"):
        load(tmp_path / "b.npz")
    (tmp_path / "a.mat").write_bytes(b"x")
    with pytest.raises(ReadError, match=r"a.mat: no reader knows it: there are .*array"):
        load(tmp_path / "a.mat")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = file["b"] = COUNTS
        file["c"] = COUNTS[0]
    with pytest.raises(
        ReadError, match=r"three-dimensional datasets 2 \(a 6 × 8 × 10, b 6 .*\) where one"
    ):
        load(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (COUNTS[0], r"a.npy: intensity has 2 dimension\(s\), shape \(8, 10\)"),
        (np.where(COUNTS > 7, np.nan, COUNTS), "a.npy: intensity holds .* NaN"),
        (COUNTS - 5, "a.npy: intensity is negative"),
        (0 * COUNTS, "a.npy: intensity is zero"),
    ],
)
def test_arrays_that_are_no_measurement(tmp_path: Path, data: np.ndarray, words: str) -> None:
    with pytest.raises(MeasurementError, match=words):
        load(save(tmp_path / "a.npy", data))


def test_bad_masks(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", COUNTS)
    with pytest.raises(MeasurementError, match=r"a.npy: mask has shape \(6, 8, 9\)"):
        load(path, mask=save(tmp_path / "m.npy", COUNTS[:, :, :9] > 7))
    with pytest.raises(ReadError, match=r"m.npy: a mask holds booleans, or 0 and 1"):
        load(path, mask=save(tmp_path / "m.npy", COUNTS))
    with pytest.raises(ReadError, match=r"absent.npy: no such file"):
        load(path, mask=tmp_path / "absent.npy")


def test_what_a_folder_holds(tmp_path: Path) -> None:
    frames, arrays, cohere, empty = (tmp_path / n for n in ("frames", "arrays", "cohere", "empty"))
    for folder in (frames, arrays, cohere / "conf", empty):
        folder.mkdir(parents=True)
    for number in range(3):
        tifffile.imwrite(frames / f"a_{number}.tif", np.zeros((5, 6), dtype=np.int32))
        tifffile.imwrite(arrays / f"b_{number}.tif", np.zeros((4, 5, 6), dtype=np.int32))
    np.save(arrays / "c.npy", np.zeros(3))
    (arrays / "readme.txt").write_text("")
    assert files(frames) == [frames]
    assert [p.name for p in files(arrays)] == ["b_0.tif", "b_1.tif", "b_2.tif", "c.npy"]
    assert files(cohere) == [cohere]
    assert files(tmp_path / "nothing.npy") == [tmp_path / "nothing.npy"]
    with pytest.raises(ReadError, match="no array file"):
        files(empty)


def test_options_for_frames_only(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", COUNTS)
    with pytest.raises(ParameterError, match=r"scan, spec: not for .*: it takes dataset, mask"):
        load(path, spec="a.spec", scan=3)
    with pytest.raises(ParameterError, match=r"monitor: not for .*a.npy, which reader array"):
        load(path, monitor=True)


# cohere


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    folder = tmp_path / "exp"
    (folder / "conf").mkdir(parents=True)
    (folder / "phasing_data").mkdir()
    (folder / "conf" / "config").write_text('scan = "54"\n')
    amplitude = np.sqrt(COUNTS).astype(np.float32)
    amplitude[2] = -1  # a frame that is missing
    tifffile.imwrite(folder / "phasing_data" / "data.tif", amplitude)
    return folder


def test_cohere_experiment(experiment: Path) -> None:
    m = load(experiment)
    missing = np.zeros(COUNTS.shape, bool)
    missing[2] = True
    np.testing.assert_array_equal(m.mask, missing)
    np.testing.assert_allclose(m.intensity[~missing], COUNTS[~missing], rtol=1e-6)
    assert m.provenance["config"] == {"scan": "54"}
    unknown = read_experiment(experiment, zeros="unknown")
    np.testing.assert_array_equal(unknown.mask, missing | (COUNTS == 0))
    with pytest.raises(ParameterError, match="zeros is 'none'"):
        read_experiment(experiment, zeros="none")


@pytest.mark.parametrize(
    ("scan", "added", "noted"),
    [("54", None, 54), ("53-54", None, 53), ("54.2", None, "54.2"), ("x,53", None, "x"), ("-54", None, ""),
     ("52-55", 53, 53)],
)  # fmt: skip
def test_scan_of_a_cohere_experiment(
    experiment: Path, scan: str, added: int | None, noted: int | str
) -> None:
    """Of several the first that cohere `added`, on whose voxels the others lie."""
    (experiment / "conf" / "config").write_text(f'scan = "{scan}"\n')
    (experiment / "conf" / "config_instr").write_text('specfile = "a.spec"\n')
    (experiment / "preprocessed_data").mkdir()
    book = Workbook()
    book.active.append([*["scan"][: bool(added)], "max ind (x)", "max ind (y)", "max ind frame"])
    book.active.append([*[added][: bool(added)], 1, 2, 3])
    book.save(experiment / "preprocessed_data" / "preprocess.xlsx")
    m = load(experiment)
    assert (m.provenance["scan"], m.provenance["peak"]) == (noted, (3, 2, 1))


def test_cohere_data_are_read_through_the_experiment_only(experiment: Path) -> None:
    with pytest.raises(ReadError, match=r"keeps amplitudes .* experiment folder, .*exp"):
        read_array(experiment / "phasing_data" / "data.tif")
    (experiment / "phasing_data" / "data.tif").unlink()
    with pytest.raises(ReadError, match=r"data.tif: no such file: run cohere's"):
        load(experiment)


def test_config(tmp_path: Path) -> None:
    (tmp_path / "config_rec").write_text(
        "# a comment = 1\n/ another = 2\n\n"
        'algorithm_sequence = "3*(20*ER+180*HIO)+20*ER"\n'
        "hio_beta = .9 # at the end\n"
        'note = "a = b"\n'
        "roi = (1, (2, 3), 4)\n"
        "one = (7)\n"
        'quoted = ("3*(20*ER)", 1)\n'
        "switch = True\n"
        "  shrink_wrap_trigger=[1,1]  \n"
    )
    assert read_config(tmp_path / "config_rec") == {
        "algorithm_sequence": "3*(20*ER+180*HIO)+20*ER",
        "hio_beta": 0.9,
        "note": "a = b",
        "roi": [1, [2, 3], 4],
        "one": [7],
        "quoted": ["3*(20*ER)", 1],
        "switch": True,
        "shrink_wrap_trigger": [1, 1],
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hio_beta 0.9", "'hio_beta 0.9' is not of the form key = value"),
        ("= 3", "not of the form"),
        ("beamline = aps_34idc", "value of beamline, aps_34idc, is not a number, a list or a str"),
        ("roi = (1, 2", "value of roi"),
        ("x =", "value of x"),
        ("x = __import__('os').getcwd()", "value of x"),
    ],
)
def test_bad_config(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "config_rec").write_text(f"a = 1\n{line}\n")
    with pytest.raises(ReadError, match=words) as error:
        read_config(tmp_path / "config_rec")
    assert "config_rec, line 2: " in one_line(error)


def test_config_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="config_rec: no such file"):
        read_config(tmp_path / "config_rec")
    (tmp_path / "config_rec").write_bytes(b"a = '\xff\xfe'\n")
    with pytest.raises(ReadError, match="it is not text"):
        read_config(tmp_path / "config_rec")
