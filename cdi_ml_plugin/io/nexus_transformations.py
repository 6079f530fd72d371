"""Where NeXus places sample and detector: chains of NXtransformations.

NeXus' frame is that of McStas: z along the beam, y up, x completes a right-handed frame, which is ours.

References
----------
NeXus 2024.02: NXtransformations, NXdetector_module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..geometry.check import KEYWORDS
from ..utils.inputs import printable
from .hdf5_links import resolve
from .hdf5_values import UNITS

Vector = NDArray[np.float64]
LONGEST = 40  # transformations in a chain
ALONG = 0.999  # a direction is along an axis of the laboratory: within 2.5°


@dataclass(frozen=True, eq=False)
class Transformation:
    """A rotation in degrees about `vector`, or a translation in metres along it; a value for each frame, or one."""

    name: str
    place: str
    rotates: bool
    values: Vector
    vector: Vector
    offset: Vector


def chain(file: h5py.File, start: str, path: Path) -> list[Transformation]:
    """What moves a sample, a detector or a pixel, from the innermost on.

    Parameters
    ----------
    start : str
        Group with a dataset ``depends_on``, or a dataset with that attribute, itself included.

    Raises
    ------
    ReadError
        A link leads nowhere, or in a circle; a value, vector or unit that is none.
    """
    found: list[Transformation] = []
    node, where = resolve(file, start, path), start
    while True:
        if isinstance(node, h5py.Dataset):
            found.append(_transformation(node, path))
        following = _depends_on(node)
        if following in ("", "."):
            return found
        if len(found) > LONGEST:
            raise ReadError(f"{path}: {printable(start)}: its transformations lead in a circle")
        # absolute, or beside the dataset, or below the group that names it
        base = node if isinstance(node, h5py.Group) else node.parent
        where = following
        node = resolve(file if following.startswith("/") else base, following, path)
        if not isinstance(node, h5py.Dataset):
            raise ReadError(
                f"{path}: {printable(start)} depends on {printable(where)}, which is not there"
            )


def _depends_on(node: Any) -> str:
    if isinstance(node, h5py.Group):
        inside = node.get("depends_on")
        value = inside[()] if isinstance(inside, h5py.Dataset) else ""
    else:
        value = node.attrs.get("depends_on", "") if isinstance(node, h5py.Dataset) else ""
    return _text(value)


def _text(value: Any) -> str:
    value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _transformation(node: h5py.Dataset, path: Path) -> Transformation:
    kind, unit = (_text(node.attrs.get(name, "")) for name in ("transformation_type", "units"))
    rotates = kind == "rotation"
    vector = np.asarray(node.attrs.get("vector", ()), dtype=float).ravel()
    length = float(np.linalg.norm(vector)) if vector.size == 3 else 0.0
    # a translation of no length has no direction either
    empty = not rotates and length == 0 and not np.any(node[()])
    if kind not in ("rotation", "translation") or not (length > 0 or empty) or unit not in UNITS:
        raise ReadError(
            f"{path}: {printable(node.name)}: no transformation: type {kind[:20]!r}, vector {vector.tolist()}, "
            f"units {unit[:20]!r}"
        )
    offset = np.asarray(node.attrs.get("offset", (0, 0, 0)), dtype=float).ravel()
    scale = UNITS.get(_text(node.attrs.get("offset_units", unit)), 1.0)
    return Transformation(
        name=node.name.rpartition("/")[2],
        place=printable(node.name.strip("/")),
        rotates=rotates,
        values=np.ravel(node[()]).astype(float) * UNITS[unit],
        vector=vector / length if length else vector,
        offset=offset * scale if offset.size == 3 else np.zeros(3),
    )


def circles(transformations: list[Transformation]) -> dict[str, str] | None:
    """Circle → axis, from the outermost on; None where one turns about no axis of the laboratory.

    Translations are left out: a crystal in the beam is one wherever it is moved.
    """
    found = {}
    for each in reversed(transformations):
        if not each.rotates:
            continue
        axis = direction(each.vector)
        if axis is None or not each.name.isidentifier():
            return None
        found[each.name] = axis
    return found


def named_apart(
    *chains: list[Transformation],
) -> tuple[list[Transformation], ...]:
    """The same, each rotation with a name of its own, which is that of no parameter of `Geometry`.

    What is in several of them, as an arm that carries sample and detector, keeps one name.
    """
    names: dict[str, str] = {}  # by place
    for each in (one for links in chains for one in links if one.rotates):
        taken = {*KEYWORDS, *(name for place, name in names.items() if place != each.place)}
        others = (each.name, *(f"{each.name}_{n}" for n in range(2, len(taken) + 3)))
        names[each.place] = next(name for name in others if name not in taken)
    return tuple(
        [replace(one, name=names.get(one.place, one.name)) for one in links] for links in chains
    )


def direction(vector: Vector) -> str | None:
    """``"x+"`` … ``"z-"``; None of a vector between them."""
    axis = int(np.abs(vector).argmax())
    if abs(vector[axis]) < ALONG * np.linalg.norm(vector) or not vector.any():
        return None
    return "xyz"[axis] + ("+" if vector[axis] > 0 else "-")


def detector_place(file: h5py.File, module: str, path: Path) -> Mapping[str, Any]:
    """Distance, pixels, directions and the direct beam's pixel, with every circle of the detector at 0.

    Parameters
    ----------
    module : str
        An NXdetector_module: ``module_offset``, ``fast_pixel_direction``, ``slow_pixel_direction``.

    Returns
    -------
    dict
        As `Recorded` names them; empty where the module is not placed, or its pixels are along no axis.
    """
    fast, slow, origin = (
        chain(file, f"{module}/{name}", path)
        for name in ("fast_pixel_direction", "slow_pixel_direction", "module_offset")
    )
    if not (fast and slow and origin):
        return {}
    sides = [direction(each[0].vector) for each in (fast, slow)]
    pixel = tuple(float(each[0].values[0]) for each in (fast, slow))
    if None in sides or min(pixel) <= 0:
        return {}
    moved = [step.offset + (0 if step.rotates else step.values[0] * step.vector) for step in origin]
    corner = np.sum(moved, axis=0)  # of the first pixel
    if not corner[2] > 0:
        return {}
    beam_zero = tuple(
        float(-(corner @ each[0].vector) / edge)
        for each, edge in zip((fast, slow), pixel, strict=True)
    )
    return {
        "distance": float(corner[2]),
        "pixel": pixel,
        "beam_zero": beam_zero,
        "directions": (sides[0], sides[1]),
    }
