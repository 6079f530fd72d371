"""Where bad inputs are tried: good files to spoil a call with, and what is asked of every answer."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import tifffile

from cdi_ml_plugin import Geometry, Measurement, Result, diffraction, reconstruct
from cdi_ml_plugin.errors import CdiMlError
from cdi_ml_plugin.simulate.particle import strained_crystal
from cdi_ml_plugin.simulate.scan import write_virtual_scan
from support.commands import experiment

SECONDS = 20
MEMORY = 1e9  # bytes
LONGEST = 400  # characters of a line
SHAPE = (16, 20, 18)
NUMBERS = {
    "energy": 9.0,
    "distance": 0.5,
    "step": 0.01,
    "reference": [8, 128, 130],
    "theta": 0.2,
    "chi": 90.0,
    "phi": -5.0,
    "delta": 30.0,
    "gamma": 15.0,
}


class TooSlow(BaseException):
    """A bad input was not refused in time: no error of the package, so that nothing catches it."""


def counts() -> np.ndarray:
    """Of a small crystal."""
    obj = strained_crystal(SHAPE, np.eye(3), size=7, rng=np.random.default_rng(0))
    obj = obj * np.sqrt(1e6 / np.sum(np.abs(obj) ** 2))
    return np.random.default_rng(0).poisson(diffraction(obj))


def good_result() -> Result:
    """What phasing finds in them, with a geometry."""
    about = {"geometry": dict(NUMBERS), "file": "counts.npy"}
    return reconstruct(Measurement(counts(), provenance=about), "3*ER")


class Room:
    """A folder with good files and bad ones; `left` says what a call changed in it, and takes away what is new."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.chdir(folder)
        np.save("counts.npy", counts())
        np.save("small.npy", np.ones((2, 2, 2)))
        np.savez("two.npz", a=counts(), b=counts())
        tifffile.imwrite("dark.tif", np.zeros((30, 30), np.int32), metadata=None)
        write_virtual_scan("scan", shape=(20, 24, 24), photons=1e6, size=100.0)
        experiment(folder, counts())  # exp_54
        Path("geometry.json").write_text(json.dumps(NUMBERS))
        Path("config_rec").write_text('algorithm_sequence = "2*ER"\n')
        Path("pynx-cdi-inputs.txt").write_text("data = counts.npy\nmask = None\n")
        Path("empty").touch()
        Path("text.txt").write_text("no data at all\n")
        for name in ("empty.npy", "empty.cxi", "empty.tif", "empty.json"):
            Path(name).touch()
        noise = np.random.default_rng(1).bytes(3000)
        for name in ("noise", "noise.npy", "noise.npz", "noise.cxi", "noise.tif", "noise.h5"):
            Path(name).write_bytes(noise)
        Path("folder").mkdir()
        Path("other").mkdir()
        Path("other", "holiday.txt").write_text("not ours\n")
        os.mkfifo("pipe")
        self.before = self._listing()

    def _listing(self) -> dict[str, tuple[int, int]]:
        found = {}
        for path in self.folder.rglob("*"):
            about = path.lstat()
            found[str(path.relative_to(self.folder))] = (
                about.st_size if path.is_file() else 0,
                about.st_mtime_ns if path.is_file() else 0,
            )
        return found

    def left(self) -> list[str]:
        """What is there now and was not, is gone, or is another; what is new is deleted."""
        now, before = self._listing(), self.before
        changed = sorted(name for name in {*now, *before} if now.get(name) != before.get(name))
        for name in changed:
            path = self.folder / name
            if name in before or not path.exists():
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.before = self._listing() if changed else now
        return changed


@contextmanager
def bounded() -> Iterator[None]:
    """Raise `TooSlow` after `SECONDS`, and fail where it took more than `MEMORY`.

    No more than three times that much can be taken: the machine is to survive what is not refused.
    """

    def late(signum: int, frame: FrameType | None) -> None:
        raise TooSlow(f"not refused within {SECONDS} s")

    previous = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 3 * int(MEMORY)
    resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
    began = time.perf_counter()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    more = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - taken)
    assert time.perf_counter() - began < SECONDS
    assert more < MEMORY, f"took {more / 1e9:.1f} GB more"


def one_line(message: str) -> None:
    """A message as every one of the package is: one line that is not long, and says something."""
    assert len(message.strip()) > 10
    assert len(message.strip().splitlines()) == 1, message
    assert len(message.strip()) <= LONGEST, message


def ours(error: BaseException) -> None:
    """One of the package's own errors, of one line."""
    assert isinstance(error, CdiMlError), f"{type(error).__name__}: {error}"
    one_line(str(error))


def geometry() -> Geometry:
    """A good one."""
    return Geometry(**NUMBERS)
