"""Reading a scan of a SPEC file; bad input is one clear line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin.errors import CdiMlError, ReadError
from cdi_ml_plugin.geometry.spec import read_scan
from support.spec import HEADER, POINTS, spec_text


def one_line(error: pytest.ExceptionInfo[CdiMlError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_scan_of_a_spec_file(tmp_path: Path) -> None:
    (tmp_path / "test.spec").write_text(spec_text())
    s = read_scan(tmp_path / "test.spec", 7)
    assert (s.number, s.motor, s.points) == (7, "Theta", POINTS)
    assert s.command == "ascan th 0 0.05 5 0.25"
    assert s.date == "Tue Feb 04 12:28:23 2020"
    np.testing.assert_allclose(s.positions, 0.01 * np.arange(POINTS))
    assert dict(s.motors) == {
        "Delta": 32.174, "Theta": 0, "Chi": 90, "Phi": -5, "Gamma": 12.6346,
        "camdist": 500, "Energy": 9,
    }  # fmt: skip
    assert (s.energy_kev, s.distance_mm) == (9, 500)
    assert (s.detector, s.roi) == ("34idcTIM2", (20, 10, 30, 8))
    assert list(s.counters) == ["Theta", "Seconds", "pm detector", "Monitor"]
    assert s.counters["Monitor"][1] == 1010


def test_real_spec_file(data_folder: Path) -> None:
    s = read_scan(data_folder / "scan_54" / "example.spec", 54)
    assert (s.points, s.motor, s.detector, s.roi) == (201, "Theta", "34idcTIM2", (0, 256, 0, 256))
    assert (s.motors["Delta"], s.motors["Gamma"], s.energy_kev) == (32.174, 12.6346, 9.0)
    # SPEC says itself that this one was aborted after 102 of 201 points.
    assert read_scan(data_folder / "scan_54" / "example.spec", 76).points == 102


CUTS = {
    "before the columns": (lambda t: t[: t.index("#N")], "no #N line"),
    "in the number of columns": (lambda t: t[: t.index("#N") + 2], "no #L line"),
    "before the labels": (lambda t: t[: t.index("#L")], "no #L line"),
    "in the labels": (lambda t: t[: t.index("pm detector")], "2 column labels, .* #N says 4"),
    "before the points": (lambda t: t[: t.index("0 0.25 3")], "0 of 6 points"),
    "between points": (lambda t: t[: t.index("0.03 ")], "3 of 6 points"),
    "in a line": (lambda t: t[: t.index("0.03 ") + 7], "point 4 has 2 values where #N says 4"),
    "in the last number of a line": (lambda t: t[: t.index("1040") + 2], "5 of 6 points"),
}


@pytest.mark.parametrize("place", CUTS)
def test_spec_file_cut_in_the_middle(
    tmp_path: Path, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    cut, words = CUTS[place]
    path = tmp_path / "test.spec"
    path.write_text(cut(spec_text()))
    with pytest.raises(ReadError, match=words) as error:
        read_scan(path, 7)
    assert "test.spec: scan 7 is cut short: " in one_line(error)
    assert capfd.readouterr() == ("", "")


def test_scan_not_in_the_spec_file(tmp_path: Path) -> None:
    (tmp_path / "test.spec").write_text(spec_text(7) + "\n" + spec_text(9)[len(HEADER) :])
    assert read_scan(tmp_path / "test.spec", 9).number == 9
    with pytest.raises(ReadError, match=r"no scan 54; the 2 scan\(s\) in it go from 7 to 9"):
        read_scan(tmp_path / "test.spec", 54)


def test_files_that_are_no_spec_files(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no such SPEC file"):
        read_scan(tmp_path / "absent.spec", 1)
    with pytest.raises(ReadError, match="the SPEC file cannot be read"):
        read_scan(tmp_path / ("a" * 5000), 1)
    for content in (b"", b"hello\n" * 9, bytes(range(256)), HEADER.encode()):
        (tmp_path / "a.spec").write_bytes(content)
        with pytest.raises(ReadError, match="not a SPEC file with scans"):
            read_scan(tmp_path / "a.spec", 1)
