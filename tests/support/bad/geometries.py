"""Bad inputs of `Geometry`, and of what is simulated with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cdi_ml_plugin import Geometry
from cdi_ml_plugin.simulate.scan import write_virtual_scan

from .room import NUMBERS, geometry
from .values import NOT_NUMBERS, NOT_PATHS

Input = tuple[str, Callable[[], Any]]
SPEC = "scan/virtual.spec"


def made(**other: Any) -> Geometry:
    """A good geometry but for what is given; None leaves a keyword out."""
    given = {k: v for k, v in {**NUMBERS, **other}.items() if v is not None}
    return Geometry(**given)


def inputs() -> Iterator[Input]:
    """A name and a call for each."""
    for key in ("energy", "distance", "step", "theta", "delta"):
        for name, value in {**NOT_NUMBERS, "huge": 10**400, "True": True}.items():
            yield f"Geometry {key}={name}", lambda k=key, v=value: made(**{k: v})
    for name, other in {
        "wavelength": {"wavelength": -0.1},
        "energy 0": {"energy": 0},
        "energy -1": {"energy": -1},
        "energy in eV": {"energy": 9000.0},
        "distance 0": {"distance": 0},
        "distance in mm": {"distance": 500.0},
        "step 0": {"step": 0},
        "step 90": {"step": 90},
        "angle 400": {"delta": 400.0},
        "motor": {"motor": "motor"},
        "motor number": {"motor": 5},
        "motor list": {"motor": ["theta"]},
        "diffractometer": {"diffractometer": "toy"},
        "diffractometer number": {"diffractometer": 5},
        "diffractometer list": {"diffractometer": []},
        "detector": {"detector": "toy"},
        "detector list": {"detector": ["34idcTIM2"]},
        "detector number": {"detector": 4},
        "directions": {"directions": ("up", "down")},
        "directions text": {"directions": "x+"},
        "directions number": {"directions": 3},
        "unknown": {"colour": "red"},
        "no angle": {"gamma": None},
    }.items():
        yield f"Geometry {name}", lambda o=other: made(**o)
    for key in ("reference", "roi", "pixel", "beam_zero", "binning"):
        for name, value in {
            "number": 5,
            "text": "abc",
            "one": (1,),
            "five": (1, 2, 3, 4, 5),
            "nan": 4 * (float("nan"),),
            "texts": ("1", "2", "3", "4"),
            "negative": (-1e12, -1e12, -1e12),
            "object": object(),
            "2-D": np.ones((3, 3)),
            "dict": {"a": 1, "b": 2, "c": 3},
            "complex": (1j, 1j, 1j),
        }.items():
            yield f"Geometry {key}={name}", lambda k=key, v=value: made(**{k: v})
    for name, config in {
        "empty": {},
        "text": {"energy": "9"},
        "nan": {"energy": float("nan")},
        "specfile": {"specfile": 5},
        "diffractometer": {"diffractometer": 7},
    }.items():
        yield f"from_config_instr {name}", lambda c=config: Geometry.from_config_instr(c, 1)
    yield "from_config_instr None", lambda: Geometry.from_config_instr(None)
    yield "from_config_instr list", lambda: Geometry.from_config_instr([1, 2])
    for name, path in NOT_PATHS.items():
        yield f"from_spec {name}", lambda p=path: Geometry.from_spec(p, 1)
    for name, scan in {
        "2": 2,
        "-1": -1,
        "text": "a",
        "None": None,
        "1.5": 1.5,
        "list": [1],
        "huge": 10**30,
    }.items():
        yield f"from_spec scan {name}", lambda s=scan: Geometry.from_spec(SPEC, s)
    for name, given in {
        "unknown": {"colour": 1},
        "energy": {"energy": -1},
        "step": {"step": "x"},
        "roi": {"roi": 7},
        "diffractometer": {"diffractometer": None},
        "list": {"diffractometer": [1]},
    }.items():
        yield f"from_spec {name}", lambda g=given: Geometry.from_spec(SPEC, 1, **g)
    for name, reference in {
        "text": "abc",
        "two": (1, 2),
        "nan": (1, 2, float("nan")),
        "number": 4,
    }.items():
        yield f"from_spec reference {name}", lambda r=reference: Geometry.from_spec(SPEC, 1, r)
    for name, shape in {
        "two": (1, 2),
        "zero": (0, 8, 8),
        "negative": (8, -8, 8),
        "text": "888",
        "number": 8,
        "None": None,
        "nan": (8, 8, float("nan")),
        "texts": ("8", "8", "8"),
        "part": (8.5, 8, 8),
    }.items():
        yield f"direct_basis {name}", lambda s=shape: geometry().direct_basis(s)
        yield f"q {name}", lambda s=shape: geometry().q(s)
    yield from scans()


def scans() -> Iterator[Input]:
    for key in ("seed", "photons", "phase_range", "size", "edge", "background"):
        for name, value in {
            **NOT_NUMBERS,
            "negative": -1,
            "huge": 10**400,
            "None": None,
            "True": True,
        }.items():
            yield (
                f"write_virtual_scan {key}={name}",
                lambda k=key, v=value: write_virtual_scan("out", **{k: v}),
            )
    for name, other in {
        "seed 1.5": {"seed": 1.5},
        "photons 0": {"photons": 0},
        "size 0": {"size": 0},
        "size 1e9": {"size": 1e9},
        "kind": {"kind": "cube"},
        "kind None": {"kind": None},
        "shape": {"shape": (8, 8, 8)},
        "shape 2": {"shape": (64, 64)},
        "shape text": {"shape": "888"},
        "shape number": {"shape": 64},
        "shape nan": {"shape": (64, 64, float("nan"))},
        "shape huge": {"shape": (10**9, 64, 64)},
        "shape part": {"shape": (64.5, 64, 64)},
        "crystal": {"crystal": 5},
        "crystal of a shape": {"crystal": lambda r: np.ones((2, 2, 2))},
        "crystal of nothing": {"crystal": lambda r: np.zeros(r.shape[1:])},
        "crystal of NaN": {"crystal": lambda r: np.full(r.shape[1:], np.nan)},
    }.items():
        yield f"write_virtual_scan {name}", lambda o=other: write_virtual_scan("out", **o)
    for name, path in NOT_PATHS.items():
        yield (
            f"write_virtual_scan into {name}",
            lambda p=path: write_virtual_scan(p, shape=(16, 16, 16), size=60.0),
        )
