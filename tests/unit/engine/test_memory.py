"""Phasing that does not fit into memory is refused before it takes any; what it needs is what was measured."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, compare, reconstruct
from cdi_ml_plugin.data.prepare import prepare
from cdi_ml_plugin.data.preprocess import crop
from cdi_ml_plugin.engine import loop
from cdi_ml_plugin.engine.plan import Plan
from cdi_ml_plugin.errors import ParameterError, TooLargeError
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.utils import memory


@pytest.fixture
def data() -> Measurement:
    pattern = np.abs(np.fft.fftshift(np.fft.fftn(np.ones((5, 6, 7)), (16, 18, 20)))) ** 2
    return Measurement(np.random.default_rng(0).poisson(pattern))


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("this takes memory")


def test_one_run(data: Measurement, monkeypatch: pytest.MonkeyPatch) -> None:
    need = Plan.of("2*ER", {}).bytes_per_voxel() * data.mask.size
    monkeypatch.setattr(memory, "free", lambda device: need)
    reconstruct(data, "2*ER")
    monkeypatch.setattr(Moduli, "of", refuse)
    for chain, precision in (("2*ER", "double"), ("2*ER + 2*MLE", "single")):
        with pytest.raises(TooLargeError, match=r"phasing on cpu: .* crop or bin the data"):
            reconstruct(data, chain, precision=precision, device="cpu")
    monkeypatch.setattr(memory, "free", lambda device: need - 1)
    with pytest.raises(TooLargeError, match="phasing on cpu"):
        reconstruct(data, "2*ER", device="cpu")


@pytest.mark.parametrize("seeds", [10**9, 10**400, range(10**12)])
def test_seeds_are_not_counted_out_first(data: Measurement, seeds: Any) -> None:
    with pytest.raises(ParameterError, match=r"give how many \(1 to 100000\)"):
        reconstruct(data, "2*ER", seeds=seeds)


def test_results_of_many_seeds(data: Measurement, monkeypatch: pytest.MonkeyPatch) -> None:
    each = Plan.of("2*ER", {}).bytes_per_voxel() * data.mask.size
    monkeypatch.setattr(memory, "free", lambda device=None: 2 * each)
    with pytest.raises(TooLargeError, match=r"phasing from 1000 seeds: .* ask for fewer"):
        reconstruct(data, "2*ER", seeds=1000)


def test_a_comparison_of_too_many_seeds(data: Measurement, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="from 2 to 100000"):
        compare(data, {"a": "ER", "b": "HIO"}, tmp_path / "out", seeds=10**9)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [10**5, 10**6])
def test_a_crop_larger_than_memory(data: Measurement, size: int) -> None:
    for cut in (crop, lambda m, shape: prepare(m, crop=shape)):
        with pytest.raises(TooLargeError, match="crop to fewer voxels"):
            cut(data, (size, size, size))


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("can't allocate memory: you tried to allocate 8 bytes")]
)
def test_memory_that_ends_on_the_way(
    data: Measurement, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object) -> None:
        raise error

    monkeypatch.setattr(loop, "run", end)
    with pytest.raises(TooLargeError, match="phasing: the memory did not suffice: crop or bin"):
        reconstruct(data, "2*ER")


MEASURED = """
    import sys
    import numpy as np
    from pathlib import Path
    from cdi_ml_plugin import Measurement, reconstruct
    from cdi_ml_plugin.engine.plan import Plan

    def kept(key):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))

    def data(n):
        g = np.meshgrid(*[np.arange(n) - n // 2] * 3, indexing="ij", sparse=True)
        o = (abs(g[0]) < n // 5) & (abs(g[1]) < n // 5) & (abs(g[2] + g[1] / 4) < n // 6)
        pattern = abs(np.fft.fftshift(np.fft.fftn(o, norm="ortho"))) ** 2
        return Measurement(np.random.default_rng(0).poisson(10 * pattern))

    chain = sys.argv[1]
    reconstruct(data(32), chain)
    many = data(96)
    before = kept("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    reconstruct(many, chain, seeds=2)
    print((kept("VmHWM") - before) / many.mask.size, Plan.of(chain, {}).bytes_per_voxel(runs=2))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux says the peak")
@pytest.mark.parametrize("chain", ["2*HIO + 2*ER", "CNN + 12*SEARCH + 2*ER", "2*ER + 2*MLE"])
def test_no_more_is_taken_than_was_said(chain: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEASURED), chain],
        capture_output=True,
        text=True,
        check=True,
    )
    measured, said = map(float, done.stdout.split())
    assert 0.3 * said < measured < said + 40  # 35 MB that any chain takes, whatever the size


@pytest.mark.slow
@pytest.mark.parametrize("room", [0.1, 0.6])  # GB beside what the libraries take
def test_a_limit_of_the_process_ends_in_one_line(tmp_path: Path, room: float) -> None:
    pytest.importorskip("resource")
    counts = np.zeros((160, 160, 160), "f4")
    counts[60:100, 60:100, 60:100] = np.random.default_rng(0).poisson(50, (40, 40, 40))
    np.save(tmp_path / "a.npy", counts)
    script = f"""
        import resource, sys
        import torch, scipy, h5py, matplotlib.figure, skimage.measure
        from pathlib import Path
        from cdi_ml_plugin.cli.app import main
        torch.fft.fftn(torch.ones(8, 8, 8))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + int({room} * 1e9)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        sys.argv = ["cdi-ml", "reconstruct", "a.npy", "-a", "2*REFINE + 2*ER", "-o", "out"]
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "memory" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
