"""Bad inputs of what is made of results: files, crystals, objects side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from cdi_ml_plugin import (
    Result,
    align,
    analyse,
    crystal_of,
    diffraction,
    object_error,
    save,
    save_comparison,
)
from cdi_ml_plugin.data.preprocess import with_geometry
from cdi_ml_plugin.io.cdiutils import export_cdiutils
from cdi_ml_plugin.view.figures.pictures import Pictures

from .room import SHAPE, geometry, good_result
from .values import NOT_NUMBERS, NOT_PATHS, not_objects

Input = tuple[str, Callable[[], Any]]
NO_RESULTS: dict[str, Any] = {
    "None": None,
    "text": "result",
    "number": 5,
    "array": np.ones((3, 3)),
    "dict": {},
    "object": object(),
    "list": [],
}


@cache
def result() -> Result:
    """A good one, phased once."""
    return good_result()


def inputs() -> Iterator[Input]:
    """A name and a call for each."""
    good = np.ones(SHAPE, complex)
    held = np.zeros(SHAPE, bool)
    held[5:10, 6:12, 6:12] = True
    for name, array in not_objects().items():
        if name != "zeros":  # an object of zeros is as far from any other as can be
            yield f"align {name}", lambda a=array: align(a, good)
            yield f"align to {name}", lambda a=array: align(good, a)
            yield f"object_error {name}", lambda a=array: object_error(a, good)
        yield f"object_error to {name}", lambda a=array: object_error(good, a)
        yield f"analyse {name}", lambda a=array: analyse(a, held, geometry())
        yield f"analyse support {name}", lambda a=array: analyse(good, a, geometry())
        if name not in ("4-D", "zeros", "thin", "nan", "inf", "all NaN"):
            yield f"diffraction {name}", lambda a=array: diffraction(a)
    for name, shape in {"of other shapes": (4, 5, 6), "of one voxel": (1, 1, 1)}.items():
        yield f"align {name}", lambda s=shape: align(np.ones(s), good)
        yield f"object_error {name}", lambda s=shape: object_error(np.ones(s), good)
        yield f"analyse {name}", lambda s=shape: analyse(np.ones(s), held, geometry())
    for name, place in {
        "None": None,
        "dict": {},
        "text": "34idc",
        "matrix": np.eye(3),
        "number": 5,
    }.items():
        yield f"analyse geometry {name}", lambda g=place: analyse(good, held, g)
    for name, value in {
        **NOT_NUMBERS,
        "0": 0,
        "-1": -1,
        "tiny": 1e-9,
        "huge": 1e9,
        "10**400": 10**400,
        "True": True,
    }.items():
        yield f"analyse voxel {name}", lambda v=value: analyse(good, held, geometry(), v)
        if name not in ("huge", "tiny"):
            yield (
                f"analyse d_spacing {name}",
                lambda v=value: analyse(good, held, geometry(), d_spacing=v),
            )
        yield f"crystal_of voxel {name}", lambda v=value: crystal_of(result(), v)
        for option in ("level", "counts", "voxel"):
            if (option, name) not in (
                ("counts", "tiny"),
                ("counts", "huge"),
                ("voxel", "tiny"),
                ("voxel", "huge"),
                ("level", "tiny"),
            ):
                yield (
                    f"Pictures {option} {name}",
                    lambda o=option, v=value: Pictures(result(), **{o: v}),
                )
    for name, size in {**NOT_NUMBERS, "0": 0, "-1": -1, "huge": 10**9, "1.5": 1.5}.items():
        yield f"Pictures size {name}", lambda s=size: Pictures(result(), size=s)
    for name, none in NO_RESULTS.items():
        yield f"save {name}", lambda n=none: save(n, "out")
        yield f"save_comparison {name}", lambda n=none: save_comparison(n, "out")
        yield f"crystal_of {name}", lambda n=none: crystal_of(n)
        yield f"export {name}", lambda n=none: export_cdiutils(n, "out", 1)
        yield f"Pictures {name}", lambda n=none: Pictures(n)
        yield f"kinds {name}", lambda n=none: Pictures(result()).plan([n])
        if name not in ("None",):
            yield f"save crystal {name}", lambda n=none: save(result(), "out", crystal=n)
    for name, path in NOT_PATHS.items():
        yield f"save into {name}", lambda p=path: save(result(), p)
        yield f"export into {name}", lambda p=path: export_cdiutils(result(), p, 1)
    for name in ("counts.npy", "other/holiday.txt", "pipe", "result", "/dev/null/out"):
        yield f"save onto {name}", lambda n=name: save(result(), n)
        yield (
            f"export onto {name}",
            lambda n=name: export_cdiutils(result(), n, 1) if n != "result" else save(result(), n),
        )
    for name, scan in {
        **NOT_NUMBERS,
        "-1": -1,
        "1.5": 1.5,
        "huge": 10**30,
        "None": None,
        "True": True,
        "path": "../1",
    }.items():
        if name != "number as text":
            yield f"export scan {name}", lambda s=scan: export_cdiutils(result(), "out", s)
    for name, numbers in {"energy": {"energy": "high"}, "part": {"energy": 9.0}}.items():
        yield (
            f"crystal_of geometry {name}",
            lambda n=numbers: crystal_of(
                replace(result(), measurement=with_geometry(result().measurement, n))
            ),
        )
