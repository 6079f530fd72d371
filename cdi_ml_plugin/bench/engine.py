"""``cdi-ml bench engine``: milliseconds of every algorithm, beside the FFT pair and cohere itself."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from ..data.measurement import Measurement
from ..data.preprocess import centre
from ..engine.plan import Plan
from ..engine.run import reconstruct
from ..engine.start import fresh_state
from ..fourier import diffraction, to_direct, to_reciprocal
from ..simulate.particle import strained_crystal
from ..utils import memory

STOCK = "3*(20*ER+180*HIO)+20*ER"
# The stock configuration of cohere's tutorial: support update in every iteration, twin at 2.
STOCK_PARAMETERS = {
    "initial_support_area": [0.5, 0.5, 0.5],
    "shrink_wrap_trigger": [1, 1],
    "shrink_wrap_type": "GAUSS",
    "shrink_wrap_threshold": 0.1,
    "shrink_wrap_gauss_sigma": 1.0,
    "twin_trigger": [2],
}
ALGORITHMS = ("ER", "HIO", "RAAR", "SF", "DM", "SW", "ASW")


def engine_table(
    path: Path | None, sizes: Sequence[int], iterations: int, device: str
) -> Iterator[str]:
    """Lines of the table, as they are measured: medians, in milliseconds."""
    data = [(size, _measurement(path, size)) for size in sizes]  # what is wrong with it comes first
    yield (
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, device {device}; "
        f"median of {iterations} iterations, ms"
    )
    for size, measurement in data:
        for name in ALGORITHMS:
            once, pair = _against_pair(measurement, name, iterations, device)
            yield (
                f"{size}³  {name:5} {once:8.2f}  {once / pair:5.2f} × the bare complex64 FFT pair "
                f"({pair:.2f})"
            )
        ours = _stock(measurement, device)
        yield f"{size}³  stock sequence, support update in every iteration: {ours:.2f} an iteration"
        for backend in ("np", "torch"):
            yield f"{size}³  {_cohere(measurement, backend, ours)}"


def _measurement(path: Path | None, size: int) -> Measurement:
    shape = (size, size, size)
    if path is not None:
        from ..io.readers import load

        return centre(load(path), shape)
    memory.check("a simulated crystal", size**3, 200, "give a smaller --size")
    rng = np.random.default_rng(0)
    crystal = strained_crystal(shape, np.eye(3), size=size / 3.5, rng=rng)
    intensity = diffraction(crystal)
    return Measurement(rng.poisson(intensity * (1e7 / intensity.sum())))


def medians(actions: Sequence[Callable[[], object]], iterations: int, device: str) -> list[float]:
    """Milliseconds of several actions, taken in turn so that a busy moment hits them all."""
    times = np.zeros((iterations + 5, len(actions)))
    for turn, place in np.ndindex(*times.shape):
        began = time.perf_counter()
        actions[place]()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        times[turn, place] = time.perf_counter() - began
    return list(1e3 * np.median(times[5:], axis=0))


@torch.no_grad()
def _against_pair(
    measurement: Measurement, name: str, iterations: int, device: str
) -> tuple[float, float]:
    """One iteration of an algorithm, and the bare FFT pair measured in turn with it."""
    chain = Plan.of(f"20*ER + {name}", STOCK_PARAMETERS)
    plan = chain.on(measurement, 0.03, device, "single")
    state = fresh_state(plan, [0])
    first, last = (block.operator for block in plan.step.blocks())
    for _ in range(20):
        first.step(state, plan.data)
    wave = torch.randn(measurement.shape, dtype=torch.complex64, device=device)[None]
    once, pair = medians(
        [lambda: last.step(state, plan.data), lambda: to_direct(to_reciprocal(wave))],
        iterations,
        device,
    )
    return once, pair


def _stock(measurement: Measurement, device: str) -> float:
    result = reconstruct(measurement, STOCK, parameters=STOCK_PARAMETERS, device=device)
    return 1e3 * result.seconds / len(result.run.history["chi2"])


def _cohere(measurement: Measurement, backend: str, ours: float) -> str:
    """cohere's own engine on the same data, sequence and parameters."""
    try:
        from cohere_core.controller import phasing
    except ImportError:
        return f"cohere ({backend}): cohere_core is not installed"
    import tifffile

    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):
        data = Path(folder) / "data.tif"
        tifffile.imwrite(data, np.sqrt(measurement.intensity))
        parameters = {**STOCK_PARAMETERS, "algorithm_sequence": STOCK}
        rec = phasing.create_rec(parameters, str(data), backend, -1, debug=True)
        began = time.perf_counter()
        rec.iterate()
        theirs = 1e3 * (time.perf_counter() - began) / len(rec.errs)
    try:
        release = version("cohere_core")
    except PackageNotFoundError:
        release = "of unknown version"
    return (
        f"cohere_core {release} ({backend}), the same: {theirs:.2f} an iteration, "
        f"{theirs / ours:.1f} × ours; final χ² {rec.errs[-1]:.3g}"
    )
