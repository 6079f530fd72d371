"""``cdi-ml bench solve``: which share of crystals of all kinds comes out of one start."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.parameters import DEFAULT_SEQUENCE
from ..engine.run import reconstruct
from ..errors import ParameterError
from ..fourier import from_cohere
from ..nn.weights import load as load_weights
from ..physics.alignment import object_error
from .crystals import TUNING, Crystal, crystal
from .engine import STOCK, STOCK_PARAMETERS
from .table import append, read

CHAINS = {
    "default": DEFAULT_SEQUENCE,
    "coherent": DEFAULT_SEQUENCE,
    "from random phases": DEFAULT_SEQUENCE.removeprefix("CNN + "),
    "CNN 60": "CNN + 20*HIO + 40*ER",
    "CNN search 60": "CNN + 60*SEARCH",
    "random search 220": "220*SEARCH",
    "CNN 220": "CNN + 20*ER + 150*HIO + 50*ER",
    "random 220": "20*ER + 150*HIO + 50*ER",
}
PARAMETERS: dict[str, dict[str, Any]] = {"coherent": {"pc_type": "NONE"}}
COHERE = "cohere"
LIMITS = (0.1, 0.03)  # squared errors below which a crystal is found, and found well


def solve(
    numbers: Sequence[int], names: Iterable[str], out: Path, weights: str = "fast"
) -> Iterator[str]:
    """Phase crystals from one start each, its seed the crystal's number; lines of a table.

    Parameters
    ----------
    numbers : sequence of int
        Crystals; `TUNING` are those that defaults were chosen on.
    names : iterable of str
        Of `CHAINS`, or ``"cohere"`` for cohere's stock chain on its torch backend.
    out : Path
        Each finished chain is a line of this file; those that are there are kept.
    weights : str
        Of `CNN`: shipped ones, or a file.

    Raises
    ------
    ParameterError
        An unknown chain, or a file that holds something else.
    """
    names = list(names)
    known = [*CHAINS, COHERE]
    for name in names:
        if name not in known:
            raise ParameterError(f"chain {name!r}: give one of {', '.join(known)}")
    checksum = load_weights(weights)[1].checksum
    done = read(out)
    rows = []
    for number in numbers:
        one = crystal(number)
        for name in names:
            key = f"crystal {number}, {name}, {CHAINS.get(name, STOCK)}"
            if "CNN" in CHAINS.get(name, ""):
                key += f", weights {checksum[:12]}"
            if key not in done:
                done[key] = {"key": key, "chain": name, **_row(one, name, weights)}
                append(out, done[key])
            rows.append(done[key])
    if rows:
        tuned = sum(number in TUNING for number in numbers)
        yield f"{len(numbers)} crystals, {tuned} of them among those that defaults were chosen on"
        yield from table(rows)


def _row(one: Crystal, name: str, weights: str) -> dict[str, Any]:
    """Run a chain once: squared error, processor seconds, and what the crystal is."""
    began = time.process_time()
    if name == COHERE:
        obj = _cohere(one)
    else:
        given = dict(PARAMETERS.get(name, {}))
        if "CNN" in CHAINS[name]:
            given["cnn_weights"] = weights
        result = reconstruct(one.measurement, CHAINS[name], seeds=[one.number], parameters=given)
        obj = result.object
    return {
        "kind": one.kind,
        "processor_seconds": time.process_time() - began,
        "squared_error": object_error(obj, one.truth) ** 2,
        "counts": one.counts,
        "oversampling": one.oversampling,
        "gap": one.gap,
        "visibility": one.visibility,
    }


def _cohere(one: Crystal) -> NDArray[Any]:
    """What cohere's stock chain makes of a crystal."""
    import tifffile
    from cohere_core.controller import phasing

    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):
        data = Path(folder) / "data.tif"
        tifffile.imwrite(data, np.sqrt(one.measurement.intensity))
        parameters = {**STOCK_PARAMETERS, "algorithm_sequence": STOCK}
        rec = phasing.create_rec(parameters, str(data), "torch", -1, debug=True)
        rec.iterate()
        image = np.asarray(phasing.devlib.to_numpy(rec.ds_image))
    return from_cohere(image)


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines: each chain over all crystals, then by their kind, and by what was done to their pattern."""
    yield f"{'chain':20} {'crystals':>18} {'< 0.1':>6} {'< 0.03':>6} {'median':>7} {'mean':>7} {'processor s':>11}"
    parts: list[tuple[str, Any]] = [("all", lambda row: True)]
    kinds = dict.fromkeys(row["kind"] for row in rows)
    parts += [(kind, lambda row, kind=kind: row["kind"] == kind) for kind in kinds]
    parts += [
        ("gap", lambda row: row["gap"]),
        ("partly coherent", lambda row: row["visibility"] < 1),
        ("below 10^7 counts", lambda row: row["counts"] < 1e7),
    ]
    for part, belongs in parts:
        for chain in dict.fromkeys(row["chain"] for row in rows):
            mine = [row for row in rows if row["chain"] == chain and belongs(row)]
            if not mine:
                continue
            errors = np.array([row["squared_error"] for row in mine])
            found, well = (float(np.mean(errors < limit)) for limit in LIMITS)
            seconds = np.mean([row["processor_seconds"] for row in mine])
            yield (
                f"{chain:20} {f'{part}, {len(mine)}':>18} {found:6.0%} {well:6.0%} "
                f"{np.median(errors):7.4f} {errors.mean():7.4f} {seconds:11.2f}"
            )
