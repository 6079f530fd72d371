"""For each built-in reader a small file or folder that it reads, and the options that a user gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cdi_ml_plugin.simulate.scan import write_virtual_scan
from support import bliss, nanomax, p10, prepared, soleil, sound

COUNTS = sound.COUNTS


def _frames(folder: Path) -> tuple[Path, dict[str, Any]]:
    first, *_ = sound.frames(folder)
    return first.parent, {"spec": first.parents[1] / "test.spec"}


def _experiment(folder: Path) -> tuple[Path, dict[str, Any]]:
    sound.experiment(folder)
    return folder, {}


def _virtual(layout: str) -> Callable[[Path], tuple[Path, dict[str, Any]]]:
    """A virtual scan of a layout, as small as can be."""

    def made(folder: Path) -> tuple[Path, dict[str, Any]]:
        scan = write_virtual_scan(
            folder / "scan", shape=(16, 16, 16), photons=1e5, size=60.0, layout=layout
        )
        return scan.data, dict(scan.options)

    return made


def _rotation(folder: Path) -> tuple[Path, dict[str, Any]]:
    with h5py.File(folder / "sample.h5", "w") as file:
        file["sample_3.1/measurement/part"] = COUNTS
        file["sample_3.1/instrument/positioners/nath"] = 0.05 * np.arange(len(COUNTS))
    return folder / "sample.h5", {"scan": 3}


def _preprocessing(folder: Path) -> tuple[Path, dict[str, Any]]:
    with h5py.File(folder / "S12_preprocessing.h5", "w") as file:
        file["output/data"] = COUNTS
        file["params/setup"] = "{'beamline': 'unknown'}"
    return folder / "S12_preprocessing.h5", {}


SMALL = {
    "bcdi": _preprocessing,
    "cdiutils": lambda folder: (
        prepared.write(folder / "S12_preprocessed_data.cxi", COUNTS),
        {},
    ),
    "cohere": _experiment,
    "34idc": _frames,
    "id01": lambda folder: (bliss.write(folder / "sample.h5"), {"scan": 12}),
    "chex": _virtual("chex"),
    "20ide": _virtual("20ide"),
    "id27": _rotation,
    "id01spec": _virtual("edf"),
    "nexus": _virtual("i16"),
    "sixs": lambda folder: (soleil.sixs(folder / "sixs.nxs"), {}),
    "cristal": lambda folder: (soleil.cristal(folder / "cristal.nxs"), {"scan": 12}),
    "p10": lambda folder: (p10.write(folder), {"scan": 12}),
    "nanomax": lambda folder: (nanomax.write(folder), {"scan": 12}),
    "array": lambda folder: (sound.sound(folder, ".npz"), {}),
}
