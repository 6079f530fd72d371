"""Damaged SPEC files: each is read, or refused in one line; nothing else comes out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin import Geometry
from cdi_ml_plugin.errors import CdiMlError, ReadError
from cdi_ml_plugin.geometry.spec import read_scan
from support.damage import TEXT, Damage, damaged
from support.spec import HEADER, spec_text

GOOD = (spec_text() + "\n" + spec_text(8)[len(HEADER) :]).encode()


@pytest.mark.parametrize("damage", dict.fromkeys(TEXT))
def test_damaged_files_are_read_or_refused_in_one_line(damage: Damage, tmp_path: Path) -> None:
    path, read = tmp_path / "a.spec", 0
    for data in damaged(GOOD, 3, 60, (damage,)):
        path.write_bytes(data)
        refusals = [refusal(path, scan) for scan in (7, 8)]
        assert all("\n" not in words and len(words) < 400 for words in refusals), data
        read += refusals.count("")
    assert 5 < read < 115


def refusal(path: Path, scan: int) -> str:
    """What is said of a scan that is refused; empty where it is read."""
    try:
        about = read_scan(path, scan)
        basis = Geometry.from_spec(path, scan).direct_basis((32, 32, 32))
    except CdiMlError as error:
        return str(error)
    assert all(len(column) == about.points > 0 for column in about.counters.values())
    assert np.isfinite(basis).all()
    return ""


def test_a_file_that_ends_early_is_cut_short(tmp_path: Path) -> None:
    text = spec_text()
    # what is left is whole with a point for each interval (a fly scan), and where no more than a part
    # of the last number may lack (an editor that stripped the last line end)
    ends = {*range(len(HEADER) + len("#S 7"), text.rindex(" ") + 1)} - {text.index("0.05 0.25 3")}
    for end in ends:
        (tmp_path / "a.spec").write_text(text[:end])
        with pytest.raises(ReadError, match=r"scan 7 is cut short: .*; take a complete SPEC file"):
            read_scan(tmp_path / "a.spec", 7)


def test_a_lost_word_never_moves_another_motor(tmp_path: Path) -> None:
    path = tmp_path / "a.spec"
    path.write_text(spec_text())
    right = read_scan(path, 7).motors
    for head in re.finditer(r"^#[OP]\d.*$", spec_text(), re.MULTILINE):
        for word in re.finditer(r"\S+", head[0]):
            for new in ("", "x", "nan", "-", "1"):
                at = head.start() + word.start(), head.start() + word.end()
                path.write_text(spec_text()[: at[0]] + new + spec_text()[at[1] :])
                try:
                    motors = read_scan(path, 7).motors
                except CdiMlError:
                    continue
                moved = [m for m in motors if m in right and motors[m] != right[m]]
                assert len(moved) <= 1, (head[0], word[0], new)
