"""The command line: what it writes, and one clear line for whatever is wrong."""

from __future__ import annotations

import errno
import functools
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
from matplotlib.figure import Figure

from cdi_ml_plugin.cli import app as cli
from cdi_ml_plugin.io.write import CRYSTAL_FILES, RESULT_FILES
from cdi_ml_plugin.simulate import scan as simulation
from cdi_ml_plugin.simulate.scan import write_virtual_scan
from cdi_ml_plugin.view.figures import summary

CHAIN = "3*ER + 2*HIO"
FIGURES = {"chi2", "pearson", "chi2_held_out"}
COMMAND = [sys.executable, "-c", "from cdi_ml_plugin.cli.app import main; main()"]

# As cohere's write_config writes it.
CONFIG_REC = """\
reconstructions = 2
processing = "auto"
device = [0]
algorithm_sequence = "2*(2*ER+3*HIO)+2*ER"
hio_beta = 0.8
initial_support_area = [0.5, 0.5, 0.5]
shrink_wrap_trigger = [1, 1]
shrink_wrap_type = "GAUSS"
shrink_wrap_threshold = 0.1
shrink_wrap_gauss_sigma = 1.0
twin_trigger = [2]
progress_trigger = [0, 20]
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual scan, small, that no test changes."""
    folder = tmp_path_factory.mktemp("original")
    write_virtual_scan(folder, shape=(20, 24, 24), photons=1e6, size=100.0)
    return folder


@pytest.fixture
def scan(original: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return shutil.copytree(original, tmp_path / "scan")


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in (12, 16, 14)], indexing="ij")
    crystal = (abs(z) < 2) & (abs(y) < 4) & (abs(x + y / 2) < 3)
    pattern = np.abs(np.fft.fftshift(np.fft.fftn(crystal, norm="ortho"))) ** 2
    return np.random.default_rng(0).poisson(1e4 * pattern)


@pytest.fixture
def array(counts: np.ndarray, tmp_path: Path) -> Path:
    np.save(tmp_path / "counts.npy", counts)
    return tmp_path / "counts.npy"


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the command in this process: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cdi-ml", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def plain_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty summary, for tests that are not about it: the real one takes longest of all."""
    monkeypatch.setattr(summary, "draw_summary", lambda result: Figure((1, 1)))


def from_frames(scan: Path, out: Path) -> list[object]:
    return [
        *("reconstruct", scan / "frames", "--spec", scan / "virtual.spec", "--scan", 1),
        *("--dark", scan / "dark.tif", "--white", scan / "white.tif"),
        *("--crop", 16, 16, 16, "-a", CHAIN, "--out", out),
    ]


def precious(folder: Path) -> Path:
    """A folder with a result that must not be lost."""
    folder.mkdir()
    for name in RESULT_FILES:
        (folder / name).write_text("precious")
    return folder


def assert_refused(answer: tuple[int, str, str], *words: str) -> None:
    code, _, err = answer
    assert code == 2
    assert err.startswith("cdi-ml: error: ")
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err


def assert_kept(folder: Path) -> None:
    assert sorted(p.name for p in folder.iterdir()) == sorted(RESULT_FILES)
    assert {p.read_text() for p in folder.iterdir()} == {"precious"}


def assert_written(folder: Path, runs: int = 1) -> dict:
    metrics = json.loads((folder / "metrics.json").read_text())
    names = RESULT_FILES + (CRYSTAL_FILES if metrics["crystal"] else ())
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)
    assert metrics.keys() >= FIGURES
    assert len(metrics["runs"]) == runs
    for one in metrics["runs"]:
        assert one.keys() >= FIGURES
        assert all(np.isfinite(one[name]) for name in FIGURES)
    assert metrics["chi2"] == metrics["runs"][metrics["best"]]["chi2"]
    return metrics


