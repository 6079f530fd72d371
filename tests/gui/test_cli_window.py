"""``cdi-ml view`` and ``reconstruct --live``: with a screen, without one, and without Qt."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.cli import app as cli
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.io.cxi.reader import read_result
from cdi_ml_plugin.workflow.save import save

CHAIN = "4*ER + 4*HIO + 4*ER"


@pytest.fixture(scope="module")
def counts():
    z, y, x = np.meshgrid(*[np.arange(16) - 8] * 3, indexing="ij")
    crystal = (abs(z) < 3) & (abs(y) < 4) & (abs(x + y / 2) < 3)
    return np.random.default_rng(0).poisson(1e4 * diffraction(crystal.astype(np.complex64)))


@pytest.fixture
def array(counts, tmp_path):
    np.save(tmp_path / "counts.npy", counts)
    return tmp_path / "counts.npy"


@pytest.fixture(scope="module")
def result(counts):
    return reconstruct(Measurement(counts), CHAIN, seeds=2, device="cpu")


@pytest.fixture
def folder(result, tmp_path):
    save(result, tmp_path / "result")
    return tmp_path / "result"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command in a folder of its own; return exit code, stdout and stderr."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["cdi-ml", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        return code, *capsys.readouterr()

    monkeypatch.chdir(tmp_path)
    return call


@pytest.fixture
def no_screen(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def gui():
    pytest.importorskip("silx.gui.plot", reason="the extra gui", exc_type=ImportError)


@pytest.fixture
def screen(gui, monkeypatch):
    """A screen that is none; windows are closed as soon as somebody would have to close them."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    from cdi_ml_plugin.view.window.window import Window

    seen = []

    def close(window):
        seen.append(window)
        window.application.processEvents()
        window.widget.close()

    monkeypatch.setattr(Window, "wait", close)
    yield seen
    for window in seen:
        window.widget.deleteLater()
        window.application.processEvents()


def line(text):
    assert text.count("\n") == 1
    return text.rstrip()


def test_data(run, array, screen):
    assert run("view", array, "--crop", "8", "12", "16") == (0, "", "")
    (window,) = screen
    assert window.measurement.shape == (8, 12, 16)
    assert window.widget.windowTitle() == f"{array} – cdi-ml"
    assert window.run is None
    assert window.before.recorded.measurement.shape == (16, 16, 16)


def test_inspect(run, array, screen):
    printed = run("inspect", array)[1]
    assert run("inspect", array, "--view", "-o", "out")[:2] == (
        0,
        f"{printed}written: out/inspection.png, out/inspection.json\n",
    )
    (window,) = screen
    recorded = window.before.recorded
    assert printed.endswith(f"to phase it:\n{recorded.command}\n")
    for name, value in recorded.rows:
        assert f"{name:13} {value}\n" in printed


@pytest.mark.parametrize("words", [("inspect", "--view"), ("view",)])
def test_a_mask_that_was_drawn_stands_in_the_command(run, array, screen, monkeypatch, words):
    from cdi_ml_plugin.view.window.window import Window

    close = Window.wait

    def draw(window):
        window.before.mask.item.setMaskData(np.eye(16, dtype=np.uint8))
        window.before.mask.save(Path.cwd() / "mask.npy")
        close(window)

    monkeypatch.setattr(Window, "wait", draw)
    code, out, err = run(words[0], array, *words[1:])
    assert (code, err) == (0, "")
    assert " --mask mask.npy " in out.splitlines()[-1]
    assert run(*shlex.split(out.splitlines()[-1])[1:], "-a", "3*ER", "--seeds", 1, "-q")[0] == 0


@pytest.mark.parametrize("name", [".", "result.cxi"])
def test_a_result(run, folder, screen, result, name):
    assert run("view", folder / name) == (0, "", "")
    (window,) = screen
    assert window.run.seed == result.run.seed
    np.testing.assert_array_equal(window.run.object, result.object)


