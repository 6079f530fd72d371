"""cohere's own commands, unchanged, in an environment where the wheel is installed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
import tifffile
from environments import Environment

from cdi_ml_plugin.hosts.cohere_arrays import read_continue
from cdi_ml_plugin.metrics import object_error

pytest.importorskip("cohere_ui", reason="cohere_ui is not installed")
ROOT = ("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT")
VARIABLES = {  # in a container mpiexec may run as root
    **{name + tail: "1" for name in ROOT for tail in ("", "_CONFIRM")},
    "QT_QPA_PLATFORM": "offscreen",
}
SEQUENCE = "1*CNN+10*ER"
SHAPE = (30, 40, 35)


def command(
    environment: Environment, name: str, *words: str | Path, fails: bool = False, **variables: str
) -> str:
    """Run an installed command by the environment's interpreter; returns what it printed."""
    script = which(name, path=environment.variables["PATH"])
    assert script is not None, name
    done = environment.call(script, *words, **VARIABLES | variables)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def configure(folder: Path, name: str, values: dict[str, Any]) -> None:
    """Write one of cohere's configuration files."""
    (folder / "conf").mkdir(parents=True, exist_ok=True)
    lines = [f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in values.items()]
    (folder / "conf" / name).write_text("\n".join(lines) + "\n")


