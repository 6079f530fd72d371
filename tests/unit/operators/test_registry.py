"""Finding and loading algorithms: fake entry points, and who may import torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

from cdi_ml_plugin import ER
from cdi_ml_plugin.errors import AlgorithmError, SequenceError
from cdi_ml_plugin.operators import registry
from cdi_ml_plugin.operators.sequence import parse
from cdi_ml_plugin.utils import plugins
from support import BUILT_IN

GOOD = "cdi_ml_plugin.operators.classical:ER"


class Package(Distribution):
    """An installed package that exists only here."""

    def __init__(self, name: str) -> None:
        self.text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n"

    def read_text(self, filename: str) -> str | None:
        return self.text if filename == "METADATA" else None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


Fake = Callable[..., None]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """Replace what is installed by ``(name, value, package)`` triples."""

    def install(*entries: tuple[str, str, str]) -> None:
        points = [
            EntryPoint(name, value, registry.ALGORITHMS.name)._for(Package(package))  # type: ignore[attr-defined]
            for name, value, package in entries
        ]
        monkeypatch.setattr(plugins, "entry_points", lambda group: points)
        registry.refresh()

    yield install
    monkeypatch.undo()
    registry.refresh()


def test_built_ins_come_through_the_entry_points() -> None:
    assert set(BUILT_IN) <= set(registry.names())
    for name in BUILT_IN:
        assert registry.load(name).name == name
        assert plugins.provider(registry.find()[name]).startswith("cdi-ml-plugin ")
        assert len(registry.summary(registry.find()[name])) > 20


def test_sorted_and_without_regard_to_case(fake: Fake) -> None:
    fake(("b", GOOD, "p"), ("C", GOOD, "p"), ("A", GOOD, "p"))
    assert registry.names() == ["A", "B", "C"]
    assert registry.load("b") is registry.load("B") is ER


def test_a_name_registered_twice_names_both_packages(fake: Fake) -> None:
    fake(("ER", GOOD, "first"), ("er", "other:ER", "second"))
    with pytest.raises(AlgorithmError, match=r"ER is registered twice.*first 1\.2.*second 1\.2"):
        registry.find()


def test_the_same_entry_found_twice_is_no_conflict(fake: Fake) -> None:
    # an editable install beside a wheel of the same package
    fake(("ER", GOOD, "first"), ("ER", GOOD, "first"))
    assert registry.names() == ["ER"]


def test_seen_only_after_refresh(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(("ER", GOOD, "p"))
    later = [EntryPoint("NEW", GOOD, registry.ALGORITHMS.name)]
    assert registry.names() == ["ER"]
    monkeypatch.setattr(plugins, "entry_points", lambda group: later)
    assert registry.names() == ["ER"]
    registry.refresh()
    assert registry.names() == ["NEW"]
    with pytest.raises(AlgorithmError, match="unknown algorithm 'ER'"):
        registry.load("ER")


BROKEN = {
    "imports_missing": "import surely_not_installed",
    "has_no_class": "",
    "syntax": "class RER(:",
    "raises": "raise RuntimeError('two\\nlines')",
    "division": "1 / 0",
}


@pytest.mark.parametrize("module", [*BROKEN, "absent"])
def test_a_broken_package_is_named_and_harms_no_other(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    for name, text in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    fake(("ER", GOOD, "good"), ("RER", f"{module}:RER", "broken-package"))
    assert registry.names() == ["ER", "RER"]  # listing imports nothing
    assert len(registry.summary(registry.find()["RER"]).splitlines()) < 2
    assert parse("2*ER") == 2 * ER()
    for use in (registry.load, parse):
        with pytest.raises(
            AlgorithmError, match=rf"RER of broken-package 1\.2.*{module}"
        ) as caught:
            use("RER")
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "value", ["math:pi", "math:sqrt", "cdi_ml_plugin.engine.plan:Plan", "math"]
)
def test_what_is_no_operator_is_refused(fake: Fake, value: str) -> None:
    fake(("PI", value, "odd-package"))
    with pytest.raises(
        AlgorithmError, match=r"PI of odd-package 1\.2.*not a subclass of .*Operator"
    ):
        registry.load("PI")


def test_unknown_names_the_nearest_and_all(fake: Fake) -> None:
    fake(("RAAR", GOOD, "p"), ("HIO", GOOD, "p"))
    with pytest.raises(AlgorithmError, match=r"'rar'\. Did you mean RAAR\? Valid names: HIO, RAAR"):
        registry.load("rar")
    with pytest.raises(SequenceError, match="character 4: unknown algorithm 'rar'"):
        parse("20*rar")


LISTING = """
import sys
from cdi_ml_plugin.operators import registry
from cdi_ml_plugin.utils import plugins
lines = [registry.summary(e) + plugins.provider(e) for e in registry.find().values()]
assert len(lines) > 10 and all(lines)
"""
COMMAND = """
import sys
from cdi_ml_plugin.cli.app import main
sys.argv = ["cdi-ml", {argument!r}]
try:
    code = main()
except SystemExit as end:
    code = end.code
assert not code, code
"""


@pytest.mark.parametrize(
    "script",
    [
        "import sys, cdi_ml_plugin; dir(cdi_ml_plugin)",
        LISTING,
        COMMAND.format(argument="--help"),
        COMMAND.format(argument="algorithms"),
    ],
    ids=["import", "listing", "help", "algorithms"],
)
def test_no_torch(script: str) -> None:
    heavy = "{'torch', 'scipy', 'matplotlib', 'xrayutilities', 'silx'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nassert not {heavy}, {heavy}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