# --- what it does ------------------------------------------------------------------------------
def test_frames_to_result(scan, run, tmp_path):
    code, out, err = run(*from_frames(scan, tmp_path / "out"), "--seeds", 2)
    assert (code, err) == (0, "")
    assert "best is seed" in out
    metrics = assert_written(tmp_path / "out", runs=2)
    assert "crystal: voxel_nm" in out
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
    assert (code, err) == (0, "")
    first, again = assert_written(tmp_path / "first"), assert_written(tmp_path / "again")
    assert again["chi2"] == first["chi2"]
    assert again["crystal"] == first["crystal"]


@pytest.mark.usefixtures("plain_picture")
def test_a_result_does_without_the_spec_file(scan, run, tmp_path):
    assert run(*from_frames(scan, tmp_path / "first"))[0] == 0
    (scan / "virtual.spec").unlink()
    words = ("-a", CHAIN, "--out", tmp_path / "again")
    code, _, err = run("reconstruct", tmp_path / "first" / "result.cxi", *words)
    assert (code, err) == (0, "")
    assert assert_written(tmp_path / "again")["crystal"]["d_spacing_nm"] > 0.2


@pytest.mark.usefixtures("plain_picture")
def test_a_geometry_that_cannot_be_read_is_a_note(scan, run, tmp_path):
    spec = scan / "virtual.spec"
    spec.write_text(spec.read_text().replace("camdist", "comdist"))
    code, out, err = run(*from_frames(scan, tmp_path / "out"))
    assert (code, err) == (0, "")
    assert out.count("note: no crystal in the laboratory: ") == 1
    metrics = assert_written(tmp_path / "out")
    assert metrics["crystal"] is None
    assert "has no distance (camdist)" in metrics["notes"][-1]


def test_as_a_program(scan, tmp_path):
    words = map(str, from_frames(scan, tmp_path / "out"))
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert_written(tmp_path / "out")


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


def experiment(path: Path, counts: np.ndarray) -> Path:
    folder = path / "exp_54"
    (folder / "conf").mkdir(parents=True)
    (folder / "phasing_data").mkdir()
    (folder / "conf" / "config").write_text('experiment_id = "exp"\nscan = "54"\n')
    tifffile.imwrite(
        folder / "phasing_data" / "data.tif", np.sqrt(counts).astype(np.float32), metadata=None
    )
    return folder


