"""The laboratory's part of the CXI file: the crystal along x, y, z in nm, and the geometry that brought it there.

Below the entry: ``image_2`` is the complex object in CXI's manner; ``laboratory_1`` holds what its modulus and
phase mean, a plot each, with the geometry and the figures; ``instrument_1`` gets what CXI has a place for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...crystal.account import Entry
from ...crystal.crystal import Crystal
from ...data.measurement import Measurement
from ...data.quantities import QUANTITIES
from ...errors import CdiMlError
from ...geometry.geometry import Geometry
from ...geometry.instruments import diffractometer
from .groups import PACKED, add_group, store

AXES = ("z", "y", "x")
ELEMENTARY_CHARGE = 1.602176634e-19  # C; J in an eV
UNITS = {"energy": "keV", "distance": "m", "pixel": "m", "beam_zero": "pixel", "roi": "pixel"}


def add_laboratory(
    entry: h5py.Group, measurement: Measurement, crystal: Crystal, figures: Sequence[Entry]
) -> None:
    """Add the crystal of a measurement, and what is told of it, to ``entry_1``.

    Raises
    ------
    ReadError, ParameterError
        The geometry that the measurement names cannot be read.
    """
    image = add_group(entry, "image_2", "NXdata", signal="data", axes=AXES)
    image.create_dataset("data", data=crystal.object, **PACKED)
    image["data"].attrs["long_name"] = "object in the laboratory"
    image.create_dataset("support", data=crystal.inside.astype(np.int8), **PACKED)
    image["data_type"] = "electron density"
    image["data_space"] = "real"
    image["image_size"] = [crystal.voxel * 1e-9 * n for n in crystal.amplitude.shape[::-1]]
    image["image_size"].attrs["units"] = "m"  # CXI's, along (x, y, z)
    for axis, positions in positions_of(crystal).items():
        _number(image, axis, positions, "nm", f"{axis} (nm)")

    laboratory = add_group(entry, "laboratory_1", "NXcollection", default="amplitude")
    for name in ("amplitude", "phase", "displacement", "strain"):
        plot = add_group(laboratory, name, "NXdata", signal=name, axes=AXES)
        plot.create_dataset(name, data=getattr(crystal, name), **PACKED)
        what = QUANTITIES[name]
        plot[name].attrs.update({"units": what.unit, "long_name": what.label})
        if name in crystal.uncertainties:  # NeXus finds them by their name
            plot.create_dataset(f"{name}_errors", data=crystal.uncertainties[name], **PACKED)
        for axis in AXES:
            plot[axis] = image[axis]  # hard links: the same positions
    told = add_group(laboratory, "figures", "NXcollection")
    for figure in figures:
        _figure(told, figure)
    geometry = measurement.geometry
    collection = add_group(laboratory, "geometry", "NXcollection")
    _number(collection, "q", crystal.q, "1/nm", "q of the crystal along (x, y, z)")
    if geometry is not None:
        _geometry(collection, geometry, measurement.shape)
        _instrument(entry["instrument_1"], geometry)


def positions_of(crystal: Crystal) -> dict[str, NDArray[np.float64]]:
    """Positions in nm along each axis, in double precision: silx takes what is less regular for scattered points."""
    return dict(zip(AXES, (each.astype(float) for each in crystal.axes()), strict=True))


def _figure(group: h5py.Group, entry: Entry) -> None:
    """A figure of the account: its number with unit, name and text; its uncertainty as an attribute."""
    if isinstance(entry.value, str):
        group[entry.key] = entry.value
        group[entry.key].attrs["long_name"] = entry.what.name
        return
    _number(group, entry.key, entry.value, ascii_unit(entry.what.unit), entry.what.name)
    said = {"text": entry.text, "meaning": entry.what.says, "reason": entry.reason}
    group[entry.key].attrs.update({key: value for key, value in said.items() if value})
    if entry.with_level:
        group[entry.key].attrs["with_level_lower_and_higher"] = entry.moved
    if math.isfinite(entry.error):
        group[entry.key].attrs["uncertainty"] = entry.error


def ascii_unit(unit: str) -> str:
    """A unit as NeXus writes it."""
    return unit.replace("³", "^3").replace("²", "^2")


def units_of(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Units of the numbers in a provenance, by their names; those of the geometry by theirs."""
    units: dict[str, Any] = dict.fromkeys(("peak", "origin", "binning"), "voxel")
    given = provenance.get("geometry")
    if isinstance(given, Mapping):
        with suppress(CdiMlError):  # of a diffractometer that is none here
            named = _units(given.get("diffractometer", "34idc"), given.get("motor"))
            units["geometry"] = {**named, "reference": "voxel"}
    return units


def _units(name: Any, motor: str | None) -> dict[str, str]:
    """Units of the numbers of a geometry of a diffractometer."""
    circles = diffractometer(name)
    return {
        **UNITS,
        **{circle: "m" if circles.moves(circle) else "deg" for circle in circles.circles},
        "step": "keV" if motor == "energy" else "deg",
    }


def _geometry(collection: h5py.Group, geometry: Geometry, shape: tuple[int, int, int]) -> None:
    units = _units(geometry.diffractometer, geometry.motor)
    for name, value in geometry.numbers().items():
        if name in units:
            _number(collection, name, value, units[name])
        else:
            store(collection, name, list(value) if isinstance(value, tuple) else value)
    columns = "rows (x, y, z), columns (rocking, row, column)"
    _number(collection, "reciprocal_basis", geometry.reciprocal_basis(), "1/nm", columns)
    _number(collection, "direct_basis", geometry.direct_basis(shape), "nm", columns)
    _number(collection, "reference_q", geometry.momentum_transfer(), "1/nm")


def _instrument(instrument: h5py.Group, geometry: Geometry) -> None:
    """What CXI has places for, in its units, so that PyNX finds the geometry beside the counts."""
    source = add_group(instrument, "source_1", "NXsource")
    _number(source, "energy", geometry.energy * 1e3 * ELEMENTARY_CHARGE, "J")
    detector = instrument["detector_1"]
    _number(detector, "distance", geometry.distance, "m")
    for name, size in zip(("x_pixel_size", "y_pixel_size"), geometry.pixel, strict=True):
        _number(detector, name, size, "m")


def _number(group: h5py.Group, name: str, value: ArrayLike, unit: str, title: str = "") -> None:
    group[name] = np.asarray(value)
    attributes: dict[str, Any] = {"units": unit} | ({"long_name": title} if title else {})
    group[name].attrs.update(attributes)
