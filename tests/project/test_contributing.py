"""What is written for those who change the package: the map of the rooms, how to cite, what blame skips."""

from __future__ import annotations

import re
import subprocess

import pytest

import cdi_ml_plugin
from support import ROOT

PACKAGE = ROOT / "cdi_ml_plugin"
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_map_names_every_room_and_no_other() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    named = re.findall(r"^\| `(\w+)/` \|", PAGE, re.M)
    assert sorted(named) == sorted(rooms)


def test_what_the_page_points_to_is_there() -> None:
    paths = re.findall(r"`((?:cdi_ml_plugin|tests|examples)/[\w/.]*)`", PAGE)
    assert len(paths) > 10
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_citation_is_of_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    facts = dict(re.findall(r"^([\w-]+): (.+)$", text, re.M))
    assert facts["title"] == "cdi_ml_plugin"
    assert facts["version"] == cdi_ml_plugin.__version__
    assert facts["license"] == "BSD-3-Clause"


def test_blame_skips_commits_that_are_there() -> None:
    """`git blame` stops at a revision that it does not know."""

    def git(*words: str) -> str:
        run = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
        return run.stdout.strip() if run.returncode == 0 else ""

    if git("rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("not a clone with its history")
    text = (ROOT / ".git-blame-ignore-revs").read_text(encoding="utf-8")
    revisions = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(revisions) > 10
    assert not [rev for rev in revisions if git("rev-parse", f"{rev}^{{commit}}") != rev]
