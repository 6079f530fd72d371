"""By name in the algorithm of PyNX's own runners, with the path file alone."""

from __future__ import annotations

import json
import types
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.hosts import autoload, say, status
from cdi_ml_plugin.hosts.pynx import modules
from cdi_ml_plugin.operators import registry
from cdi_ml_plugin.simulate.particle import strained_crystal
from support import ROOT
from support.environments import Environment
from support.pynx import HOOK, PyNX

WORDS = ["asw", "auto", "chio", "cnn", "dm", "lraar", "mle", "refine", "search", "sf", "sw", "twin"]
PLAIN = "ER**5,(Sup*HIO**10)**2"
# what a user types, but for the numbers
RUN = """
import glob, os, sys

def run(folder, algorithm, *more):
    os.mkdir(folder)
    os.chdir(folder)
    sys.argv = ["pynx-cdi-id01", "--data", "../S7.npz", "--mask", "../mask.npz", "--roi", "full",
                "--support_threshold", "0.2", "--verbose", "20", "--crop_output", "0",
                "--algorithm", algorithm, *more]
    from pynx.cdi.scripts.pynx_id01cdi import main
    np.random.seed(3)
    main()
    os.chdir("..")
"""
STOCK = f"""{RUN}
run("stock", {PLAIN!r})
import pynx.cdi.runner.runner as runner
print(json.dumps([hasattr(runner, "cnn"), "cdi_ml_plugin.operators" in sys.modules]))
"""
HOOKED = f"""{HOOK}{RUN}
run("unused", {PLAIN!r})
found = {{"torch": "torch" in sys.modules}}
import pynx.cdi.runner.runner as runner
words = {WORDS}
found["words"] = [word for word in words if type(getattr(runner, word, None)).__name__ == word.upper()]
run("used", "ER**10,(Sup*HIO**10)**2,MLE**5*ER**5,REFINE(channels=4)**2,CNN(candidates=1)(search=100)",
    "--nb_run", "2")
found["waiting"] = len(runner.cnn.ops)
os.environ["CDI_ML_CNN_WEIGHTS"] = "/no/such.safetensors"
try:
    run("refused", "ER**2,CNN")
except SystemExit as error:
    found["refused"] = error.code
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pattern with a gap, as `pynx-cdi-id01` reads it."""
    place = tmp_path_factory.mktemp("id01")
    rng = np.random.default_rng(3)
    obj = strained_crystal((32, 40, 36), np.eye(3), size=14, phase_range=1.5, rng=rng)
    intensity = diffraction(obj)
    counts = rng.poisson(1e6 * intensity / intensity.sum()).astype(np.float32)
    mask = np.zeros(counts.shape, np.int8)
    mask[:, 3:5] = 1
    np.savez(place / "S7.npz", data=counts * (mask == 0))
    np.savez(place / "mask.npz", mask=mask)
    return place


@pytest.fixture(scope="module")
def hooked(pynx: PyNX, folder: Path) -> tuple[dict[str, Any], str]:
    """What the script found, and all that was printed."""
    done = pynx.call(HOOKED, folder, ROOT)
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


def results(folder: Path) -> list[Path]:
    return sorted(folder.glob("S7*.cxi"))  # of one run without a Run in its name


@pytest.mark.slow
def test_unused_it_leaves_every_bit(pynx: PyNX, folder: Path, hooked: Any) -> None:
    found, _ = hooked
    assert not found["torch"]
    assert pynx.run(STOCK, folder, ROOT, CDI_ML_PLUGIN_AUTOLOAD="0") == [False, False]
    (stock,), (unused,) = results(folder / "stock"), results(folder / "unused")
    with h5py.File(stock) as one, h5py.File(unused) as other:
        for name in ("data", "support", "process_1/results/llk_poisson"):
            here, there = (file[f"entry_1/image_1/{name}"][()] for file in (one, other))
            np.testing.assert_array_equal(here, there)


@pytest.mark.slow
def test_a_runner_knows_the_words_and_its_files_say_what_acted(folder: Path, hooked: Any) -> None:
    found, said = hooked
    assert found["words"] == WORDS
    runs = results(folder / "used")
    assert len(runs) == 2
    assert found["waiting"] == 1  # what waited at the object is not kept for the next run
    expected = ["CNN", *["REFINE"] * 2, *["ER"] * 5, *["MLE"] * 5, *["HIO"] * 20, *["ER"] * 10]
    for run in runs:
        with h5py.File(run) as file:
            process = file["entry_1/image_1/process_1"]
            history = process["results/cycle_history"]["algorithm"]
            assert [one.decode() for one in history] == expected
            assert b"CNN(candidates=1)(search=100)" in process["algorithm"][()]
            assert 0 < process["results/free_llk_poisson"][()] < 5
    lines = [line for line in said.splitlines() if line.startswith("cdi_ml_plugin: CNN")]
    assert len(lines) == 2
    assert all("CNN in cycle 0: cnn_chi2 " in line for line in lines)
    assert lines[0] != lines[1]  # another random start, another prediction


