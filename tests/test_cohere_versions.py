"""The oldest cohere_core that is supported, and one that is not, each in place of the installed one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cohere_core", reason="cohere_core is not installed")
TABLE = (
    "import cohere_core.controller.op_flow as f, cohere_core.controller.phasing as p\n"
    "print(sorted(f.algs), p.Rec.__init__.__module__)"
)


def run(release: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python where that release shadows the installed one."""
    # an installed package of the same name comes later on the path
    return subprocess.run(
        [sys.executable, *words], env={**os.environ, "PYTHONPATH": str(release)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Folder with that version of cohere_core."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    package = f"cohere_core=={request.param}"
    done = subprocess.run(
        [*pip, "--quiet", "--retries", "1", "--target", str(tmp_path), package],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"{package} cannot be downloaded")
    return tmp_path


@pytest.mark.parametrize("release", ["4.2.0"], indirect=True)
def test_oldest(release: Path) -> None:
    where = run(release, "-c", "import cohere_core; print(cohere_core.__file__)").stdout
    assert where.startswith(str(release))
    tests = Path(__file__).with_name("test_cohere_steps.py")
    chosen = "exact_prediction or same_object or starts_differ or generation"
    done = run(release, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests), "-k", chosen)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("release", ["4.0.0"], indirect=True)
def test_too_old_is_left_as_it_is(release: Path) -> None:
    done = run(release, "-W", "ignore", "-c", TABLE)
    assert done.returncode == 0, done.stderr
    assert "CNN" not in done.stdout
    assert "cohere_core.controller.phasing" in done.stdout
    assert done.stderr.splitlines() == [
        "cdi_ml_plugin: cohere_core 4.0.0 is older than 4.2: it is left as it is, without CNN and REFINE; "
        "pip install --upgrade cohere_core"
    ]
    hosts = run(release, "-c", "from cdi_ml_plugin.cli import main; main()", "hosts")
    assert "cohere 4.0.0: found, not supported, not active. " in hosts.stdout
