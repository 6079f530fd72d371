"""Training needs no library of MPI, also where mpi4py, which looks for one, is installed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from cdi_ml_plugin.training import loop
from cdi_ml_plugin.training.loop import Session, train
from cdi_ml_plugin.training.recipe import Recipe


@pytest.mark.parametrize(
    "error", ["RuntimeError('cannot load MPI library')", "ImportError('libmpi')"]
)
def test_mpi4py_without_a_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    mpi = pytest.importorskip("lightning_fabric.plugins.environments.mpi")
    package = tmp_path / "site" / "mpi4py"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "MPI.py").write_text(f"raise {error}\n")
    monkeypatch.syspath_prepend(package.parent)
    for name in [name for name in sys.modules if name.partition(".")[0] == "mpi4py"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(mpi, "_MPI4PY_AVAILABLE", True)
    monkeypatch.setattr(loop, "VALIDATED", 4)
    train(Recipe(steps=1, batch=2), tmp_path / "out", Session(accelerator="cpu"))
    assert (tmp_path / "out" / "weights.safetensors").is_file()
    with pytest.raises(
        (RuntimeError, ImportError)
    ):  # what was hidden from Fabric alone is as before
        importlib.import_module("mpi4py.MPI")
    assert "mpi4py.MPI" not in sys.modules
