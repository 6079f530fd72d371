"""Data that cannot be phased: one clear line, and what was there stays."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from support.commands import CHAIN, assert_kept, assert_refused, from_frames, precious


def frame(scan: Path, number: int) -> Path:
    return scan / "frames" / f"virtual_S0001_{number:05d}.tif"


def no_frames(scan: Path) -> None:
    for path in (scan / "frames").iterdir():
        path.unlink()


def no_folder(scan: Path) -> None:
    shutil.rmtree(scan / "frames")


def frame_missing(scan: Path) -> None:
    frame(scan, 7).unlink()


def last_frame_missing(scan: Path) -> None:
    frame(scan, 19).unlink()


def frame_truncated(scan: Path) -> None:
    frame(scan, 7).write_bytes(frame(scan, 7).read_bytes()[:1000])


def frame_empty(scan: Path) -> None:
    frame(scan, 7).write_bytes(b"")


def frame_of_another_shape(scan: Path) -> None:
    tifffile.imwrite(frame(scan, 7), np.ones((24, 20), np.int32), metadata=None)


def frames_all_zero(scan: Path) -> None:
    for path in (scan / "frames").iterdir():
        tifffile.imwrite(path, np.zeros((24, 24), np.int32), metadata=None)


def frame_negative(scan: Path) -> None:
    tifffile.imwrite(frame(scan, 7), np.full((24, 24), -1, np.int32), metadata=None)


def other_scan(scan: Path) -> None:
    path = scan / "virtual.spec"
    path.write_text(path.read_text().replace("#S 1 ", "#S 2 "))


def spec_cut(scan: Path) -> None:
    path = scan / "virtual.spec"
    text = path.read_text()
    path.write_text(text[: text.rindex("\n", 0, -40) - 3])


def spec_cut_in_header(scan: Path) -> None:
    path = scan / "virtual.spec"
    text = path.read_text()
    path.write_text(text[: text.index("#P1")])


def spec_missing(scan: Path) -> None:
    (scan / "virtual.spec").unlink()


def spec_binary(scan: Path) -> None:
    (scan / "virtual.spec").write_bytes(bytes(range(256)))


def dark_too_small(scan: Path) -> None:
    tifffile.imwrite(scan / "dark.tif", np.zeros((30, 30), np.int32), metadata=None)


def white_missing(scan: Path) -> None:
    (scan / "white.tif").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_frames, ["no reader knows it", "34idc"]),
        (no_folder, ["no such file or folder"]),
        (frame_missing, ["frame(s) 7 missing"]),
        (last_frame_missing, ["19 frames", "20 points"]),
        (frame_truncated, ["_00007.tif", "truncated"]),
        (frame_empty, ["_00007.tif"]),
        (frame_of_another_shape, ["_00007.tif", "(24, 20)"]),
        (frames_all_zero, ["zero in every unmasked voxel"]),
        (frame_negative, ["negative"]),
        (other_scan, ["no scan 1"]),
        (spec_cut, ["cut short"]),
        (spec_cut_in_header, ["cut short"]),
        (spec_missing, ["virtual.spec", "no such SPEC file"]),
        (spec_binary, ["virtual.spec", "not a SPEC file"]),
        (dark_too_small, ["dark.tif", "(30, 30)"]),
        (white_missing, ["white.tif", "no such file"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_bad_frames(spoil, words, scan, run, tmp_path):
    spoil(scan)
    out = precious(tmp_path / "out")
    assert_refused(run(*from_frames(scan, out), "--force"), *words)
    assert_kept(out)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda a: np.where(a == a.max(), np.nan, a), ["1 NaN or infinite voxel(s)"]),
        (lambda a: np.where(a == a.max(), np.inf, a), ["1 NaN or infinite voxel(s)"]),
        (lambda a: a - 1.0, ["negative"]),
        (lambda a: 0 * a, ["zero in every unmasked voxel"]),
        (lambda a: a[6], ["2 dimension(s)"]),
        (lambda a: a[:2], ["at least 4 voxels"]),
        (lambda a: a + 1j, ["complex"]),
        (lambda a: a.astype(str), ["real numbers"]),
    ],
    ids=["nan", "inf", "negative", "zero", "two-dimensional", "thin", "complex", "text"],
)
def test_bad_arrays(spoil, words, counts, run, tmp_path):
    np.save(tmp_path / "bad.npy", spoil(counts))
    out = precious(tmp_path / "out")
    call = ("reconstruct", tmp_path / "bad.npy", "-a", CHAIN, "--out", out, "--force")
    assert_refused(run(*call), "bad.npy", *words)
    assert_kept(out)


@pytest.mark.parametrize("kind", ["array", "frames"])
def test_a_mask_of_another_shape(kind, array, scan, run, tmp_path):
    np.save(tmp_path / "mask.npy", np.zeros((5, 6, 7), bool))
    out = precious(tmp_path / "out")
    if kind == "array":
        words: list[object] = ["reconstruct", array, "-a", CHAIN, "--out", out]
    else:
        words = from_frames(scan, out)
    answer = run(*words, "--mask", tmp_path / "mask.npy", "--force")
    assert_refused(answer, "mask", "(5, 6, 7)")
    assert_kept(out)


def test_the_array_of_a_file_that_holds_several(
    array: Path, run, tmp_path: Path, plain_picture
) -> None:
    counts = np.load(array)
    np.savez(tmp_path / "two.npz", a=counts, b=2 * counts)
    words = ["reconstruct", tmp_path / "two.npz", "-a", CHAIN, "-o"]
    out = precious(tmp_path / "out")
    assert_refused(run(*words, out, "--force"), "two.npz", "arrays 2 (a ", ", b ", "--dataset")
    assert_kept(out)
    code, text, _ = run(*words, tmp_path / "new", "--dataset", "b")
    assert code == 0
    assert "Measurement" in text


def test_what_was_masked_unasked_is_a_note(array: Path, run, tmp_path: Path, plain_picture) -> None:
    counts = np.load(array).astype(np.uint32)
    counts[:, 2] = 2**32 - 1
    np.save(array, counts)
    code, text, _ = run("reconstruct", array, "-a", CHAIN, "-o", tmp_path / "out")
    assert code == 0
    assert "note: " in text
    assert "largest value of an integer type (uint32)" in text


@pytest.mark.parametrize("option", ["DATA", "--out", "--mask", "--geometry", "--config", "--set"])
def test_words_that_are_not_utf_8(array: Path, run, tmp_path: Path, option: str) -> None:
    bad = os.fsdecode(b"\xff\xfe")
    data, out = (bad, "out") if option == "DATA" else (array, bad if option == "--out" else "out")
    words = ["reconstruct", data, "-a", CHAIN, "-o", tmp_path / out]
    more = [] if option in ("DATA", "--out") else [option, bad]
    assert_refused(run(*words, *more), "\\udcff\\udcfe", "is not UTF-8")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["DATA", "--mask", "--geometry", "--config"])
def test_a_named_pipe_is_no_file(array: Path, run, tmp_path: Path, option: str) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    pipe = tmp_path / "pipe.npy"
    more = [] if option == "DATA" else [option, pipe]
    data = pipe if option == "DATA" else array
    answer = run("reconstruct", data, "-a", CHAIN, "-o", tmp_path / "out", *more)
    assert_refused(answer, "pipe.npy", "it is a named pipe")