@pytest.mark.slow
def test_the_environment_sets_what_a_string_cannot(hooked: Any) -> None:
    found, said = hooked
    assert found["refused"] == 1
    assert "WeightsError: /no/such.safetensors" in said


@pytest.mark.slow
def test_the_script_of_the_figures_finds_a_crystal(pynx: PyNX, tmp_path: Path) -> None:
    script = (
        "import runpy\n"
        f"found = runpy.run_path({str(ROOT / 'examples' / 'pynx' / 'success.py')!r})\n"
        "print(json.dumps(found['run'](found['crystal'](1001), 'CNN, ER 40', 0)))"
    )
    row = pynx.run(script, tmp_path, ROOT)
    assert row["squared_error"] < 0.1


@pytest.mark.slow
def test_after_pip_install(environment: Environment, pynx: PyNX) -> None:
    there = {"PYTHONPATH": str(pynx.packages), "PYNX_PU": "cpu"}
    known = "import pynx.cdi.runner.runner as r; print(hasattr(r, 'cnn'), hasattr(r, 'refine'))"
    done = environment.run(known, **there)
    assert done.stdout.splitlines()[-1] == "True True"
    assert done.stderr == ""
    off = environment.run(known, CDI_ML_PLUGIN_AUTOLOAD="0", **there)
    assert off.stdout.splitlines()[-1] == "False False"
    command = "from cdi_ml_plugin.cli.app import main; main()"
    listed = environment.run(command, "hosts", **there).stdout.splitlines()[-1]
    assert listed == f"PyNX 2025.1: found, supported, active. Words: {', '.join(WORDS)}"
    off = environment.run(command, "hosts", CDI_ML_PLUGIN_AUTOLOAD="0", **there)
    assert "PyNX 2025.1: found, supported, not active. It is switched off by" in off.stdout


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """What the hook would hand over, with nothing of PyNX in it."""
    made = types.ModuleType("pynx.cdi.runner.runner")
    monkeypatch.setattr(say, "_said", set())
    return made


@pytest.mark.parametrize("version", ["2024.1.1", "0.1.0"])
def test_an_old_version_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: types.ModuleType,
    version: str,
) -> None:
    monkeypatch.setattr(modules, "installed_version", lambda: version)
    monkeypatch.setattr(modules, "is_there", lambda: True)
    before = dict(vars(module))
    for _ in range(2):
        autoload.adapt(module)
    assert vars(module) == before
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"PyNX {version} is older than 2025.1: it is left as it is" in said
    host = status.pynx()
    assert (host.supported, host.active) == (False, False)


def test_another_runner_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: types.ModuleType
) -> None:
    """A version of tomorrow, which may lack what is looked for."""
    monkeypatch.setattr(modules, "installed_version", lambda: "2031.1")
    before = dict(vars(module))
    autoload.adapt(module)
    assert vars(module) == before
    said = capsys.readouterr().err
    assert said.startswith("cdi_ml_plugin: CNN and REFINE are not available in PyNX: ")
    assert said.count("\n") == 1


def test_a_word_that_is_taken_is_left_to_pynx(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: types.ModuleType
) -> None:
    own = registry.find()["CNN"]
    other = EntryPoint("GPS", "somebody.gps:GPS", "cdi_ml_plugin.algorithms")
    monkeypatch.setattr(registry, "find", lambda: {"CNN": own, "GPS": other, "ER": own})
    assert modules.offered(["gps", "er", "np"]) == {"cnn": "CNN"}
    said = capsys.readouterr().err
    assert "GPS of unknown package is not available in PyNX's algorithm strings" in said
    assert "ER" not in said.split()


def test_without_pynx_it_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "is_there", lambda: False)
    assert str(status.pynx()).startswith("PyNX: not found.")


def test_the_room_needs_no_pynx_to_be_looked_at() -> None:
    room = import_module("cdi_ml_plugin.hosts.pynx")
    assert {"CNN", "REFINE", "MLE"} < set(dir(room))
    with pytest.raises(AttributeError, match="has no CMN"):
        room.CMN  # noqa: B018
