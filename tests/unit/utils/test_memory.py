"""What is free is what the system, the control group and the process's own limit leave; unknown is no limit."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cdi_ml_plugin.errors import TooLargeError
from cdi_ml_plugin.utils import memory

GB = 10**9
MEMINFO = "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\nSwapFree: 1000000 kB\n"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system of files alone: 9.2 GB can be had, and no group sets a limit."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_own_limit", lambda: memory.UNKNOWN)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(MEMINFO)
    return tmp_path


def group(system: Path, name: str, limit: str, used: int, cached: int, version: int = 2) -> None:
    names = memory.V2 if version == 2 else memory.V1
    folder = system / "cgroup" / ("" if version == 2 else "memory") / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2][0]} {cached}\n")


def test_the_system(system: Path) -> None:
    assert memory.free() == 1024 * 9e6


@pytest.mark.parametrize("version", [1, 2])
def test_the_narrowest_group_above_counts_and_files_in_memory_do_not(
    system: Path, version: int
) -> None:
    controllers = "" if version == 2 else "cpu,memory"
    (system / "proc/self/cgroup").write_text(f"7:pids:/x\n4:{controllers}:/job/step\n")
    group(system, "job", str(4 * GB), 3 * GB, GB, version)
    group(system, "job/step", "max" if version == 2 else str(2**63 - 4096), GB, 0, version)
    assert memory.free() == 2 * GB


def test_a_group_that_is_not_seen_from_within_a_container(system: Path) -> None:
    (system / "proc/self/cgroup").write_text("0::/../elsewhere\n4:memory:/docker/1\n")
    group(system, "", str(3 * GB), GB, 0, version=1)
    assert memory.free() == 2 * GB


def test_a_system_that_says_nothing(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (system / "proc/meminfo").write_text("nothing\n")
    monkeypatch.setattr(memory.os, "sysconf", lambda name: 4096)
    assert memory.free() == 4096**2
    monkeypatch.delattr(memory.os, "sysconf")  # as on Windows
    assert memory.free() == memory.UNKNOWN
    memory.check("a", 10**30, 8, "nothing")


def test_the_limit_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (GB, GB))
    assert memory.free() < GB
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert memory._own_limit() == memory.UNKNOWN


def test_a_graphics_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * GB, 8 * GB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 3 * GB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: GB)
    assert memory.free(torch.device("cuda")) == 4 * GB
    assert memory.free(torch.device("meta")) == memory.UNKNOWN


@pytest.mark.parametrize("room", [0.1, 0.5])  # GB
def test_a_limit_below_what_the_libraries_take(room: float) -> None:
    resource = pytest.importorskip("resource")
    limit = int(room * GB)
    done = subprocess.run(
        [sys.executable, "-m", "cdi_ml_plugin", "reconstruct", "a.npy"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert done.returncode == 2, done.stderr
    assert re.fullmatch(r"cdi-ml: error: the limit .* \(ulimit -v\) .*: raise it\n", done.stderr)


@pytest.mark.parametrize("voxels", [10**6, 10**400])
def test_too_much_is_one_line(voxels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free", lambda device: 1e6)
    memory.check("a.npy", 10**5, 10, "cut it")
    with pytest.raises(
        TooLargeError, match=r"^a\.npy: .* voxels need .* GB .* 0\.001 GB are free: cut it$"
    ):
        memory.check("a.npy", voxels, 10, "cut it")


ENDED = (
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes."),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes."),
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB."),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError("can't start new thread"),
)


@pytest.mark.parametrize("error", ENDED, ids=lambda error: type(error).__name__)
def test_memory_that_ended_after_all(error: Exception) -> None:
    with pytest.raises(TooLargeError, match=r"^phasing: the memory did not suffice: crop$"):  # noqa: SIM117
        with memory.enough("phasing", "crop"):
            raise error


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shape"), memory.enough("phasing", "crop"):
        raise RuntimeError("a shape")
