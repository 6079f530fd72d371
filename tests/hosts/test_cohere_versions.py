"""The oldest cohere_core that is supported, and one that is not, each in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.environments import Environment, fresh

TABLE = (
    "import cohere_core.controller.op_flow as f, cohere_core.controller.phasing as p\n"
    "print(sorted(f.algs), p.Rec.__init__.__module__)"
)
FILES = (
    "import cdi_ml_plugin, cohere_core.controller, importlib.metadata as m\n"
    "print(m.version('cohere_core'), cdi_ml_plugin.__file__, cohere_core.controller.__file__)"
)


@pytest.fixture
def release(request: pytest.FixtureRequest, wheel: Path, tmp_path: Path) -> Environment:
    """Where the wheel and that version of cohere_core are, and no other one of either."""
    environment = fresh(tmp_path / "venv", wheel, "cohere")
    package = f"cohere_core=={request.param}"
    if environment.pip("install", "--no-deps", "--retries", "1", package).returncode:
        pytest.skip(f"{package} cannot be downloaded")
    version, *files = environment.run(FILES).stdout.split()
    assert version == request.param
    assert len(files) == 2
    assert all(file.startswith(str(environment.site)) for file in files)
    return environment


@pytest.mark.parametrize("release", ["4.2.0"], indirect=True)
def test_oldest(release: Environment) -> None:
    tests = Path(__file__).with_name("test_cohere_steps.py")
    chosen = "exact_prediction or same_object or starts_differ or generation"
    done = release.call("-m", "pytest", "-q", "-p", "no:cacheprovider", tests, "-k", chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("release", ["4.0.0"], indirect=True)
def test_too_old_is_left_as_it_is(release: Environment) -> None:
    done = release.run(TABLE)
    assert done.returncode == 0, done.stderr
    assert "CNN" not in done.stdout
    assert "cohere_core.controller.phasing" in done.stdout
    assert done.stderr.splitlines() == [
        "cdi_ml_plugin: cohere_core 4.0.0 is older than 4.2: it is left as it is, without CNN and REFINE; "
        "pip install --upgrade cohere_core"
    ]
    hosts = release.run("from cdi_ml_plugin.cli.app import main; main()", "hosts")
    assert "cohere 4.0.0: found, not supported, not active. " in hosts.stdout
