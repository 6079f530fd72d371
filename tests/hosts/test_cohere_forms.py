"""cohere's two graphical interfaces, without a screen: our keys, for which they have no fields."""

from __future__ import annotations

from ast import literal_eval
from pathlib import Path
from typing import Any

import pytest

from support.environments import Environment, fresh
from support.experiments import Experiment, acted, configure

QT = """
import sys
from PyQt6.QtWidgets import QApplication
import cohere_ui.cohere_gui as gui

application = QApplication([])
gui.msg_window = print
gui.select_dir = lambda start: chosen
window = gui.cdi_gui()
window.set_args([])
with_keys, without = sys.argv[1:]
chosen = with_keys
window.load_experiment()
form = window.t.rec_tab
form.rec_id.setCurrentText("ml")
form.rec_id.setCurrentText("main")
form.features.feature_dir["twin"].active.setChecked(False)
form.run_tab()
form.reconstructions.setText("many")
form.save_conf()
chosen = without
window.load_experiment()
form.save_conf()
"""
NOTEBOOK = """
import re, sys, time

def main(with_keys, without):
    from cohere_ui.jupyter_gui import CoherenceGUI

    gui = CoherenceGUI()
    gui.load_experiment(with_keys)
    form = gui._tabs["rec"]
    form.rec_id_dropdown.value = "ml"
    form.rec_id_dropdown.value = "main"
    form.features["twin"].active.value = False
    form.run_tab()
    end = time.monotonic() + 120
    while "exited with code" not in form.monitor.log_widget.value and time.monotonic() < end:
        time.sleep(0.1)
    print(re.sub("<[^>]*>", "\\n", form.monitor.log_widget.value))
    form.reconstructions.value = "["
    print(form.save_conf())
    form.reconstructions.value = ""  # it would stay there
    gui.load_experiment(without)
    form.save_conf()

if __name__ == "__main__":  # it is imported again by the process that reconstructs
    main(*sys.argv[1:])
"""
# The newest releases whose notebook can save: it asks for a function that cohere_core 4.5.4 has not.
RELEASES = ("cohere_core==4.5.3", "cohere_ui==4.5.4", "cohere_beamlines==4.5.4")
FORM = {"processing": "np", "algorithm_sequence": "1*CNN+5*ER"}


@pytest.fixture
def folders(environment: Environment, tmp_path: Path) -> tuple[Path, Path]:
    """An experiment with keys of ours in two configurations, and one without."""
    pytest.importorskip("cohere_beamlines", reason="cohere_beamlines is not installed")
    found = []
    for name in ("with", "without"):
        experiment = Experiment(environment, tmp_path / name, beamline="aps_34idc")
        given = {**FORM, "twin_trigger": [2], "unknown": 1}
        keys = {"cnn_candidates": 1, "cdi_ml_zeros": "dark"} if name == "with" else {}
        configure(experiment.folder, "config_rec", given | keys)
        found.append(experiment.folder)
    configure(found[0], "config_rec_ml", given | {"refine_loss": "chi2"})
    return found[0], found[1]


def saved(folder: Path, name: str = "config_rec") -> dict[str, Any]:
    lines = (folder / "conf" / name).read_text().splitlines()
    values = {key: literal_eval(value) for key, value in (line.split(" = ") for line in lines)}
    values.pop("_schema_version", None)  # the notebook's own
    return values


def check(folders: tuple[Path, Path]) -> None:
    """Each configuration has its own keys, and what was taken out of the form is out."""
    assert saved(folders[0]) == {**FORM, "cnn_candidates": 1, "cdi_ml_zeros": "dark"}
    other = saved(folders[0], "config_rec_ml")
    assert other["refine_loss"] == "chi2"
    assert other["twin_trigger"] == [2]
    # "unknown" is none of ours, and so tells that cohere has written the file
    assert not {"cnn_candidates", "cdi_ml_zeros", "unknown"} & {*other, *saved(folders[1])}


def test_qt(environment: Environment, folders: tuple[Path, Path]) -> None:
    pytest.importorskip("PyQt6", reason="PyQt6 is not installed")
    done = environment.run(QT, *folders, QT_QPA_PLATFORM="offscreen")
    assert done.returncode == 0, done.stderr
    assert acted(done.stdout) == 1
    assert done.stdout.count("reconstructions parameter should be int") == 1
    check(folders)


def test_notebook(wheel: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("IPython", reason="IPython is not installed")
    environment = fresh(tmp_path / "venv", wheel, "cohere")
    packages = (*RELEASES, "ipywidgets", "ipyfilechooser")
    if environment.pip("install", "--no-deps", "--retries", "1", *packages).returncode:
        pytest.skip("older releases of cohere, or ipywidgets, cannot be downloaded")
    script = tmp_path / "notebook.py"
    script.write_text(NOTEBOOK)
    done = environment.call(script, *folders, MPLBACKEND="Agg")
    assert done.returncode == 0, done.stderr
    assert acted(done.stdout) == 1
    assert "reconstruction finished" in done.stdout
    assert "reconstructions" in done.stdout.splitlines()[-1]  # the field that was wrong
    check(folders)
