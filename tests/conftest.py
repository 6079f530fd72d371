"""Fixtures that several test files share."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from support import ROOT
from support.environments import Environment, build_wheel, fresh
from support.pages import browser  # noqa: F401 - a fixture


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
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Where the wheel is installed beside cohere: for all tests, so none may change it."""
    pytest.importorskip("cohere_core", reason="cohere_core is not installed")
    return fresh(tmp_path_factory.mktemp("environment") / "venv", wheel)
