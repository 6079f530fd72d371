"""``cdi-ml reconstruct``: every kind of data to a result, and where the result goes."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from support.commands import (
    CHAIN,
    COMMAND,
    assert_kept,
    assert_refused,
    assert_written,
    experiment,
    from_frames,
    precious,
)
from support.results import contents


# --- frames -------------------------------------------------------------------------------------
def test_frames_to_result(scan, run, tmp_path):
    code, out, err = run(*from_frames(scan, tmp_path / "out"), "--seeds", 2)
    assert code == 0, err
    assert "best is seed" in out
    metrics = assert_written(tmp_path / "out", runs=2)
    assert "lattice spacing" in out
    assert metrics["crystal"]["size_x_nm"] > 0
    assert [one["seed"] for one in metrics["runs"]] == [0, 1]
    assert metrics["data"]["shape"] == [16, 16, 16]
    with h5py.File(tmp_path / "out" / "result.cxi") as file:
        assert file["entry_1/data_1/data"].shape == (16, 16, 16)


@pytest.mark.usefixtures("plain_picture")
def test_a_result_can_be_phased_again_with_its_geometry(scan, run, tmp_path):
    assert run(*from_frames(scan, tmp_path / "first"))[0] == 0
    words = ("--crop", 16, 16, 16, "-a", CHAIN, "--out", tmp_path / "again")
    code, _, err = run("reconstruct", tmp_path / "first" / "result.cxi", *words)
    assert code == 0, err
    first, again = assert_written(tmp_path / "first"), assert_written(tmp_path / "again")
    assert again["chi2"] == first["chi2"]
    assert again["crystal"] == first["crystal"]


@pytest.mark.usefixtures("plain_picture")
def test_a_result_does_without_the_spec_file(scan, run, tmp_path):
    assert run(*from_frames(scan, tmp_path / "first"))[0] == 0
    (scan / "virtual.spec").unlink()
    words = ("-a", CHAIN, "--out", tmp_path / "again")
    code, _, err = run("reconstruct", tmp_path / "first" / "result.cxi", *words)
    assert code == 0, err
    assert assert_written(tmp_path / "again")["crystal"]["d_spacing_nm"] > 0.2


@pytest.mark.usefixtures("plain_picture")
def test_a_geometry_that_cannot_be_read_is_a_note(scan, run, tmp_path):
    spec = scan / "virtual.spec"
    spec.write_text(spec.read_text().replace("camdist", "comdist"))
    code, out, err = run(*from_frames(scan, tmp_path / "out"))
    assert code == 0, err
    assert out.count("note: no crystal in the laboratory: ") == 1
    metrics = assert_written(tmp_path / "out")
    assert metrics["crystal"] is None
    assert "has no distance (camdist)" in metrics["notes"][-1]


@pytest.mark.usefixtures("plain_picture")
def test_one_of_two_scans_with_a_number(scan, run, tmp_path):
    spec = scan / "virtual.spec"
    text = spec.read_text()
    second = text[text.index("#S 1") :].replace("#P1 0 500 9.2 9", "#P1 nan 500 10.2 10")
    spec.write_text(f"{text}\n{second}")
    words = from_frames(scan, tmp_path / "out")
    assert_refused(run(*words), "2 scan(s) have number 1: give one of 1.1 (", "; 1.2 (")
    at = words.index("--scan") + 1
    for wrong in ("1.3", "one", "1.0"):
        assert_refused(run(*words[:at], wrong, *words[at + 1 :]), "scan")
    code, _, err = run(*words[:at], "1.2", *words[at + 1 :])
    assert code == 0, err
    data = assert_written(tmp_path / "out")["data"]["provenance"]
    assert (data["scan"], data["energy_kev"], data["motors"]["detectorX"]) == ("1.2", 10, None)
    again = ("reconstruct", tmp_path / "out" / "result.cxi", "-a", CHAIN, "--out", tmp_path / "two")
    code, _, err = run(*again)
    assert code == 0, err
    assert assert_written(tmp_path / "two")["data"]["provenance"]["scan"] == "1.2"


@pytest.mark.slow
def test_as_a_program(scan, tmp_path):
    words = map(str, from_frames(scan, tmp_path / "out"))
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert_written(tmp_path / "out")


# --- arrays and experiments ---------------------------------------------------------------------
def npy(path: Path, counts: np.ndarray) -> Path:
    np.save(path / "data.npy", counts)
    return path / "data.npy"


def npz(path: Path, counts: np.ndarray) -> Path:
    np.savez(path / "data.npz", data=counts, mask=np.zeros(counts.shape, bool))
    return path / "data.npz"


def h5(path: Path, counts: np.ndarray) -> Path:
    with h5py.File(path / "data.h5", "w") as file:
        file["entry_1/data_1/data"] = counts
    return path / "data.h5"


def tif(path: Path, counts: np.ndarray) -> Path:
    tifffile.imwrite(path / "data.tif", counts.astype(np.float32))
    return path / "data.tif"


@pytest.mark.usefixtures("plain_picture")
@pytest.mark.parametrize("make", [npy, npz, h5, tif, experiment])
def test_every_kind_of_data(make, counts, run, tmp_path):
    data = make(tmp_path, counts)
    code, _, err = run("reconstruct", data, "-a", CHAIN, "--out", tmp_path / "out")
    assert code == 0, err
    metrics = assert_written(tmp_path / "out")
    assert metrics["data"]["counts"] == pytest.approx(counts.sum())


def test_geometry_from_a_file(
    run: Callable[..., tuple[int, str, str]], array: Path, tmp_path: Path, plain_picture: None
) -> None:
    angles = {"theta": 0.2, "chi": 90.0, "phi": -5.0, "delta": 32.0, "gamma": 12.6}
    numbers = {"energy": 9.0, "distance": 0.5, "step": 0.04, "binning": [1, 1, 1], **angles}
    file = tmp_path / "geometry.json"
    file.write_text(json.dumps(numbers))
    out = tmp_path / "out"
    code, shown, _ = run("reconstruct", array, "--geometry", file, "-a", "5*ER", "--out", out)
    assert code == 0
    assert "lattice spacing" in shown
    assert (out / "result.vti").is_file()
    file.write_text(json.dumps({**numbers, "enregy": 9}))
    answer = run("reconstruct", array, "--geometry", file, "-a", "5*ER", "--out", tmp_path / "b")
    assert_refused(answer, "unknown parameter 'enregy'")
    file.write_text(json.dumps({**numbers, "energy": -9}))
    answer = run("reconstruct", array, "--geometry", file, "-a", "ER", "--out", tmp_path / "b")
    assert_refused(answer, "geometry.json", "energy is -9")
    file.write_text("[" * 200_000)
    answer = run("reconstruct", array, "--geometry", file, "-a", "5*ER", "--out", tmp_path / "b")
    assert_refused(answer, "cannot be read as JSON")
    file.write_text("[]")
    answer = run("reconstruct", array, "--geometry", file, "-a", "5*ER", "--out", tmp_path / "b")
    assert_refused(answer, "must hold one JSON object")


# --- where it writes ----------------------------------------------------------------------------
@pytest.mark.usefixtures("plain_picture")
def test_an_existing_result_is_replaced_only_by_force(array, run, tmp_path):
    out = precious(tmp_path / "out")
    words = ("reconstruct", array, "-a", CHAIN, "--out", out)
    assert_refused(run(*words), str(out), "result.cxi", "force")
    assert_kept(out)
    assert run(*words, "--force")[0] == 0
    assert_written(out)


@pytest.mark.slow
def test_a_full_disk(array, tmp_path):
    resource = pytest.importorskip("resource")
    out = precious(tmp_path / "out")
    done = subprocess.run(
        [*COMMAND, "reconstruct", str(array), "-a", CHAIN, "--out", str(out), "--force"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert_refused((done.returncode, done.stdout, done.stderr), str(out), "nothing was changed")
    assert_kept(out)


def test_a_folder_without_write_permission(array, run, tmp_path, monkeypatch):
    out = precious(tmp_path / "out")

    def refuse(*_: object, **__: object) -> None:  # root may write anywhere
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(out))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    call = ("reconstruct", array, "-a", CHAIN, "--out", out, "--force")
    assert_refused(run(*call), str(out), "cannot be written to", "Permission denied")
    assert_kept(out)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc, where not even root writes")
def test_a_folder_that_cannot_be_made(array, run):
    call = ("reconstruct", array, "-a", CHAIN, "--out", "/proc/self/out")
    assert_refused(run(*call), "/proc/self/out", "cannot be made")


def test_a_file_in_the_way(array, run, tmp_path):
    (tmp_path / "out").write_text("precious")
    for out in (tmp_path / "out", tmp_path / "out" / "deeper"):
        call = ("reconstruct", array, "-a", CHAIN, "--out", out, "--force")
        assert_refused(run(*call), "is a file, or lies below one")
    assert (tmp_path / "out").read_text() == "precious"


# --- an interruption ----------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_write_what_there_is(array, tmp_path, number):
    termios = pytest.importorskip("termios")
    ours, theirs = os.openpty()  # on a terminal there is a bar, which says that it has begun
    termios.tcsetwinsize(theirs, (24, 120))
    out = tmp_path / "out"
    words = ["reconstruct", str(array), "-a", "100000*ER", "--seeds", "2", "--out", str(out)]
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"r_p" not in shown:
            shown += os.read(ours, 1000)
        process.send_signal(number)
        assert process.stdout is not None
        text = process.stdout.read().decode()
        assert process.wait(60) == 0
    os.close(ours)
    metrics = assert_written(out)
    assert metrics["reason"] == "interrupted"
    assert "note: interrupted: 1 of 2 starts were run" in text


def test_ctrl_c_before_there_is_anything(array, run, tmp_path, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cdi_ml_plugin.io.readers.load", interrupt)
    code, _, err = run("reconstruct", array, "--out", tmp_path / "out")
    assert code == 130
    assert err.strip().splitlines()[-1] == "cdi-ml: interrupted"
    assert sorted(tmp_path.iterdir()) == [array]


@pytest.mark.usefixtures("plain_picture")
def test_an_interrupted_run_replaces_a_finished_one_only_where_told_to(
    array, run, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    assert run("reconstruct", array, "-a", "2*ER", "--out", out)[0] == 0
    whole = contents(out)

    def stop(*_: object) -> bool:
        signal.raise_signal(signal.SIGTERM)
        return False

    monkeypatch.setattr("cdi_ml_plugin.engine.progress.Progress.ended", stop)
    words = ("reconstruct", array, "-a", "3*ER", "--seeds", 2, "--out", out)
    for name in ("out-interrupted", "out-interrupted-1"):
        code, text, _ = run(*words, "--force")
        assert code == 130
        assert f"{out} is unchanged" in text
        assert "interrupted: 1 of 2 starts were run" in assert_written(tmp_path / name)["notes"]
        shutil.rmtree(tmp_path / ".out.cdi-runs")  # or the next would go on from the first start
    assert contents(out) == whole
    assert run(*words, "--force-interrupted")[0] == 0
    assert assert_written(out)["sequence"] == "3*ER"
    assert run(*words[:3], "4*ER", *words[4:], "--force")[0] == 0  # one interrupted run by another
    assert assert_written(out)["sequence"] == "4*ER"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == [".out.cdi-runs"]


def test_refused_input_leaves_nothing(run, tmp_path):
    for words in (["nothing.npy"], [tmp_path / "nothing.npy", "-a", "NO"]):
        assert run("reconstruct", *words, "--out", tmp_path / "new" / "out")[0] == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("plain_picture")
def test_a_folder_has_one_writer(array, run, tmp_path):
    out = tmp_path / "out"
    script = (
        "import sys; from cdi_ml_plugin.utils.swap import writer\n"
        "with writer(sys.argv[1]): print('here', flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script, str(out)], **pipes) as other:
        other.stdout.readline()
        words = ("reconstruct", array, "-a", CHAIN, "--out", out)
        assert_refused(run(*words), f"process {other.pid} on ", "writes there")
        compared = ("compare", array, "-a", "ER", "-a", "2*ER", "--seeds", 2, "--out", out)
        assert_refused(run(*compared), f"process {other.pid} on ")
        assert not out.exists()
        assert run(*words, "--force")[0] == 0
        other.kill()
    assert_refused(run(*words), "already")  # and it clears what the other left
    assert sorted(tmp_path.iterdir()) == [array, out]


def test_what_is_no_result_is_not_replaced_by_force(array, run, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name, text in (("metrics.json", '{"loss": 1}'), ("summary.png", ""), ("result.cxi", "")):
        (out / name).write_text(text)
        words = ("reconstruct", array, "-a", CHAIN, "--out", out, "--force")
        assert_refused(run(*words), name, "has not written")
        assert contents(out) == {name: text.encode()}
        (out / name).unlink()


def test_too_little_memory(array, run, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB.\nMore of it")

    monkeypatch.setattr("cdi_ml_plugin.engine.run.reconstruct", fail)
    assert_refused(run("reconstruct", array, "--out", tmp_path / "out"), "out of memory", "crop")
