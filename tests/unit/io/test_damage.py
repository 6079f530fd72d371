"""Damaged files read, or are refused by our own errors in one line; what is no file is never opened."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from cdi_ml_plugin.errors import CdiMlError, ParameterError, ReadError, TooLargeError
from cdi_ml_plugin.io.arrays import read_mask
from cdi_ml_plugin.io.cohere import read_config, read_continue
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.utils import memory
from cdi_ml_plugin.workflow.load import read_prepared
from support.damage import BYTES, damaged
from support.sound import COUNTS, SUFFIXES, sound


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_damage(tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = sound(tmp_path, suffix)
    np.testing.assert_array_equal(load(path).intensity, np.where(load(path).mask, 0, COUNTS))
    said = []
    for data in damaged(path.read_bytes(), 3, 60, BYTES):
        path.write_bytes(data)
        try:
            load(path)
        except CdiMlError as error:
            said.append(str(error))
    assert len(said) > 15
    assert not [text for text in said if "\n" in text or f"sound{suffix}" not in text]
    assert "\n".join(said).encode("utf-8")
    assert capfd.readouterr() == ("", "")


def test_pages_in_a_circle(tmp_path: Path) -> None:
    path = sound(tmp_path, ".tif")
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:8], "little")
    end = first + 2 + 12 * data[first]
    data[end : end + 4] = first.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ReadError, match=r"truncated or damaged .*circular"):
        load(path)


@pytest.mark.parametrize("kind", ["U3", "M8[s]", [("a", "f4")]])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_types_that_are_no_numbers(tmp_path: Path, suffix: str, kind: object) -> None:
    path = tmp_path / f"a{suffix}"
    (np.save if suffix == ".npy" else np.savez)(path, np.zeros((6, 8, 10), kind))
    with pytest.raises(ReadError, match="no real numbers: give measured counts"):
        load(path)


@pytest.mark.parametrize(
    "kind", [h5py.string_dtype(), "S3", np.dtype([("a", "f4")]), h5py.ref_dtype, "c8"]
)
def test_types_of_hdf5_that_are_no_numbers(tmp_path: Path, kind: object) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("entry_1/data_1/data", (6, 8, 10), kind)
    with pytest.raises(ReadError, match="give measured counts"):
        load(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry_1/data_1/data"] = h5py.Empty("f4")
    with pytest.raises(ReadError, match="holds nothing"):
        load(tmp_path / "a.h5")


def test_pictures_and_complex_images(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 10, 4), "u1"), photometric="rgb")
    with pytest.raises(ReadError, match="a picture in colours"):
        load(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", COUNTS * 1j)
    with pytest.raises(ReadError, match="a complex object"):
        load(tmp_path / "a.tif")


def test_what_is_no_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = sound(tmp_path, ".npy")
    for suffix in (*SUFFIXES, ".tiff"):
        os.mkfifo(f"pipe{suffix}")
        (tmp_path / f"device{suffix}").symlink_to("/dev/zero")
        for name, what in ((f"pipe{suffix}", "a named pipe"), (f"device{suffix}", "a device")):
            with pytest.raises(ReadError, match=f"{name}: no such file, it is {what}"):
                load(name)
            with pytest.raises(ReadError, match=what):
                load(data, mask=name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.npy")
        with pytest.raises(ReadError, match="it is a socket"):
            load("s.npy")
    (tmp_path / "x.npy").mkdir()
    with pytest.raises(ReadError, match="it is a folder"):
        load(data, mask=tmp_path / "x.npy")
    os.mkfifo("image.npy")
    for read in (read_config, lambda path: read_prepared(data, geometry=path)):
        with pytest.raises(ReadError, match="it is a named pipe"):
            read(tmp_path / "pipe.npy")
    with pytest.raises(ReadError, match="it is a named pipe"):
        read_continue(tmp_path, 1.0)


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.npy")
    np.save(name, COUNTS)
    with pytest.raises(ReadError, match="the name is not UTF-8") as error:
        load(name)
    assert "\\udcff.npy" in str(error.value)
    with pytest.raises(ReadError, match="the name is not UTF-8"):
        load(sound(tmp_path, ".npy"), mask=name)
    folder = tmp_path / "scan"
    folder.mkdir()
    for number in range(5):
        tifffile.imwrite(os.path.join(folder, f"\udcff{number}.tif"), COUNTS[0])
    with pytest.raises(ReadError, match="the name is not UTF-8"):
        load(folder)


def test_an_array_is_no_path() -> None:
    with pytest.raises(ParameterError, match=r"Measurement\(counts, mask\) takes arrays"):
        load(COUNTS)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="bytes is no path"):
        load(b"a.npy")  # type: ignore[arg-type]
    for name in ("a" * 5000, "a\0.npy"):
        with pytest.raises(ReadError, match="no such file or folder"):
            load(name)


def test_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free", lambda device: 1000.0)
    for suffix in SUFFIXES:
        with pytest.raises(
            TooLargeError, match=r"480 voxels need .* GB of memory, and 1e-06 GB are free"
        ):
            load(sound(tmp_path, suffix))


def test_masks_are_numbers_too(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["d"], file["mask"] = COUNTS, np.full(COUNTS.shape, b"x")
    with pytest.raises(ReadError, match=r"the mask /mask holds .*no numbers"):
        load(tmp_path / "a.h5")
    np.savez(tmp_path / "a.npz", data=COUNTS, mask=np.full(COUNTS.shape, "x"))
    with pytest.raises(ReadError, match=r"a\.npz: holds <U1, no real numbers"):
        load(tmp_path / "a.npz")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_dataset("d", (8, 10), "u1", chunks=(4, 10))[:4] = 1
    with pytest.raises(ReadError, match="this mask was never written whole"):
        read_mask(tmp_path / "m.h5")