@pytest.mark.usefixtures("plain_picture")
@pytest.mark.parametrize("make", [npy, npz, h5, tif, experiment])
def test_every_kind_of_data(make, counts, run, tmp_path):
    data = make(tmp_path, counts)
    code, _, err = run("reconstruct", data, "-a", CHAIN, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    metrics = assert_written(tmp_path / "out")
    assert metrics["data"]["counts"] == pytest.approx(counts.sum())


@pytest.mark.usefixtures("plain_picture")
def test_config_rec_as_cohere_writes_it(array, run, tmp_path):
    config = tmp_path / "config_rec"
    config.write_text(CONFIG_REC)
    out = tmp_path / "out"
    assert run("reconstruct", array, "--config", config, "--out", out)[0] == 0
    metrics = assert_written(out, runs=2)
    assert metrics["sequence"] == "2*(2*ER + 3*HIO(beta=0.8)) + 2*ER"
    assert metrics["parameters"]["shrink_wrap_trigger"] == [1, 1]
    # what stands on the command line comes first
    words = ("--set", "hio_beta=0.7", "--seeds", 1, "-a", "2*hio", "--force")
    assert run("reconstruct", array, "--config", config, "--out", out, *words)[0] == 0
    assert assert_written(out)["sequence"] == "2*HIO(beta=0.7)"


@pytest.mark.usefixtures("plain_picture")
def test_an_experiment_brings_its_own_config_rec(counts, run, tmp_path):
    folder = experiment(tmp_path, counts)
    (folder / "conf" / "config_rec").write_text(CONFIG_REC)
    assert run("reconstruct", folder, "--out", tmp_path / "out")[0] == 0
    assert assert_written(tmp_path / "out", runs=2)["parameters"]["hio_beta"] == 0.8


@pytest.mark.usefixtures("plain_picture")
def test_set_takes_lists_and_bare_words(array, run, tmp_path):
    words = ("--set", "shrink_wrap_trigger=[1, 2]", "--set", "shrink_wrap_type=GAUSS")
    assert run("reconstruct", array, "-a", CHAIN, "--out", tmp_path / "out", *words)[0] == 0
    parameters = assert_written(tmp_path / "out")["parameters"]
    assert parameters == {"shrink_wrap_trigger": [1, 2], "shrink_wrap_type": "GAUSS"}


@pytest.mark.usefixtures("plain_picture")
def test_an_existing_result_is_replaced_only_by_force(array, run, tmp_path):
    out = precious(tmp_path / "out")
    words = ("reconstruct", array, "-a", CHAIN, "--out", out)
    assert_refused(run(*words), str(out), "result.cxi", "force")
    assert_kept(out)
    assert run(*words, "--force")[0] == 0
    assert_written(out)


def test_simulate_and_demo(run, tmp_path, monkeypatch):
    smaller = functools.partial(write_virtual_scan, shape=(64, 64, 64))
    monkeypatch.setattr(simulation, "write_virtual_scan", smaller)
    code, out, _ = run("simulate", tmp_path / "scan", "--photons", 1e6)
    assert code == 0
    assert str(tmp_path / "scan" / "virtual.spec") in out
    assert_refused(run("simulate", tmp_path / "scan"), "force")
    words = ("demo", "-a", "2*ER", "--seeds", 1, "--out", tmp_path / "demo")
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert "cdi-ml reconstruct" in out
    assert "against the truth" in out
    assert_written(tmp_path / "demo" / "result")
    assert_refused(run(*words), "force")


def test_algorithms(run):
    code, out, err = run("algorithms")
    assert (code, err) == (0, "")
    names = {line.split()[0] for line in out.splitlines()}
    assert names >= {"ER", "HIO", "RAAR", "SF", "DM", "SW", "ASW", "AUTO", "TWIN", "CNN", "REFINE"}
    code, out, _ = run("algorithms", "hio")
    assert code == 0
    assert "beta = 0.9    (parameter hio_beta)" in out
    assert_refused(run("algorithms", "HOI"), "unknown algorithm", "Did you mean HIO?")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["algorithms"]])
def test_help_and_list_import_no_torch(words):
    script = (
        "import sys; from cdi_ml_plugin.cli.app import cli; cli(sys.argv[1:], standalone_mode=False); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, *words], check=True, capture_output=True)


# --- the sequence and the options --------------------------------------------------------------
@pytest.mark.parametrize(
    ("sequence", "words"),
    [
        ("20*ER + 10*HOI", ["unknown algorithm 'HOI'", "Did you mean HIO?", "character 12"]),
        ("2*(20*ER + 10*HIO", ["expected ')'", "character 3"]),
        ("20*ER)", ["expected '+' or the end", "character 6"]),
        ("0*ER", ["0 iterations", "character 1"]),
        ("20*", ["expected an algorithm"]),
        ("", ["is empty"]),
        ("2.5*ER", ["not a whole number"]),
        ("20*HIO(gamma=1)", ["expected a parameter of HIO", "beta"]),
        ("20*HIO(beta=9)", ["hio_beta = 9", "from 0 to 2"]),
        ("__import__('os')", ["unknown algorithm"]),
        ("CNN(weights='nothing') + 20*ER", ["nothing"]),
        ("2*ER + CNN(weights='nothing')", ["nothing"]),
    ],
)
def test_bad_sequences(sequence, words, array, run, tmp_path):
    out = precious(tmp_path / "out")
    call = ("reconstruct", array, "-a", sequence, "--out", out, "--force")
    assert_refused(run(*call), *words)
    assert_kept(out)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seeds", 0], ["--seeds", "try 'cdi-ml reconstruct --help'"]),
        (["--seeds", "many"], ["--seeds", "many"]),
        (["--crop", 8, 8], ["--crop", "3"]),
        (["--crop", 0, 8, 8], ["(0, 8, 8)"]),
        (["--binning", 9, 9, 9], ["binning"]),
        (["--threshold", 1e12], ["threshold"]),
        (["--held-out", 0.9], ["held_out = 0.9"]),
        (["--device", "abacus"], ["device 'abacus'"]),
        (["--nonsense"], ["--nonsense"]),
        (["--spec", "some.spec"], ["spec", "only for a folder of frames"]),
        (["--set", "hio_beta"], ["key=value"]),
        (["--set", "hio_beta=high"], ["hio_beta", "number"]),
        (["--set", "hoi_beta=0.9"], ["unknown parameter 'hoi_beta'", "did you mean hio_beta?"]),
        (["--set", "reconstructions=0"], ["reconstructions"]),
        (["--config", "no_such_config"], ["no_such_config"]),
        (["--mask", "no_such_mask.npy"], ["no_such_mask.npy"]),
    ],
)
def test_bad_options(options, words, array, run, tmp_path):
    out = precious(tmp_path / "out")
    call = ("reconstruct", array, "-a", CHAIN, "--out", out, "--force", *options)
    assert_refused(run(*call), *words)
    assert_kept(out)


