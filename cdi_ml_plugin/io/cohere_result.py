"""What cohere's `cohere_reconstruction` wrote: ``results_phasing`` of an experiment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..data.result import Result
from ..errors import ReadError
from ..fourier import from_cohere
from .cohere import load_saved, read_config
from .foreign import TO_GIVE, Found, as_result, data_of

IMAGE, FOLDER = "image.npy", "results_phasing"
HIGHEST = 4  # folders between a result and its experiment: results_phasing/g_3/0


def is_one(path: Path) -> bool:
    """Whether a path is such a folder, its ``image.npy``, or an experiment with one."""
    if path.name == IMAGE:
        return path.is_file()
    return path.is_dir() and bool(_saved(path) or _below(path))


def read_cohere_result(path: Path, data: Measurement | None = None) -> Result:
    """Read all starts of a reconstruction by cohere.

    Parameters
    ----------
    path : Path
        ``results_phasing`` (or ``results_phasing_ID``), one start in it, or the experiment. Of a genetic
        algorithm the last generation is read.
    data : Measurement, optional
        Default those of the experiment around it, with their geometry.

    Raises
    ------
    ReadError
        Damaged, no data, several results in an experiment, or of another shape than the data.
    """
    folder = path.parent if path.name == IMAGE else path
    if not _saved(folder):
        folder = _only(path)
    around = [*folder.absolute().parents][:HIGHEST]
    experiments = [place for place in around if (place / "phasing_data" / "data.tif").is_file()]
    if data is None and not experiments:
        raise ReadError(
            f"{path}: no phasing_data/data.tif around it, as in an experiment: {TO_GIVE}"
        )
    measurement = data_of(path, data, [(place, {"reader": "cohere"}) for place in experiments])
    name = next((place.name for place in (folder, *around) if place.name.startswith(FOLDER)), "")
    config = f"config_rec{name.removeprefix(FOLDER)}"
    configs = [place / "conf" / config for place in around]
    parameters = next((read_config(one) for one in configs if one.is_file()), {})
    sequence = str(parameters.get("algorithm_sequence", "chain not known"))
    found = [_found(one) for one in _saved(folder)]
    return as_result(measurement, found, "cohere", sequence, parameters)


def _saved(folder: Path) -> list[Path]:
    """Folders of the starts, in their order: the folder itself, those numbered, those of the last generation."""
    if (folder / IMAGE).is_file():
        return [folder]
    if not folder.is_dir():
        return []
    numbered = {
        int(match[2]): one
        for one in folder.iterdir()
        if (match := re.fullmatch(r"(g_)?(\d{1,9})", one.name)) and one.is_dir()
    }
    generations = [one for number, one in sorted(numbered.items()) if one.name.startswith("g_")]
    if generations:
        return _saved(generations[-1])
    return [one for _, one in sorted(numbered.items()) if (one / IMAGE).is_file()]


def _below(folder: Path) -> list[Path]:
    """Results of an experiment."""
    if not (folder / "conf").is_dir():
        return []
    return sorted(one for one in folder.glob(f"{FOLDER}*") if _saved(one))


def _only(path: Path) -> Path:
    there = _below(path)
    if len(there) != 1:
        names = ", ".join(one.name for one in there) or "none"
        raise ReadError(f"{path}: of results of cohere it holds {names}: name one of them")
    return there[0]


def _found(folder: Path) -> Found:
    support = folder / "support.npy"
    errors = folder / "errors.npy"
    notes = []
    if (folder / "coherence.npy").is_file():
        notes.append(
            "cohere took a partially coherent beam (coherence.npy): figures of merit here are those of a "
            "coherent one"
        )
    return Found(
        path=folder,
        object=from_cohere(load_saved(folder / IMAGE)),
        support=load_saved(support).T > 0 if support.is_file() else None,
        history={"chi2": _curve(errors)} if errors.is_file() else {},
        notes=tuple(notes),
    )


def _curve(path: Path) -> NDArray[np.float32]:
    """χ² that cohere noted, one an iteration."""
    curve: NDArray[Any] = load_saved(path, axes=1)
    if curve.dtype.kind != "f":
        raise ReadError(f"{path}: holds {curve.dtype} and no errors: give what cohere saved")
    return curve.astype(np.float32)
