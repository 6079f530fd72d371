"""The text file of parameters that cdiutils writes for a runner of PyNX: ``pynx-cdi-inputs.txt``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ReadError
from .contents import guarded

NOTHING = ("", "none", "false")
# What has another meaning there, where it is not as cdiutils has it; the rest steers PyNX's own algorithms.
AS_THEY_ARE = {"rebin": ("1,1,1", "1"), "roi": ("full", "all"), "support": ("auto",)}


@dataclass(frozen=True)
class Inputs:
    """What a runner is asked for, as far as it is no matter of PyNX's own algorithms.

    Attributes
    ----------
    data, mask : Path
        Files of arrays; no mask where none is named.
    runs : int
        Number of random starts.
    keep : int
        How many of them are written, the best.
    algorithm : str or None
    """

    data: Path
    mask: Path | None
    runs: int
    keep: int
    algorithm: str | None


def read_inputs(path: Path) -> Inputs:
    """Read ``key = value`` lines as a runner of PyNX does.

    Parameters
    ----------
    path : Path
        Paths in it are taken from its folder.

    Raises
    ------
    ReadError
        Not readable, no data named, or it asks for data other than those it names.
    """
    lines = guarded(path, lambda one: one.read_text(encoding="utf-8")).splitlines()
    values: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("#")[0].partition("=")
        value = value.replace("'", "").replace('"', "").strip()
        if equals and value.lower() not in NOTHING:
            values[key.strip().lower()] = value
    if "data" not in values:
        raise ReadError(f"{path}: names no data: it needs a line data = FILE")
    for key, meant in AS_THEY_ARE.items():
        if values.get(key, meant[0]).replace(" ", "").strip("()[]") not in meant:
            raise ReadError(
                f"{path}: {key} = {values[key]}: only {meant[0]} is taken: change the data in "
                "BcdiPipeline.preprocess instead, or leave it out"
            )
    runs = _count(path, values, "nb_run", 1)
    return Inputs(
        data=path.parent / values["data"],
        mask=path.parent / values["mask"] if "mask" in values else None,
        runs=runs,
        keep=min(runs, _count(path, values, "nb_run_keep", runs)),
        algorithm=values.get("algorithm"),
    )


def _count(path: Path, values: dict[str, str], key: str, default: int) -> int:
    text = values.get(key, str(default))
    if not text.isdecimal() or not int(text):
        raise ReadError(f"{path}: {key} = {text}: give a whole number from 1")
    return int(text)
