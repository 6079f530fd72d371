"""Fixtures that several test files share, and the marks that follow from where a test lies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from filelock import FileLock

from support import ROOT
from support.environments import Environment, build_wheel, fresh
from support.pages import browser  # noqa: F401 - a fixture
from support.pynx import pynx  # noqa: F401 - a fixture

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a window, cohere or a browser; what is slow says so itself."""
    for item in items:
        needs = set(getattr(item, "fixturenames", ()))
        if item.path.is_relative_to(TESTS / "gui"):
            item.add_marker("gui")
        if item.path.is_relative_to(TESTS / "hosts") or "environment" in needs:
            item.add_marker("cohere")
        if "browser" in needs:
            item.add_marker("browser")


@contextmanager
def shared(factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """A folder for all processes of a run of pytest-xdist, of which one is in here at a time."""
    parent = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        parent = parent.parent
    folder = parent / name
    with FileLock(f"{folder}.lock"):
        folder.mkdir(exist_ok=True)
        yield folder


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of measured data that is not part of the repository."""
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("CDI_ML_TEST_DATA", default))
    if not (folder / "scan_54").is_dir():
        pytest.skip(f"no measured data in {folder} (set CDI_ML_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This package's wheel."""
    if find_spec("setuptools") is None or find_spec("pip") is None:
        pytest.skip("building a wheel needs pip and setuptools")
    with shared(tmp_path_factory, "wheel") as folder:
        return next(folder.glob("*.whl"), None) or build_wheel(folder)


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Where the wheel is installed beside cohere: for all tests, so none may change it."""
    pytest.importorskip("cohere_core", reason="cohere_core is not installed")
    with shared(tmp_path_factory, "environment") as folder:
        return fresh(folder / "venv", wheel)
