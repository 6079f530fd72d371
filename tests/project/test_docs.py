"""The documentation: links lead somewhere, and the quick start does what it says (`make docs` builds it)."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from cdi_ml_plugin.cli.app import cli
from cdi_ml_plugin.operators import registry
from support import BUILT_IN, ROOT

PAGE = ROOT / "docs" / "start" / "quickstart.md"
PAGES = sorted(
    p for glob in ("*.md", "docs/**/*.md", "examples/*/README.md") for p in ROOT.glob(glob)
)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere_on_a_forge(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    links = re.findall(r"\]\(([^)#]+)[)#]", text)
    assert not [link for link in links if ":" not in link and not (page.parent / link).exists()]


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_reference_tells_of_an_algorithm_what_its_class_does(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "algorithms.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{name}` \|.*$", page, re.M)
    parameter = r"`(\w+)`(?: \(`(\w+)`, `?([\w.]+)`?\))?"
    told = re.findall(parameter, row.split("|")[3])
    algorithm = registry.load(name)
    has = [(f.name, algorithm.keys.get(f.name, "")) for f in fields(algorithm)]
    assert [(field, key) for field, key, _ in told] == has
    for field, key, default in told:
        assert not key or str(algorithm.defaults[field]) in (default, f"{default}.0")


@pytest.mark.slow
def test_what_pages_import_is_there() -> None:
    """Each line that imports something of the package runs."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    lines = set(re.findall(r"^from cdi_ml_plugin.* import .*$", text, re.M))
    assert len(lines) > 3
    for line in sorted(lines):
        exec(line, {})


def test_quick_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(
        r"^```(sh|python)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S
    )
    assert [kind for kind, _ in blocks].count("python") > 3
    for kind, text in blocks:
        if kind == "python":
            exec(compile(text, str(PAGE), "exec"), names)
            continue
        for line in text.replace("\\\n", " ").splitlines():
            program, *words = shlex.split(line)
            assert program == "cdi-ml"
            cli.main(words, standalone_mode=False)
    assert {path.name for path in (tmp_path / "from_python").iterdir()} == {
        path.name for path in (tmp_path / "result").iterdir()
    }
