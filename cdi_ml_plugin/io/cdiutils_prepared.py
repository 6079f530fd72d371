"""Data that cdiutils has prepared: its ``S12_preprocessed_data.cxi``, with all of the geometry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..errors import ReadError
from .contents import guarded
from .hdf5 import read_hdf5
from .hdf5_values import Values
from .reader import PROGRAM, Options, Reader
from .recorded import Recorded, measurement

ENDING = "_preprocessed_data.cxi"
DATA = "entry_1/image_1/data"
# cdiutils' names of the circles, from the outermost on; of a detector the one about the vertical comes first.
SAMPLE = ("sample_outofplane_angle", "sample_inplane_angle")
ARM = ("detector_inplane_angle", "detector_outofplane_angle")
# Its frames of the laboratory: that of CXI is ours; xrayutilities' has x along the beam, y outboard, z up.
_OURS = {"x": "z", "y": "x", "z": "y"}


class Cdiutils(Reader):
    """What cdiutils' ``BcdiPipeline.preprocess`` writes."""

    reads = f"cdiutils' prepared data, S12{ENDING}, or the folder that holds it"
    takes = ("mask", "scan")
    rank = PROGRAM
    prepared = True

    def can_read(self, path: Path) -> bool:
        return bool(_files(path))

    def read(self, path: Path, options: Options) -> Measurement:
        files = _files(path)
        if options.scan is not None:
            files = [file for file in files if file.name == f"S{options.scan}{ENDING}"]
        if len(files) != 1:
            there = ", ".join(file.name for file in _files(path)) or "none"
            raise ReadError(
                f"{path}: one scan is needed, and it holds {there}: choose with --scan N"
            )
        return read_prepared_cxi(files[0], options.excluded())


def _files(path: Path) -> list[Path]:
    """Its files in a folder, or the file itself."""
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.name.endswith(ENDING))
    return [path] if path.name.endswith(ENDING) and path.is_file() else []


def read_prepared_cxi(path: Path, mask: NDArray[np.bool_] | None = None) -> Measurement:
    """Read a file that cdiutils 0.2.1 has prepared.

    Parameters
    ----------
    path : Path
    mask : bool array, optional
        True excludes, besides what the file masks; in the shape of the data, or of one frame.

    Returns
    -------
    Measurement
        Cropped as there; ``peak`` in its provenance is the voxel that cdiutils took for the reference.

    Raises
    ------
    ReadError
        Damaged, or written by another program.
    MeasurementError
        The values cannot be a measurement.
    """

    def describe(path: Path) -> Recorded:
        with h5py.File(path, "r") as file:
            return _recorded(Values(file, "entry_1", path))

    recorded = guarded(path, describe)
    held = guarded(path, lambda path: read_hdf5(path, DATA, "entry_1/image_1"))
    return measurement(path, "cdiutils", held, recorded, mask)


def _recorded(values: Values) -> Recorded:
    """What the file says of the scan and its geometry."""
    path = values.path
    reference = values.column("result_1/voi/cropped/ref")
    if reference is None or reference.size != 3:
        raise ReadError(
            f"{path}: holds no entry_1/result_1/voi/cropped/ref: not of cdiutils, or cut"
        )
    here, detector = "geometry_1", "detector_1/calibration"
    positions = {}
    for name in (*SAMPLE, *ARM):
        position = values.position(name, f"{here}/angles/{name}")
        if position is not None:
            positions[name] = position
    energy = values.column("source_1/energy")  # eV
    if energy is not None and energy.size > 1:
        positions["energy"] = energy / 1000
    frame, row, column = (int(n) for n in reference)
    region = values.column("result_1/roi")
    roi = None
    if region is not None and region.size in (4, 6):  # (frames,) rows, columns: from, to
        first_row, end_row, first_column, end_column = (int(n) for n in region[-4:])
        roi = (first_column, end_column - first_column, first_row, end_row - first_row)
    name = path.name.removesuffix(ENDING).removeprefix("S")
    return Recorded(
        name=name,
        diffractometer=_diffractometer(values, here),
        detector=values.text("detector", "detector_1/description"),
        positions=positions,
        energy=None if energy is None or energy.size != 1 else float(energy[0]) / 1000,
        distance=values.number("distance", f"{detector}/distance"),
        pixel=values.pair(f"{detector}/pwidth2", f"{detector}/pwidth1"),  # columns first
        beam_zero=values.pair(f"{detector}/cch2", f"{detector}/cch1"),
        roi=roi,
        peak=(frame, row, column),
        sample=values.text("sample", "sample_1/sample_name"),
        command=values.text("command", "process_1/command"),
        sources=values.sources,
    )


def _diffractometer(values: Values, here: str) -> dict[str, Any]:
    """Its circles and directions as `geometry.instruments.diffractometer` takes them."""
    file, path = values.file, values.path
    cxi = bool(values.file[f"entry_1/{here}/is_cxi"][()])

    def axis(name: bytes | str) -> str:
        text = name.decode() if isinstance(name, bytes) else str(name)
        return text if cxi else _OURS.get(text[:1], "?") + text[1:]

    found = {}
    for part, names in (("sample", SAMPLE), ("detector", ARM)):
        axes = [axis(each) for each in file[f"entry_1/{here}/{part}_circles"][()]]
        if len(axes) != len(names):
            raise ReadError(f"{path}: {part}_circles: {len(axes)} where {len(names)} are needed")
        found[part] = dict(zip(names, axes, strict=True))
    directions = [axis(file[f"entry_1/{here}/detector_axis{n}_orientation"][()]) for n in (1, 0)]
    return {**found, "directions": directions}
