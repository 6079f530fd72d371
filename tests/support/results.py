"""Results that are made up: what is written and shown of them is tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from cdi_ml_plugin import fourier
from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.data.result import Result, Run
from cdi_ml_plugin.geometry.geometry import Geometry
from cdi_ml_plugin.physics import metrics
from cdi_ml_plugin.physics.moduli import HELD_OUT, Moduli
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (24, 32, 28)
GEOMETRY = Geometry(
    energy=9.0,
    distance=0.5,
    step=0.01,
    reference=(20, 128, 130),
    theta=0.2,
    chi=90.0,
    phi=-5.0,
    delta=30.0,
    gamma=15.0,
    binning=(1, 2, 2),
)


def make_result(seed=0, finite=True):
    rng = np.random.default_rng(seed)
    obj = 30 * strained_crystal(SHAPE, 10.0 * np.eye(3), size=120.0, rng=rng)
    counts = rng.poisson(fourier.diffraction(obj))
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 3, 4] = True
    provenance = {"file": "virtual.spec", "scan": np.int64(1), "angles": np.array([1.0, np.nan])}
    runs = tuple(
        Run(
            seed=number,
            object=obj if finite else np.full_like(obj, np.nan),
            support=np.abs(obj) > 0,
            metrics={"chi2": 0.01 / (number + 1), "pearson": 0.99, "chi2_held_out": np.nan},
            history={"chi2": np.r_[np.nan, np.geomspace(1, 0.01, 20)].astype(np.float32)},
            reason="completed",
            notes=("the support grew",) if number else (),
        )
        for number in range(2)
    )
    return Result(
        measurement=Measurement(counts, mask, provenance),
        runs=runs,
        best=1,
        sequence="20*ER",
        parameters={
            "hio_beta": 0.9,
            "shrink_wrap_trigger": [1, 1],
            "held_out": np.float32(0.03),
            "x": None,
        },
        device="cpu",
        seconds=1.5,
    )


def figures_of(obj, support, measurement, held_out=HELD_OUT):
    """Figures of merit of an object as a user has it: centred, Σ|object|² in counts."""
    data = Moduli.of(measurement, held_out, torch.device("cpu"))
    scaled = torch.from_numpy(np.asarray(obj, dtype=np.complex64))[None] / data.scale
    return metrics.figures(scaled, data, torch.from_numpy(support)[None])[0]


def with_provenance(result, **provenance):
    m = result.measurement
    return replace(result, measurement=Measurement(m.intensity, m.mask, provenance))


def contents(folder):
    """Everything below a folder, hidden files too."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def same(one, two):
    """Equal, of the same types, and NaN equal to NaN."""
    if isinstance(one, dict):
        return (
            type(two) is dict and list(one) == list(two) and all(same(one[k], two[k]) for k in one)
        )
    if isinstance(one, list | tuple):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, np.ndarray | np.generic):
        return type(one) is type(two) and one.dtype == two.dtype and one.tobytes() == two.tobytes()
    return type(one) is type(two) and (one == two or (one != one and two != two))
