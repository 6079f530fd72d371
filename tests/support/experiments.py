"""Experiments of cohere, and its own commands, unchanged, on them."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import tifffile

from support.environments import Environment

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

    def phase(
        self, sequence: str = SEQUENCE, fails: bool = False, rec_id: str = "", **parameters: Any
    ) -> str:
        given = {"processing": "np", "algorithm_sequence": sequence, **parameters}
        configure(self.folder, f"config_rec_{rec_id}" if rec_id else "config_rec", given)
        chosen = ["--rec_id", rec_id] if rec_id else []
        return command(self.environment, "cohere_reconstruction", self.folder, *chosen, fails=fails)

    def chi(self, results: str = "results_phasing") -> float:
        return float(np.load(self.folder / results / "errors.npy")[-1])


def acted(log: str) -> int:
    return len(re.findall(r"^cdi_ml_plugin: CNN in iteration 0: cnn_chi2", log, re.MULTILINE))
