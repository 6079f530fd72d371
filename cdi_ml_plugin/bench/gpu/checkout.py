"""The package as it lies in a checkout, where nothing was installed."""

from __future__ import annotations

import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import ParameterError
from ...nn import kinds
from ...nn.fit_losses import LOSSES
from ...operators import registry
from ...version import __version__

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


@contextmanager
def registered() -> Iterator[None]:
    """Have algorithms, losses and networks found by their names, in a checkout from its ``pyproject.toml``.

    Raises
    ------
    ParameterError
        The package is not installed, and there is no such file.
    """
    if "ER" in registry.find():
        yield
        return
    if not PYPROJECT.is_file():
        raise ParameterError(
            f"{PYPROJECT}: not there, and the package is not installed: install it"
        )
    groups = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]
    lines = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    with tempfile.TemporaryDirectory() as folder:
        about = Path(folder) / f"cdi_ml_plugin-{__version__}.dist-info"
        about.mkdir()
        (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        (about / "METADATA").write_text(f"Name: cdi-ml-plugin\nVersion: {__version__}\n")
        sys.path.append(folder)
        try:
            _refresh()
            yield
        finally:
            sys.path.remove(folder)
            _refresh()


def _refresh() -> None:
    registry.refresh()
    LOSSES.refresh()
    kinds.refresh()