def test_live(run, array, screen, tmp_path):
    words = ("reconstruct", array, "-a", CHAIN, "--seeds", 2, "--device", "cpu", "--quiet", "-o")
    code, out, err = run(*words, "live", "--live")
    assert (code, err) == (0, "")
    said = [text for text in out.splitlines() if not text.startswith(("note:", "check"))]
    assert [text.partition(" ")[0] for text in said][-1] == "written:"
    assert sum(text.startswith("free LLK ") for text in said) == 1
    assert run(*words, "plain")[0] == 0
    live, plain = (read_result(tmp_path / name) for name in ("live", "plain"))
    for one, other in zip(live.runs, plain.runs, strict=True):
        np.testing.assert_array_equal(one.object, other.object)
        np.testing.assert_array_equal(one.support, other.support)
        assert one.metrics == other.metrics
    (window,) = screen
    np.testing.assert_array_equal(window.run.object, plain.object)


def test_live_fails_as_it_does_without(run, array, screen):
    code, _, err = run("reconstruct", array, "-o", "out", "--device", "nowhere", "--live")
    assert code == 2
    assert line(err).startswith("cdi-ml: error: device 'nowhere' cannot be used")
    assert not screen


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others have a screen, always")
@pytest.mark.usefixtures("no_screen", "gui")
def test_no_screen(run, array, folder, result):
    for path, name in ((array, "counts"), (folder, "result"), (folder / "result.cxi", "result_1")):
        stem, _, number = name.partition("_")
        picture = f"{stem}_summary{'_' * bool(number)}{number}.png"
        code, out, err = run("view", path)
        assert (code, err) == (0, "")
        reason = "no display (DISPLAY is not set)"
        assert line(out) == f"{reason}: written instead: {picture}"
        assert imread(picture).std() > 0.05
    before = Path("counts_summary.png").read_bytes()
    assert "counts_summary_1.png" in run("view", array)[1]
    assert Path("counts_summary.png").read_bytes() == before
    code, out, err = run("reconstruct", array, "-a", "3*ER", "-o", "out", "--live", "-q")
    assert code == 0
    assert out.startswith("no display (DISPLAY is not set): going on without a window\n")
    assert Path("out/result.cxi").exists()
    last = run("inspect", array, "--view")[1].splitlines()[-1]
    assert last == f"{reason}: no window is opened; --out FOLDER writes a picture"


def test_a_screen_that_does_not_answer(run, array, gui, monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "no-such-thing")
    code, out, err = run("view", array)
    assert (code, err) == (0, "")
    assert line(out).startswith("Qt cannot open a window (")
    assert out.endswith("written instead: counts_summary.png\n")


@pytest.mark.parametrize(
    "words", [("view",), ("inspect", "--view"), ("reconstruct", "-o", "out", "--live")]
)
def test_no_qt(run, array, monkeypatch, words):
    monkeypatch.setitem(sys.modules, "silx.gui.plot", None)
    code, out, err = run(words[0], array, *words[1:])
    assert (code, out) == (2, "")
    assert line(err).startswith("cdi-ml: error: a window needs Qt and silx's plots (")
    assert err.endswith("pip install 'cdi-ml-plugin[gui]'\n")


@pytest.mark.usefixtures("gui")
def test_what_cannot_be_shown(run, folder):
    code, _, err = run("view", folder, "--crop", 8, 8, 8, "--threshold", 2)
    assert code == 2
    assert line(err) == (
        f"cdi-ml: error: --crop, --threshold: only for measured data, and {folder} is a result"
    )
    code, _, err = run("view", "nothing.npy")
    assert code == 2
    assert line(err) == "cdi-ml: error: nothing.npy: no such file or folder"


@pytest.mark.parametrize(
    "words", ["--help", "algorithms", "inspect counts.npy", "reconstruct counts.npy -a ER -o out"]
)
def test_qt_is_imported_for_a_window_only(array, tmp_path, words):
    code = (
        "import sys; from cdi_ml_plugin.cli.app import cli; "
        "cli(sys.argv[1:], standalone_mode=False); "
        "print([m for m in sys.modules if m.startswith(('silx.gui', 'PyQt', 'PySide'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words.split()],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
