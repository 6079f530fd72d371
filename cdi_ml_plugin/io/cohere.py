"""A cohere experiment folder: prepared data, ``key = value`` configuration files, saved objects."""

from __future__ import annotations

import ast
import os
import re
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..data.preprocess import for_all_frames
from ..errors import MeasurementError, ParameterError, ReadError
from ..geometry.config_instr import beamline_of, from_config_instr
from ..utils.files import staged
from ..utils.inputs import check_file
from .contents import guarded
from .tiff import read_tiff


def read_experiment(
    folder: str | os.PathLike[str],
    zeros: Literal["dark", "unknown"] = "dark",
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Read the prepared data of a cohere experiment.

    Parameters
    ----------
    folder : path
        The experiment folder, with ``conf/`` and ``phasing_data/data.tif``.
    zeros : {"dark", "unknown"}
        cohere writes 0 where nothing was counted, where the threshold cut, and where a pixel is
        dead or was padded, and no longer knows which. ``"dark"`` takes every zero as measured,
        as cohere does; ``"unknown"`` masks them all.
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame.

    Returns
    -------
    Measurement
        The file holds √intensity; it is squared here. Voxels of -1 (frames that cohere marks as
        missing) are masked. `provenance` holds the main configuration files as mappings, and, where cohere
        noted the peak, what `Geometry.of` needs: numbers of ``config_instr``, of any beamline of
        cohere_beamlines, and the SPEC file that it names.

    Raises
    ------
    ReadError
        No such data file, damaged, or a configuration file that does not parse.
    MeasurementError
        The values cannot be a measurement.
    """
    if zeros not in ("dark", "unknown"):
        raise ParameterError(f"zeros is {zeros!r}: 'dark' and 'unknown' are possible")
    folder = Path(folder)
    path = folder / "phasing_data" / "data.tif"
    if not path.is_file():
        raise ReadError(f"{path}: no such file: run cohere's standard_preprocess on {folder} first")
    amplitude = read_tiff(path).astype(np.float32)
    provenance: dict[str, Any] = {"source": str(path), "format": "cohere experiment"}
    for name in ("config", "config_instr", "config_prep", "config_data"):
        if (folder / "conf" / name).is_file():
            provenance[name] = read_config(folder / "conf" / name)
    provenance |= _geometry(folder, provenance)
    excluded = amplitude < 0
    if zeros == "unknown":
        excluded |= amplitude == 0
    try:
        if mask is not None:
            more = Measurement(np.ones(amplitude.shape), for_all_frames(mask, amplitude.shape)).mask
            excluded |= more
            provenance["steps"] = (f"mask {int(more.sum())} voxels",)
        return Measurement(np.square(amplitude), excluded, provenance)
    except MeasurementError as error:
        raise MeasurementError(f"{path}: {error}") from error


def _geometry(folder: Path, configs: dict[str, Any]) -> dict[str, Any]:
    """SPEC file, scan, peak, binning and ``config_instr``'s numbers; nothing where no peak is noted."""
    instrument, main = configs.get("config_instr", {}), configs.get("config", {})
    scans, noted = main.get("scan"), folder / "preprocessed_data" / "preprocess.xlsx"
    if (
        not instrument
        or not noted.is_file()
        or not ("beamline" in main or "specfile" in instrument)
    ):
        return {}
    try:
        beamline_of(instrument, main.get("beamline"))
    except ParameterError as error:
        if "specfile" in instrument:  # which another geometry would be read from
            raise
        return {"notes": (f"no geometry: {error}",)}
    given = from_config_instr(instrument, main.get("beamline"))
    try:
        peak, first = guarded(noted, _peak)
    except ReadError as error:  # phasing does without
        return {"notes": (f"no geometry: {error}",)}
    found: dict[str, Any] = {"peak": peak}
    if "specfile" in instrument and scans:
        # of several, the one whose voxels the others are moved onto; cohere_ui takes the last one's geometry
        text = str(first if first is not None else re.split(r"[,-]", str(scans))[0])
        number = int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else text
        found |= {"spec": str(instrument["specfile"]), "scan": number}
    if "binning" in configs.get("config_data", {}):  # (column, row, frame)
        binning = configs["config_data"]["binning"]
        if not (
            isinstance(binning, list)
            and len(binning) == 3
            and all(isinstance(n, int) and n >= 1 for n in binning)
        ):
            raise ReadError(
                f"{folder / 'conf' / 'config_data'}: binning = {binning!r}: give three whole numbers from 1"
            )
        found["binning"] = tuple(binning[::-1])
    return {**found, "geometry": given} if given else found


def _peak(noted: Path) -> tuple[tuple[int, int, int], Any]:
    """(frame, row, column) of the peak of the first scan, and the number of that, where it is noted."""
    from openpyxl import load_workbook

    with closing(load_workbook(noted, read_only=True, data_only=True)) as book:
        header, first, *_ = book.active.iter_rows(values_only=True)
    peak = dict(zip(header, first, strict=True))
    column, row, frame = (int(peak[f"max ind {name}"]) for name in ("(x)", "(y)", "frame"))
    return (frame, row, column), peak.get("scan")


def read_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read one of cohere's configuration files.

    Parameters
    ----------
    path : path
        Lines ``key = value``, where a value is a Python literal; a line that begins with ``#`` or
        ``/`` is a comment. As with cohere, a value in parentheses is a list.

    Returns
    -------
    dict of str to Any

    Raises
    ------
    ReadError
        No such file, or a line that is not ``key = value`` with a literal as the value; the
        message names file and line.
    """
    path = Path(path)
    check_file(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ReadError(f"{path}: the configuration cannot be read ({reason})") from error
    config: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith(("#", "/")):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key:
            raise ReadError(f"{path}, line {number}: {line!r} is not of the form key = value")
        try:
            parsed = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise ReadError(
                f"{path}, line {number}: the value of {key}, {value}, is not a number, a list or "
                "a string in quotes"
            ) from error
        one = value.startswith("(") and not isinstance(parsed, tuple)
        config[key] = [parsed] if one else _as_list(parsed)
    return config


def _as_list(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_as_list(item) for item in value]
    return value


def read_continue(
    folder: str | Path, counts: float
) -> tuple[NDArray[np.complex128], NDArray[np.bool_]]:
    """Object and support that cohere saved, for ``init_guess = "continue"``.

    Parameters
    ----------
    folder : path
        ``continue_dir``: it holds ``image.npy`` and ``support.npy``.
    counts : float
        Σ I of the data: cohere scales its images to a maximum of 1, which is undone.

    Returns
    -------
    object : complex128 (z, y, x)
        Centred, in this package's sign.
    support : bool (z, y, x)

    Raises
    ------
    ReadError
        A file is missing, damaged, or not three-dimensional.
    """
    from ..fourier import from_cohere  # imports torch, which takes its time

    image = from_cohere(load_saved(Path(folder) / "image.npy")).astype(np.complex128)
    support = load_saved(Path(folder) / "support.npy").T > 0
    power = float(np.vdot(image, image).real)
    if power > 0:
        image = image * np.sqrt(counts / power)
    return image, support


def write_continue(
    folder: str | Path, obj: NDArray[np.complex64], support: NDArray[np.bool_]
) -> None:
    """Write what cohere starts from with ``init_guess = "continue"``: both files or none.

    Parameters
    ----------
    folder : path
        Made where it is not there; ``image.npy`` and ``support.npy`` in it are replaced.
    obj, support : (z, y, x)
        As a `Run` has them: Σ|obj|² is in counts.

    Raises
    ------
    WriteError
        The folder cannot be written to.
    """
    from ..fourier import to_cohere

    image = to_cohere(obj) / np.float32(np.sqrt(obj.size))
    with staged(folder, ["image.npy", "support.npy"], force=True) as stage:
        np.save(stage / "image.npy", image)
        np.save(stage / "support.npy", support.T.astype(np.int64))


def load_saved(path: Path, axes: int = 3) -> NDArray[Any]:
    """An array of numbers that cohere saved.

    Raises
    ------
    ReadError
        Missing, damaged, no numbers, or of another number of axes.
    """
    if path.exists():
        check_file(path)
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except Exception as error:  # whatever damage makes NumPy run into
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ReadError(f"{path}: cannot be read as cohere's saved array: {reason}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufc":
        what = getattr(array, "dtype", "an archive of several arrays")
        raise ReadError(f"{path}: holds {what} and no numbers: give what cohere saved")
    if array.ndim != axes:
        raise ReadError(f"{path}: has {array.ndim} dimension(s), {axes} are needed")
    return array
