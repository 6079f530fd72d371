"""The face: what scripts import from the package, lazily, and what a type checker is told of it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cdi_ml_plugin
from cdi_ml_plugin import plugin

STUB = Path(cdi_ml_plugin.__file__).with_suffix(".pyi")


def test_the_stub_tells_what_the_table_does() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    imported = {
        alias.asname: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
    assert imported.pop("__version__") == "version"
    assert imported == cdi_ml_plugin._HOME
    (listed,) = (ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign))
    assert sorted(listed) == sorted(cdi_ml_plugin.__all__) == dir(cdi_ml_plugin)


@pytest.mark.parametrize("name", cdi_ml_plugin.__all__)
def test_every_name_is_there_whatever_was_imported_before(name: str) -> None:
    found = getattr(cdi_ml_plugin, name)
    assert found.__name__ == name
    assert found.__module__ == f"cdi_ml_plugin.{cdi_ml_plugin._HOME[name]}"
    assert found.__doc__
    assert getattr(cdi_ml_plugin, name) is found  # no room has the name, so none hides it


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'phase'"):
        cdi_ml_plugin.phase  # noqa: B018


def test_importing_the_package_imports_nothing_else() -> None:
    script = (
        "import sys; before = set(sys.modules); import cdi_ml_plugin; "
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], cwd=STUB.parents[1], capture_output=True, text=True
    )
    assert done.stdout.strip() == "['cdi_ml_plugin', 'cdi_ml_plugin.version']"


def test_what_authors_import() -> None:
    assert all(hasattr(plugin, name) for name in plugin.__all__)
