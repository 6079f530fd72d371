"""``cdi-ml bench series``: many scans by workers against one command after the other, and what one scan costs."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import ReadError
from ..simulate.scan import VirtualScan, write_virtual_scan
from ..utils.workers.cluster import cores

LITTLE = "2*ER"
MORE = 300  # iterations, of the kind that the default chain has most of
SOME = f"{LITTLE} + {MORE}*SEARCH"
CHAIN = "500*SEARCH + 30*ER"  # the default without the network, whose weights need not be there


def throughput(folder: Path, count: int, size: int, workers: int) -> Iterator[str]:
    """Phase virtual scans by one command after the other, then as a series; lines of a table.

    Both have the environment of this process: where it sets ``OMP_NUM_THREADS``, it does so for both.

    Raises
    ------
    ReadError
        A command fails; its last line says why.
    """
    made = _scans(folder, count, size)
    crop = ["--crop", *[str(size)] * 3, "-a", CHAIN, "--seeds", "1"]
    threads = os.environ.get("OMP_NUM_THREADS", "as many as cores")
    yield f"{count} scans of {size}³ voxels, {CHAIN}, one seed; {cores()} cores, threads: {threads}"

    def loop() -> None:
        for number, scan in enumerate(made):
            words = [word for k, v in scan.options.items() for word in (f"--{k}", str(v))]
            out = folder / f"alone_{number}"
            _command("reconstruct", scan.data, *words, *crop, "-q", "-o", out)

    def series() -> None:
        table, out = folder / "table.csv", folder / "series"
        _command("series", "--table", table, *crop, "--workers", workers, "-q", "-o", out)

    seconds = []
    for name, what in ((f"{count} commands", loop), (f"a series, {workers} workers", series)):
        before, load = _used(), _load()
        what()
        wall, processor = (b - a for a, b in zip(before, _used(), strict=True))
        seconds.append(wall)
        yield (
            f"{name}: {wall:.1f} s, {processor:.1f} s of processors; a scan {wall / count:.2f} s, "
            f"{processor / count:.2f} s; load before {load}, after {_load()}"
        )
    yield f"ratio of wall times: {seconds[0] / seconds[1]:.2f}"


def one_scan(folder: Path, sizes: Sequence[int]) -> Iterator[str]:
    """What a scan of each size costs one worker of one thread, in seconds of the processor; lines of a table.

    Differences between series, so that start-up is in none of them.

    Raises
    ------
    ReadError
        A command fails; its last line says why.
    """
    yield "voxels | but for phasing, s | an iteration, ms | most memory, GB | on disk, MB"
    for size in sizes:
        _scans(folder / f"{size}", 3, size)
        one, three, more = (
            _costs(folder / f"{size}", number, size, count, chain)
            for number, (count, chain) in enumerate(((1, LITTLE), (3, LITTLE), (1, SOME)))
        )
        result = folder / f"{size}" / "out_0" / "scan_0001"
        disk = sum(path.stat().st_size for path in result.iterdir()) / 1e6
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
        each = 1e3 * (more - one) / MORE
        yield f"{size}³ | {(three - one) / 2:.2f} | {each:.1f} | {memory:.2f} | {disk:.1f}"


def _costs(folder: Path, number: int, size: int, count: int, chain: str) -> float:
    """Processor seconds of a series of so many of the scans."""
    table = folder / f"table_{number}.csv"
    rows = (folder / "table.csv").read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join(rows[: count + 1]) + "\n", encoding="utf-8")
    words = ["--table", table, "--crop", *[size] * 3, "-a", chain, "--workers", 1, "-q"]
    before = _used()[1]
    _command("series", *words, "-o", folder / f"out_{number}")
    return _used()[1] - before


def _scans(folder: Path, count: int, size: int) -> list[VirtualScan]:
    """Write virtual scans, and a table of them."""
    side = max(size, 72)
    made = [
        write_virtual_scan(folder / f"scan_{n:03d}", shape=(side, side, side), seed=n)
        for n in range(1, count + 1)
    ]
    names = [name for name in made[0].options if name != "scan"]
    lines = [",".join(["name", "data", "scan", *names])]
    for number, scan in enumerate(made, 1):
        columns = [f"{number:04d}", scan.data, scan.options["scan"]]
        lines.append(",".join(map(str, [*columns, *(scan.options[name] for name in names)])))
    (folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return made


def _command(*words: object) -> None:
    called = [sys.executable, "-m", "cdi_ml_plugin", *map(str, words)]
    ended = subprocess.run(called, capture_output=True, text=True, check=False)
    if ended.returncode:
        last = (ended.stderr or ended.stdout).strip().rpartition("\n")[2]
        raise ReadError(f"cdi-ml {words[0]} of the benchmark ended with {ended.returncode}: {last}")


def _used() -> tuple[float, float]:
    """Seconds by the clock, and of the processors by commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"
