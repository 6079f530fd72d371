"""cohere's own commands, unchanged, in an environment where the wheel is installed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
import pyvista
import tifffile
from scipy.ndimage import center_of_mass, map_coordinates

from cdi_ml_plugin.crystal.analysis import analyse
from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.io.cohere import read_continue
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.physics.alignment import object_error
from support.environments import Environment
from support.experiments import SHAPE, VARIABLES, Experiment, acted, command, configure, crystal

pytest.importorskip("cohere_ui", reason="cohere_ui is not installed")
GENETIC = {
    "reconstructions": 2,
    "ga_generations": 2,
    "ga_metrics": ["chi", "chi"],
    "ga_breed_modes": ["sqrt_ab", "sqrt_ab"],
    "ga_sw_thresholds": [0.1, 0.1],
    "ga_sw_gauss_sigmas": [1.0, 1.0],
}


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


def test_another_configuration(experiment: Experiment) -> None:
    assert acted(experiment.phase(rec_id="ml", cnn_candidates=1)) == 1
    assert experiment.chi("results_phasing_ml") < 0.1
    assert not (experiment.folder / "results_phasing").exists()
    configure(experiment.folder, "config_rec", {"processing": "np", "algorithm_sequence": "3*ER"})
    log = experiment.phase(rec_id="ml", cnn_candidates=0, fails=True)
    assert "cnn_candidates = 0" in log  # of that file, beside one that has nothing of ours


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
    same_particle(folder)


def same_particle(folder: Path) -> None:
    """cohere's picture of its object and this package's: one particle, in one frame."""
    grid = pyvista.read(folder / "results_viz" / "direct_space_images_AmpPhase.vts")
    geometry = load(folder).geometry
    assert geometry is not None
    obj, support = read_continue(folder / "results_phasing", 1.0)
    found = analyse(obj, support, geometry)
    z, y, x = np.meshgrid(*found.axes(), indexing="ij")
    theirs = moments(grid.points, grid["imAmp"])
    ours = moments(np.stack([x, y, z], axis=-1).reshape(-1, 3), found.amplitude.ravel())
    # interpolated on two grids: faint voxels at the rim, which the start decides, weigh some percent
    np.testing.assert_allclose(ours, theirs, atol=0.05 * np.abs(theirs).max())
    apart = difference(found, grid, (1, 1, 1))
    assert apart < 0.01
    for mirror in ((-1, 1, 1), (1, -1, 1), (1, 1, -1)):
        assert difference(found, grid, mirror) > 5 * apart
    assert found.figures["d_spacing_nm"] == pytest.approx(0.2355, rel=0.01)  # Au 111


def moments(points: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    weight = np.asarray(amplitude, dtype=float) ** 2
    away = points - np.average(points, axis=0, weights=weight)
    return (away.T * weight) @ away / weight.sum()


def difference(found: Crystal, grid: pyvista.DataSet, mirror: tuple[int, int, int]) -> float:
    """1 − r of the amplitudes at the points of cohere's, their centres on each other."""
    theirs = np.asarray(grid["imAmp"], dtype=float)
    away = (grid.points - np.average(grid.points, axis=0, weights=theirs**2)) * mirror
    index = center_of_mass(found.amplitude**2) + away[:, ::-1] / found.voxel
    ours = map_coordinates(found.amplitude, index.T, order=1)
    return 1 - float(ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs)))