def crystal(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij")
    inside = (abs(z) / 6 + abs(y) / 8 < 1) & (abs(x) < 6) & (x + y < 7)
    return 300 * inside * np.exp(0.4j * np.sin(z / 4 + 0.3))


class Experiment:
    def __init__(
        self, environment: Environment, folder: Path, scans: tuple[str, ...] = ("",), **main: Any
    ) -> None:
        self.environment = environment
        self.folder = folder / "exp_1"
        basic = {"working_dir": str(folder), "experiment_id": "exp", "scan": "1"}
        configure(self.folder, "config", {**basic, "converter_ver": 5, **main})
        intensity = np.abs(np.fft.fftshift(np.fft.fftn(crystal(), norm="ortho"))) ** 2
        for scan in scans:
            (self.folder / scan / "phasing_data").mkdir(parents=True)
            path = self.folder / scan / "phasing_data" / "data.tif"
            tifffile.imwrite(
                path, np.sqrt(np.random.default_rng(1).poisson(intensity)).astype("f4")
            )

    def phase(self, sequence: str = SEQUENCE, fails: bool = False, **parameters: Any) -> str:
        given = {"processing": "np", "algorithm_sequence": sequence, **parameters}
        configure(self.folder, "config_rec", given)
        return command(self.environment, "cohere_reconstruction", self.folder, fails=fails)

    def chi(self, results: str = "results_phasing") -> float:
        return float(np.load(self.folder / results / "errors.npy")[-1])


GENETIC = {
    "reconstructions": 2,
    "ga_generations": 2,
    "ga_metrics": ["chi", "chi"],
    "ga_breed_modes": ["sqrt_ab", "sqrt_ab"],
    "ga_sw_thresholds": [0.1, 0.1],
    "ga_sw_gauss_sigmas": [1.0, 1.0],
}


def acted(log: str) -> int:
    return len(re.findall(r"^cdi_ml_plugin: CNN in iteration 0: cnn_chi2", log, re.MULTILINE))


@pytest.fixture
def experiment(environment: Environment, tmp_path: Path) -> Experiment:
    return Experiment(environment, tmp_path)


def test_it_is_the_wheel_that_acts(experiment: Experiment) -> None:
    given = {"processing": "np", "algorithm_sequence": "1*CNN", "cnn_candidates": 1}
    configure(experiment.folder, "config_rec", given)
    words = ("cohere_reconstruction", experiment.folder)
    log = command(experiment.environment, *words, PYTHONVERBOSE="1")  # it names what is imported
    assert acted(log) == 1
    files = set(re.findall(r"'(/\S*/cdi_ml_plugin/\S*)'", log))
    assert len(files) > 20
    assert {file.partition("cdi_ml_plugin/")[0] for file in files} == {
        f"{experiment.environment.site}/"
    }


def test_single(experiment: Experiment) -> None:
    log = experiment.phase(
        "1*cnn+10*ER+2*REFINE", refine_channels=4, twin_trigger=[2], twin_halves=[0, 0]
    )
    assert acted(log) == 1
    assert "twin_trigger in iteration 2" in log
    assert "finished reconstruction" in log
    assert experiment.chi() < 0.1


def test_several_differ(experiment: Experiment) -> None:
    log = experiment.phase(reconstructions=2)
    assert acted(log) == 2
    one, two = (
        np.load(experiment.folder / "results_phasing" / n / "image.npy") for n in ("0", "1")
    )
    assert np.abs(one - two).max() > 1e-4
    assert max(experiment.chi(f"results_phasing/{n}") for n in ("0", "1")) < 0.1


def test_genetic_algorithm(experiment: Experiment) -> None:
    log = experiment.phase(cnn_candidates=1, **GENETIC)
    assert acted(log) == 2
    assert log.count("acts in generation 0 only: skipped") == 2
    assert experiment.chi() < 0.1


def test_separate_scans(environment: Environment, tmp_path: Path) -> None:
    scans = ("scan_1", "scan_2")
    experiment = Experiment(environment, tmp_path, scans, separate_scans=True, multipeak=False)
    assert acted(experiment.phase()) == 2
    assert max(experiment.chi(f"{scan}/results_phasing") for scan in scans) < 0.1


def test_bad_input_leaves_the_files_of_cohere(experiment: Experiment) -> None:
    experiment.phase("3*ER")
    result = experiment.folder / "results_phasing" / "image.npy"
    before = result.read_bytes()
    log = experiment.phase(cnn_weights="nowhere.safetensors")
    assert "nowhere.safetensors" in log
    assert "exiting Could not create Rec object" in log
    log = experiment.phase(cnn_seed=3, fails=True)
    assert "unknown parameter 'cnn_seed': " in log
    assert result.read_bytes() == before


def test_guess_is_continued(experiment: Experiment) -> None:
    configure(experiment.folder, "config_rec", {"algorithm_sequence": "10*ER"})
    guess = (experiment.environment, "cdi-ml", "cohere-guess")
    shown = command(*guess, experiment.folder)
    assert 'init_guess = "continue"' in shown
    folder = experiment.folder / "results_CNN"
    start, support = read_continue(folder, 1.0)
    assert start.shape == support.shape == SHAPE
    log = experiment.phase("10*ER", init_guess="continue", continue_dir=str(folder))
    assert "cdi_ml_plugin" not in log
    errors = np.load(experiment.folder / "results_phasing" / "errors.npy")
    assert errors[0] < 0.1  # of the prediction: the wrong hand, or half a voxel off, has 0.3
    assert errors[-1] < errors[0]
    phased, _ = read_continue(experiment.folder / "results_phasing", 1.0)
    assert object_error(phased, crystal()) < 0.5
    message = command(*guess, experiment.folder / "none", fails=True)
    assert "no such file" in message


def test_genetic_algorithm_by_mpiexec(experiment: Experiment) -> None:
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    variables = experiment.environment.variables | VARIABLES
    if which("mpiexec", path=variables["PATH"]) is None:
        pytest.skip("there is no mpiexec")
    words = ["mpiexec", "-n", "1", "python", "-c", "import cdi_ml_plugin as p; print(p.__file__)"]
    started = subprocess.run(
        words, cwd=experiment.folder, env=variables, capture_output=True, text=True, check=False
    )
    assert started.stdout.startswith(str(experiment.environment.site)), started.stderr
    apart = {
        **GENETIC,
        "ga_breed_modes": ["none", "none"],
    }  # seeds come from the clock: no luck in it
    log = experiment.phase(ga_fast=True, device=[-1], cnn_candidates=1, **apart)
    assert "finished reconstruction" in log, log
    errors = np.load(experiment.folder / "results_phasing" / "errors.npy")
    # a process of its own, whose words cohere drops: random starts end at 0.01
    assert errors[-1] < 0.005, errors


def test_34idc_end_to_end(environment: Environment, data_folder: Path, tmp_path: Path) -> None:
    scan, folder = data_folder / "scan_54", tmp_path / "exp_54"
    fields = {name: str(scan / f"{name}.tif") for name in ("dark", "whitefield")}
    configs: dict[str, dict[str, Any]] = {
        "config": {
            "working_dir": str(tmp_path),
            "experiment_id": "exp",
            "scan": "54",
            "beamline": "aps_34idc",
            "converter_ver": 5,
        },
        "config_instr": {"diffractometer": "34idc", "specfile": str(scan / "example.spec")},
        "config_prep": {
            "data_dir": str(scan),
            "darkfield_filename": fields["dark"],
            "whitefield_filename": fields["whitefield"],
        },
        "config_data": {
            "intensity_threshold": 2.0,
            "crop_pad": [-96, -96, -96, -96, -68, -69],  # to 64 x 64 x 64
        },
        "config_rec": {
            "processing": "np",
            "algorithm_sequence": "1*CNN+20*ER+60*HIO+10*REFINE+20*ER",
            "refine_channels": 4,
            "shrink_wrap_trigger": [1, 1],
            "shrink_wrap_type": "GAUSS",
            "shrink_wrap_threshold": 0.1,
            "shrink_wrap_gauss_sigma": 1.0,
        },
        "config_disp": {"make_twin": False, "complex_mode": "AmpPhase"},
    }
    for name, values in configs.items():
        configure(folder, name, values)
    for stage in ("beamline_preprocess", "standard_preprocess"):
        command(environment, stage, folder)
    assert acted(command(environment, "cohere_reconstruction", folder)) == 1
    command(environment, "beamline_postprocess", folder)
    assert tifffile.imread(folder / "phasing_data" / "data.tif").shape == (64, 64, 64)
    errors = np.load(folder / "results_phasing" / "errors.npy")
    assert len(errors) == 111
    assert errors[0] < 0.2
    assert errors[-1] < 0.015
    assert list((folder / "results_viz").glob("direct_space_images*.vts"))
