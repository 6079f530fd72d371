"""Kill workers, schedulers and clients of a series at chance moments, go on by the same command, compare the bits.

    python examples/series/kills.py FOLDER [--kills 5] [--scans 4] [--seed 0]

Virtual scans are phased once undisturbed. Then, for each kill, a series of its own is begun; after a number of results
and a while, both drawn by chance, one process gets SIGKILL; where the command ends by that it is given again. A table
says what was found: how the killed command ended, what of it was kept, whether the objects of all seeds are the same.
For Linux and macOS, with the extra `cluster`.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from cdi_ml_plugin import load, read_result
from cdi_ml_plugin.simulate.scan import write_virtual_scan

CHAIN = "20*ER + 60*HIO + 20*ER"
PATIENCE = 600.0  # s
WHAT = ("worker", "scheduler", "client")
ENVIRON = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(data: Path, scans: int, out: Path, *workers: str) -> list[str]:
    """The command of a series of two workers, or of those that are given."""
    words = ["series", *(str(data / f"scan_{number}.npz") for number in range(scans))]
    words += ["-a", CHAIN, "--seeds", "2", "-o", str(out)]
    words += [*(workers or ("--workers", "2")), "--json-lines"]
    return [sys.executable, "-m", "cdi_ml_plugin", *words]


def begun(words: list[str]) -> subprocess.Popen[str]:
    """Begin a command."""
    return subprocess.Popen(
        words, env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it said last."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, (err.strip() or out.strip()).rpartition("\n")[2]


def wait_for(process: subprocess.Popen[str], results: int, seconds: float) -> None:
    """Until there are workers and so many results, and a while longer."""
    there = -1
    assert process.stdout is not None
    while there < results and (line := process.stdout.readline()):
        event = json.loads(line)["event"]
        there += event in ("workers", "done")
    time.sleep(seconds)


@contextmanager
def dask(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and two workers of our own: its address, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, *words: str) -> None:
        program = [sys.executable, "-m", f"distributed.cli.dask_{name}", "--no-dashboard", *words]
        quiet = subprocess.DEVNULL
        processes.append(subprocess.Popen(program, env=ENVIRON, stdout=quiet, stderr=quiet))

    try:
        start("scheduler", "--host", "127.0.0.1", "--port", str(port))
        for number in range(2):
            words = ["--nthreads", "1", "--no-nanny", "--resources", "scan=1"]
            scratch = str(folder / f"machine_{number}")
            start("worker", f"tcp://127.0.0.1:{port}", *words, "--local-directory", scratch)
        until(port)
        yield f"tcp://127.0.0.1:{port}", processes[0]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def until(port: int) -> None:
    """Wait for a scheduler with two workers."""
    from distributed import Client

    with Client(f"tcp://127.0.0.1:{port}", timeout=PATIENCE) as client:
        client.wait_for_workers(2, timeout=PATIENCE)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The workers that a command has started here."""
    below = psutil.Process(process.pid).children(recursive=True)
    return [one for one in below if any("spawn_main" in word for word in one.cmdline())]


def objects(out: Path) -> dict[str, list[bytes]]:
    """The objects of all seeds of all scans."""
    return {
        folder.name: [run.object.tobytes() for run in read_result(folder).runs]
        for folder in sorted(out.glob("scan_*"))
    }


def kill(
    what: str, data: Path, scans: int, out: Path, rng: np.random.Generator
) -> dict[str, object]:
    """Kill one of a series at a chance moment, and go on; what was found but for the bits."""
    results, seconds = int(rng.integers(scans)), float(rng.uniform(0, 3))
    which = int(rng.integers(2))
    again: tuple[int, str] | None = None
    with_dask = what == "scheduler"
    if with_dask:
        with dask(out.parent) as (address, scheduler):
            process = begun(command(data, scans, out, "--scheduler", address))
            wait_for(process, results, seconds)
            scheduler.kill()
            first = ended(process)
    else:
        process = begun(command(data, scans, out))
        wait_for(process, results, seconds)
        if process.poll() is None:
            there = workers_of(process)
            (there[which % len(there)] if what == "worker" and there else process).kill()
        first = ended(process)
    kept = len(list(out.glob("scan_*/scan.json")))
    if first[0]:
        if with_dask:
            with dask(out.parent) as (address, _):
                again = ended(begun(command(data, scans, out, "--scheduler", address)))
        else:
            again = ended(begun(command(data, scans, out)))
    return {
        "killed": what,
        "after": f"{results} results + {seconds:.1f} s",
        "code": first[0],
        "said": first[1][:90],
        "kept": kept,
        "again": None if again is None else again[0],
        "left": sorted(path.name for path in out.glob(".*")),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=5, help="of each kind")
    parser.add_argument("--scans", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    data = given.folder / "data"
    for number in range(given.scans):
        if not (data / f"scan_{number}.npz").exists():
            folder = given.folder / "beamline" / f"scan_{number}"
            scan = write_virtual_scan(folder, shape=(32, 32, 32), seed=number, photons=1e6)
            counts = load(scan.data, **scan.options)
            data.mkdir(exist_ok=True)
            np.savez(data / f"scan_{number}.npz", data=counts.intensity, mask=counts.mask)
    undisturbed = given.folder / "undisturbed"
    code, said = ended(begun(command(data, given.scans, undisturbed)))
    if code or len(objects(undisturbed)) < given.scans:
        sys.exit(f"the undisturbed series failed: {said}")
    wanted = objects(undisturbed)
    rng = np.random.default_rng(given.seed)
    wrong = 0
    print(
        "| killed | after | exit | kept | again | same bits | left |\n|---|---|---|---|---|---|---|"
    )
    for number in range(given.kills):
        for what in WHAT:
            out = given.folder / f"{what}_{number}" / "out"
            found = kill(what, data, given.scans, out, rng)
            same = objects(out) == wanted
            wrong += not same or found["again"] not in (None, 0)
            cells = (found[key] for key in ("killed", "after", "code", "kept", "again"))
            print("|", " | ".join(map(str, cells)), "|", same, "|", found["left"], "|", flush=True)
            if found["code"] not in (0, -9):
                print(f"  {found['said']}", flush=True)
    if wrong:
        sys.exit(f"{wrong} of {given.kills * len(WHAT)} were not whole again")


if __name__ == "__main__":
    main()
