"""A series as one NeXus file that points to its results: figures over the scans, links, and virtual stacks.

Nothing of the volumes is copied: stacks are virtual datasets of HDF5, whose sources have paths relative to the file, so
that the folder can be moved. Along the first axis of everything are all scans in their order; where one has no
value, numbers are NaN.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ...data.quantities import QUANTITIES, quantity
from ...errors import ReadError
from ...version import __version__
from .aligned import CRYSTAL, DRAWN, OBJECT
from .groups import add_group
from .laboratory import AXES as LABORATORY
from .laboratory import ascii_unit
from .writer import AXES, KIND, PROGRAM

FIRST = (
    "strain_rms",
    "d_spacing_nm",
    "chi2",
)  # the first of them that there is, is the default plot
MIDDLE = "_middle"  # ends the names of stacks of single planes
TEXTS = ("scan", "data", "folder", "state", "reason", "verdict", "start")
Rows = Sequence[Mapping[str, Any]]


def series_bytes(
    content: Mapping[str, Any],
    across: Sequence[float],
    label: str,
    aligned: str,
    command: str = "",
) -> bytes:
    """Return the whole file as bytes.

    Parameters
    ----------
    content : mapping
        What ``series.json`` holds.
    across : sequence of float
        What the figures are plotted over, a number a row or NaN.
    label : str
        What `across` is.
    aligned : str
        Name of the files in the folders of the scans that hold what is stacked.
    command : str
        How to make this again.

    Raises
    ------
    ReadError
        The first of those files cannot be read.
    """
    rows = content["rows"]
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs.update({"creator": PROGRAM, "default": "entry_1", KIND: "series"})
        entry = add_group(file, "entry_1", "NXentry", default="figures")
        entry["title"] = f"series of {len(rows)} scans"
        _process(entry, content, command)
        scans = _scans(entry, content)
        scans["across"] = np.array(across, float)
        scans["across"].attrs["long_name"] = label
        _figures(entry, rows)
        links = add_group(entry, "results", "NXcollection")
        for row in rows:
            if row["state"] == "done":
                links[row["folder"]] = h5py.ExternalLink(f"{row['folder']}/result.cxi", "/entry_1")
        stacked = [place for place, row in enumerate(rows) if aligned in row["aligned"]]
        if stacked:
            # the reference has a crystal where any other has
            like = next((p for p in stacked if rows[p]["scan"] == content["reference"]), stacked[0])
            path = Path(content["out"]) / rows[like]["folder"] / aligned
            try:
                with h5py.File(path, "r") as first:
                    _stacks(
                        entry,
                        first,
                        {p: f"{rows[p]['folder']}/{aligned}" for p in stacked},
                        len(rows),
                    )
            except (OSError, KeyError) as error:
                raise ReadError(
                    f"{path}: damaged: delete it, and give the same command again"
                ) from error
    return buffer.getvalue()


def figure_keys(rows: Rows) -> list[str]:
    """Keys of all figures that a row has, in the order of `data.quantities`."""
    seen = dict.fromkeys(key for row in rows for key in row["figures"])
    known = [key for key in QUANTITIES if key in seen]
    return known + [key for key in seen if key not in QUANTITIES]


def _process(entry: h5py.Group, content: Mapping[str, Any], command: str) -> None:
    process = add_group(entry, "process_1", "NXprocess")
    process["program"], process["version"] = PROGRAM, __version__
    process["date"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    process["command"] = command
    process["reference"] = content["reference"]
    process["outlier_from"] = content["outlier_from"]


def _scans(entry: h5py.Group, content: Mapping[str, Any]) -> h5py.Group:
    """A column of each thing that is known of all scans and is no figure."""
    rows = content["rows"]
    scans = add_group(entry, "scans", "NXcollection")
    for key in TEXTS:
        scans[key] = [str(row[key]) for row in rows]
    scans["outliers"] = [" ".join(row["outliers"]) for row in rows]
    scans["number"] = _numbers([row["number"] for row in rows])
    scans["seconds"] = _numbers([row["seconds"] for row in rows])
    scans["turned"] = np.array([row["turned"] for row in rows], np.int8)
    scans["aligned"] = np.array([bool(row["aligned"]) for row in rows], np.int8)
    along = add_group(scans, "along", "NXcollection")
    for name in content["along"]:
        values = [row["along"][name] for row in rows]
        texts = any(isinstance(value, str) for value in values)
        along[_member(name)] = (
            ["" if value is None else str(value) for value in values] if texts else _numbers(values)
        )
    return scans


def _figures(entry: h5py.Group, rows: Rows) -> None:
    keys = figure_keys(rows)
    group = add_group(entry, "figures", "NXcollection")
    for key in keys:
        plot = add_group(group, _member(key), "NXdata", signal=_member(key), axes=["across"])
        what = quantity(key)
        signal = plot.create_dataset(
            _member(key), data=_numbers([row["figures"].get(key) for row in rows])
        )
        signal.attrs.update({"units": ascii_unit(what.unit), "long_name": what.label})
        plot["title"] = what.label
        errors = _numbers([row["errors"].get(key) for row in rows])
        if np.isfinite(errors).any():  # NeXus finds them by their name
            plot[f"{_member(key)}_errors"] = errors
        plot["across"] = entry["scans/across"]  # a hard link, as all that is there already
        plot["scan"] = entry["scans/scan"]
    first = next((key for key in FIRST if key in keys), keys[0] if keys else None)
    if first is not None:
        group.attrs["default"] = _member(first)


def _stacks(entry: h5py.Group, first: h5py.File, files: Mapping[int, str], count: int) -> None:
    """Virtual stacks (scan, z, y, x) of what lies in the files of the scans, and (scan, y, x) of planes z = 0."""
    stacks = add_group(entry, "aligned", "NXcollection", default="object")
    _stack(stacks, "object", first[OBJECT]["object"], AXES, files, count)
    if CRYSTAL not in first:
        return
    stacks.attrs["default"] = f"strain{MIDDLE}"
    for name in DRAWN:
        source = first[CRYSTAL][name][name]
        _stack(stacks, name, source, LABORATORY, files, count)
        _stack(stacks, name + MIDDLE, source, LABORATORY, files, count)


def _stack(
    stacks: h5py.Group,
    name: str,
    source: h5py.Dataset,
    axes: Sequence[str],
    files: Mapping[int, str],
    count: int,
) -> None:
    """One virtual stack of what lies where `source` does in the files of the scans, or of its middle plane."""
    part: Any = ...
    shape = source.shape
    if name.endswith(MIDDLE):
        part, shape, axes = shape[0] // 2, shape[1:], axes[1:]
    layout = h5py.VirtualLayout((count, *shape), source.dtype)
    for place, file in files.items():
        layout[place] = h5py.VirtualSource(file, source.name, source.shape)[part]
    plot = add_group(stacks, name, "NXdata", signal=name, axes=["place", *axes])
    plot.create_virtual_dataset(name, layout, fillvalue=source.dtype.type(np.nan))
    plot[name].attrs.update(dict(source.attrs))
    plot["place"] = np.arange(count)
    plot["place"].attrs["long_name"] = "place of the scan"
    for axis in axes:
        plot[axis] = source.parent[axis][()]
        plot[axis].attrs.update(dict(source.parent[axis].attrs))


def _numbers(values: Sequence[Any]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], float)


def _member(name: str) -> str:
    """A name that HDF5 does not nest."""
    return name.replace("/", "_")
