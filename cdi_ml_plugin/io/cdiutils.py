"""Files where cdiutils looks for those of PyNX, so that its pipeline goes on from a result.

cdiutils reads an object in the hand of PyNX, exp(−i…), which is that of this package: nothing is turned over.
bcdi needs no export: it reads `result.cxi` as it is.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..crystal.runs import Agreement, agreement_of
from ..data.result import Result
from ..errors import ParameterError
from ..utils.files import check_folder, staged
from ..utils.values import instance, path, whole
from .cdiutils_result import RUNS, mode_name
from .cxi.groups import PACKED, add_group
from .cxi.writer import cxi_bytes, first_entry


def export_cdiutils(
    result: Result, folder: str | Path, scan: int | None = None, force: bool = False
) -> tuple[Path, ...]:
    """Write a result into the folder of a cdiutils pipeline (its ``dump_dir``).

    ``pynx_phasing/S{scan}_Run0001.cxi`` and so on are the runs that stayed finite, for
    ``analyse_phasing_results``; ``S{scan}_pynx_reconstruction_mode.cxi`` has the modes of those that agree with the
    chosen one, as PyNX's analysis has, so that ``postprocess`` can follow at once: it takes the first.

    Parameters
    ----------
    result : Result
    folder : path
        Made where it is missing.
    scan : int, optional
        Number of the scan, as the pipeline's parameters have it; default that of the measurement.
    force : bool
        Replace what an earlier export of this scan wrote, runs that are no more included.

    Returns
    -------
    The paths written.

    Raises
    ------
    ParameterError
        No number of the scan is given, nor known.
    WriteError
        The files exist already, or writing failed: then nothing has changed on disk.
    """
    instance("result", result, Result, "a Result")
    folder = path("folder", folder)
    number = _scan(result, scan)
    mode = mode_name(number)
    runs = {
        f"{RUNS}/S{number}_Run{n:04d}.cxi": run
        for n, run in enumerate(result.runs, start=1)
        if run.reason != "not finite"
    }
    names = (mode, *runs)
    check_folder(folder)
    with staged(folder, names, force, _earlier(Path(folder), number) - set(names)) as stage:
        (stage / mode).write_bytes(_mode_bytes(agreement_of(result)))
        for name, run in runs.items():
            (stage / name).write_bytes(cxi_bytes(replace(result, runs=(run,), best=0)))
    return tuple(Path(folder) / name for name in names)


def _scan(result: Result, scan: int | None) -> int:
    number = result.measurement.provenance.get("scan") if scan is None else scan
    try:
        if isinstance(number, str):  # as a file may hold it
            number = int(number)
        whole("scan", number, 0, 10**9)
        return int(number)  # type: ignore[arg-type]  # whatever else it is, is refused
    except (ParameterError, ValueError) as error:
        raise ParameterError(
            f"scan = {number!r}: cdiutils' files are named by the number of the scan: give it"
        ) from error


def _earlier(folder: Path, scan: int) -> set[str]:
    """Runs of earlier exports; PyNX's own have longer names."""
    pattern = re.compile(rf"S{scan}_Run\d+\.cxi")
    below = folder / RUNS
    found = below.iterdir() if below.is_dir() else iter(())
    return {f"{RUNS}/{one.name}" for one in found if pattern.fullmatch(one.name)}


def _mode_bytes(agreement: Agreement) -> bytes:
    whole = agreement.window.whole
    fields = (whole(mode) for mode in agreement.modes)
    return modes_bytes(fields, agreement.shares[: len(agreement.modes)], whole(agreement.support))


def modes_bytes(
    fields: Iterable[NDArray[np.complex64]], shares: NDArray[np.float64], support: NDArray[Any]
) -> bytes:
    """Modes as PyNX's analysis writes them: (mode, z, y, x), and their relative weights."""
    shape = support.shape
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        entry = first_entry(file)
        image = add_group(entry, "image_1", "NXdata", signal="data", interpretation="scaler")
        whole = (len(shares), *shape)
        data = image.create_dataset("data", whole, "c8", chunks=(1, *shape), **PACKED)
        for number, mode in enumerate(fields):
            data[number] = mode
        image.create_dataset("support", data=support.astype(np.int8), **PACKED)
        image["data_type"] = "electron density"
        image["data_space"] = "real"
        first = h5py.SoftLink("/entry_1/image_1/data")
        for name, content in (("data_1", first), ("data_2", shares)):
            group = add_group(entry, name, "NXdata", signal="data")
            group["data"] = content
        entry["data_2"].attrs["title"] = "relative weights of the modes"
    return buffer.getvalue()
