"""Bad inputs of what reads and prepares data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cdi_ml_plugin import Measurement, inspect, load, prepare, read_result
from cdi_ml_plugin.data import preprocess

from .room import SHAPE, counts
from .values import NOT_NUMBERS, NOT_PATHS, not_arrays

Input = tuple[str, Callable[[], Any]]


def inputs() -> Iterator[Input]:
    """A name and a call for each."""
    yield from measurements()
    yield from files()
    yield from preparations()


def masks() -> dict[str, Any]:
    """What is no mask of the counts."""
    return {
        "text": "mask",
        "number": 1,
        "dict": {},
        "ragged": [[True], [True, False]],
        "complex": np.zeros(SHAPE, complex),
        "text array": np.zeros(SHAPE).astype(str),
        "object array": np.full(SHAPE, None),
        "2-D": np.zeros((3, 4), bool),
        "4-D": np.zeros((1, *SHAPE), bool),
        "another shape": np.zeros((5, 6, 7), bool),
        "twos": np.full(SHAPE, 2),
        "nan": np.full(SHAPE, np.nan),
        "negative": np.full(SHAPE, -1),
        "all": np.ones(SHAPE, bool),
        "empty": [],
    }


def measurements() -> Iterator[Input]:
    for name, array in not_arrays().items():
        yield f"Measurement of {name}", lambda a=array: Measurement(a)
    for name, mask in masks().items():
        yield f"Measurement mask {name}", lambda a=mask: Measurement(counts(), a)
    for name, about in {"text": "x", "number": 3, "list": [1, 2], "object": object()}.items():
        yield f"Measurement provenance {name}", lambda a=about: Measurement(counts(), None, a)
    for name, about in {
        "geometry text": {"geometry": "34idc"},
        "geometry list": {"geometry": [1]},
        "geometry NaN": {"geometry": {"energy": float("nan")}},
        "binning number": {"geometry": {"energy": 9.0}, "binning": 3},
        "peak text": {"geometry": {"energy": 9.0}, "peak": "xyz"},
        "unknown": {"geometry": {"colour": "red"}},
    }.items():
        yield (
            f"Measurement.geometry {name}",
            lambda a=about: Measurement(counts(), None, a).geometry,
        )


def files() -> Iterator[Input]:
    for name, path in NOT_PATHS.items():
        yield f"load {name}", lambda p=path: load(p)
        yield f"read_result {name}", lambda p=path: read_result(p)
        for option in ("mask", "spec", "dark", "white"):
            if path is not None:
                options = {"spec": "scan/virtual.spec", "scan": 1, option: path}
                yield f"load {option}={name}", lambda o=options: load("scan/frames", **o)
    for name in sorted(
        (
            "missing",
            "folder",
            "other",
            "empty",
            "empty.npy",
            "empty.tif",
            "empty.cxi",
            "noise",
            "noise.npy",
            "noise.npz",
            "noise.tif",
            "noise.cxi",
            "noise.h5",
            "pipe",
            "text.txt",
            "small.npy",
            "config_rec",
            os.devnull,
            "two.npz",
        )
    ):
        yield f"load file {name}", lambda n=name: load(n)
    for name in (
        "missing",
        "folder",
        "counts.npy",
        "noise.cxi",
        "empty.cxi",
        "pipe",
        "other",
        "text.txt",
    ):
        yield f"read_result file {name}", lambda n=name: read_result(n)
    for name, scan in {
        "0": 0,
        "-1": -1,
        "1.5": 1.5,
        "text": "first",
        "None": None,
        "True": True,
        "huge": 10**20,
        "list": [1],
        "empty": "",
        "54.": "1.",
        "1.9": "1.9",
        "nan": float("nan"),
        "bytes": b"1",
    }.items():
        yield (
            f"load scan={name}",
            lambda s=scan: load("scan/frames", spec="scan/virtual.spec", scan=s),
        )
    for name, given in {
        "dataset c": {"dataset": "c"},
        "dataset number": {"dataset": 7},
        "dataset empty": {"dataset": ""},
        "dataset list": {"dataset": ["a"]},
        "spec": {"spec": "scan/virtual.spec"},
        "scan": {"scan": 1},
        "monitor": {"monitor": True},
    }.items():
        yield f"load two arrays, {name}", lambda g=given: load("two.npz", **g)
    for name, mask in masks().items():
        if name not in ("text", "all"):
            yield f"load mask {name}", lambda m=mask: load("counts.npy", mask=m)


def preparations() -> Iterator[Input]:
    good = Measurement(counts())
    for name, array in not_arrays().items():
        yield f"prepare {name}", lambda a=array: prepare(a)
        yield f"inspect {name}", lambda a=array: inspect(a)
    for name, value in {**NOT_NUMBERS, "negative": -1, "highest": 1e30, "True": True}.items():
        yield f"prepare threshold={name}", lambda v=value: prepare(good, threshold=v)
        yield f"inspect threshold={name}", lambda v=value: inspect(good, threshold=v)
    for option in ("crop", "binning"):
        for name, value in {
            "0": 0,
            "number": 8,
            "text": "888",
            "two": (8, 8),
            "four": (8, 8, 8, 8),
            "zero": (0, 8, 8),
            "negative": (8, -8, 8),
            "part": (8.5, 8, 8),
            "float": (8.0, 8.0, 8.0),
            "nan": (8, float("nan"), 8),
            "True": (True, 8, 8),
            "None in it": (None, 8, 8),
            "huge": (10**20, 8, 8),
            "large": (10**6, 10**6, 8),
            "texts": ("8", "8", "8"),
            "empty": (),
            "dict": {},
            "array": np.ones((3, 3), int),
            "object": object(),
        }.items():
            yield f"prepare {option}={name}", lambda o=option, v=value: prepare(good, **{o: v})
            yield f"inspect {option}={name}", lambda o=option, v=value: inspect(good, **{o: v})
    for name, mask in masks().items():
        yield f"prepare mask {name}", lambda m=mask: prepare(good, mask=m)
        yield f"prepare array and mask {name}", lambda m=mask: prepare(counts(), mask=m)
    for name, value in {**NOT_NUMBERS, "0": 0, "negative": -1}.items():
        yield f"ratio {name}", lambda v=value: preprocess.mask_hot_pixels(good, ratio=v)
        if name != "0":
            yield f"floor {name}", lambda v=value: preprocess.mask_hot_pixels(good, floor=v)
    for name, numbers in {
        "unknown": {"colour": 1},
        "text": {"energy": "high"},
        "list": [1, 2],
        "None": None,
        "diffractometer": {"diffractometer": "toy"},
        "diffractometer number": {"diffractometer": 5},
        "diffractometer list": {"diffractometer": ["34idc"]},
        "reference": {"reference": 5},
    }.items():
        if name != "text":  # is said when the geometry is asked for
            yield f"with_geometry {name}", lambda n=numbers: preprocess.with_geometry(good, n)