@pytest.mark.parametrize("line", ['algorithm_sequence = "2*HOI"', "algorithm_sequence = 5"])
def test_bad_sequence_in_a_config_rec(line, array, run, tmp_path):
    (tmp_path / "config_rec").write_text(line)
    words = ("--config", tmp_path / "config_rec", "--out", tmp_path / "out")
    assert_refused(run("reconstruct", array, *words), "algorithm sequence")


def test_config_rec_that_is_no_such_file(array, run, tmp_path):
    (tmp_path / "config_rec").write_text("hio_beta: 0.9\n")
    words = ("--config", tmp_path / "config_rec", "--out", tmp_path / "out")
    assert_refused(run("reconstruct", array, *words), "line 1", "key = value")


@pytest.mark.parametrize("words", [["nonsense"], ["reconstruct"], ["reconstruct", "x.npy"]])
def test_usage_errors_are_one_line(words, run):
    assert_refused(run(*words), "--help")


def test_without_a_command_there_is_help(run):
    code, _, err = run()
    assert code == 2
    assert "Usage: cdi-ml" in err
    assert "reconstruct" in err


def test_too_little_memory(array, run, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB.\nMore of it")

    monkeypatch.setattr("cdi_ml_plugin.engine.run.reconstruct", fail)
    assert_refused(run("reconstruct", array, "--out", tmp_path / "out"), "out of memory", "crop")


# --- the data ----------------------------------------------------------------------------------
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
        (no_frames, ["no frames"]),
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


# --- where it writes ---------------------------------------------------------------------------
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


# --- an interruption ---------------------------------------------------------------------------
def test_ctrl_c_writes_what_there_is(array, tmp_path):
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
        process.send_signal(signal.SIGINT)
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

    monkeypatch.setattr("cdi_ml_plugin.io.read", interrupt)
    code, _, err = run("reconstruct", array, "--out", tmp_path / "out")
    assert code == 130
    assert err.strip().splitlines()[-1] == "cdi-ml: interrupted"
    assert not list((tmp_path / "out").iterdir())


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
    assert "crystal: voxel_nm" in shown
    assert (out / "result.vti").is_file()
    file.write_text(json.dumps({**numbers, "enregy": 9}))
    answer = run("reconstruct", array, "--geometry", file, "-a", "5*ER", "--out", tmp_path / "b")
    assert_refused(answer, "unknown parameter 'enregy'")
    file.write_text("[]")
    answer = run("reconstruct", array, "--geometry", file, "-a", "5*ER", "--out", tmp_path / "b")
    assert_refused(answer, "must hold one JSON object")
