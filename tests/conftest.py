"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of measured data that is not part of the repository."""
    default = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("CDI_ML_TEST_DATA", default))
    if not (folder / "scan_54").is_dir():
        pytest.skip(f"no measured data in {folder} (set CDI_ML_TEST_DATA)")
    return folder
