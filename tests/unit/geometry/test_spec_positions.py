"""What belongs together in a SPEC file does by its position, whatever stands around it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from silx.io.specfile import SpecFile

from cdi_ml_plugin import Geometry
from cdi_ml_plugin.errors import CdiMlError, ParameterError, ReadError
from cdi_ml_plugin.geometry import spec
from cdi_ml_plugin.geometry.spec import SpecScan, read_scan
from support.spec import HEADER, POINTS, spec_text

SCAN = spec_text()[len(HEADER) :]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., SpecScan]:
    def read(text: str | bytes, scan: int | str = 7) -> SpecScan:
        content = text if isinstance(text, bytes) else text.encode("latin-1")
        (tmp_path / "a.spec").write_bytes(content)
        return read_scan(tmp_path / "a.spec", scan)

    return read


def refused(read: Callable[..., SpecScan], text: str, words: str, scan: int | str = 7) -> None:
    """One line with `words`, by the reader and by the geometry."""
    with pytest.raises(ReadError, match=words) as error:
        read(text, scan)
    path = str(error.value).split(": ", 1)[0]
    with pytest.raises(ReadError) as again:
        Geometry.from_spec(path, scan)
    assert str(again.value) == str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def assert_same(one: SpecScan, other: SpecScan) -> None:
    for name in ("number", "command", "date", "motor", "motors", "detector", "roi", "points"):
        assert getattr(one, name) == getattr(other, name), name
    for label, column in one.counters.items():
        np.testing.assert_array_equal(other.counters[label], column)


def test_agrees_with_silx_on_every_scan(data_folder: Path, monkeypatch) -> None:
    path = data_folder / "scan_54" / "example.spec"
    blocks = spec.read_blocks(path)
    monkeypatch.setattr(spec, "read_blocks", lambda _: blocks)
    file, read = SpecFile(str(path)), 0
    for number in range(1, 499):
        if number in (67, 110, 326):  # aborted after 0 points
            with pytest.raises(ReadError, match="has no points"):
                read_scan(path, number)
            continue
        ours, theirs = read_scan(path, number), file[f"{number}.1"]
        positions = map(float, theirs.motor_positions)
        assert ours.motors == dict(zip(theirs.motor_names, positions, strict=True))
        assert list(ours.counters) == list(theirs.labels)
        np.testing.assert_array_equal(list(ours.counters.values()), theirs.data)
        read += 1
    assert read == 495


# the same file as it may come: what is read must not change
SAME: dict[str, Callable[[str], str | bytes]] = {
    "windows": lambda t: t.replace("\n", "\r\n"),
    "old macintosh": lambda t: t.replace("\n", "\r"),
    "mixed line ends": lambda t: t.replace("\n#P", "\r\n#P").replace("\n0.0", "\r0.0"),
    "no last line end": lambda t: t.rstrip("\n"),
    "latin-1": lambda t: t.replace("#N 4", "#C heated to 300 \xb0C \x85 \x0c\n#N 4"),
    "utf-8": lambda t: b"\xef\xbb\xbf" + t.replace("#N 4", "#C 300 \xb0C\n#N 4").encode(),
    "every byte": lambda t: t.replace(
        "#N 4", "#C " + "".join(map(chr, sorted({*range(256)} - {10, 13}))) + "\n#N 4"
    ),
    "labels parted by one space": lambda t: t.replace("pm detector", "pm_detector").replace(
        "#L Theta  Seconds  pm_detector  Monitor", "#L Theta Seconds pm_detector Monitor"
    ),
    "names parted by tabs": lambda t: re.sub(r"(?<=\w)  (?=\w)", "\t", t),
    "names parted by one space": lambda t: re.sub(
        r"#O.*", lambda m: m[0].replace("  ", " "), t
    ),
    "a comment between points": lambda t: t.replace("\n0.03 ", "\n#C hello\n\n0.03 "),
    "spectra between points": lambda t: t.replace("\n0.03 ", "\n@A 0 1 2\\\n3 4\\\n 5\n0.03 "),
    "numbers moved in": lambda t: t.replace("\n0.03 ", "\n  0.03 "),
    "a damaged scan before it": lambda t: t.replace("#S 7", "#S x\n#P0 1 2\n#L x\n3 4\n\n#S 7"),
    "a scan of 5000 digits after it": lambda t: t + "#S " + "9" * 5000 + " ascan\n",
    "a header after it": lambda t: t + "\n#E 1580609739\n#O0 Other\n#o0 other\n\n#S 8  ascan\n",
    "a header without date after it": lambda t: t + "#O0 Theta  Energy\n#O1 Chi\n#o0 th en\n",
    "a header before it": lambda t: "#F old\n#E 1\n#O0 A\n#O1 B\n#O2 C\n#o0 a\n#o1 b\n#o2 c\n" + t,
    "another header just before it": lambda t: "#O0 A\n#O1 B\n#O2 C\n" + t[t.index("#D") :],
    "a line of names twice": lambda t: t.replace("#O1 ", "#O0 Delta  Theta  Chi  Phi  Gamma\n#O1 "),
    "numbers twice": lambda t: t.replace("#P1 500 9", "#P1 500 9\n#P1 500 9"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_reads_the_same(read: Callable[..., SpecScan], name: str) -> None:
    right = read(spec_text())
    changed = read(SAME[name](spec_text()))
    if "pm_detector" in changed.counters:
        counters = dict(changed.counters)
        object.__setattr__(changed, "counters", counters)
        counters["pm detector"] = counters.pop("pm_detector")
    assert_same(right, changed)


@pytest.mark.parametrize("begin", ["#F b\n#E 2\n#D today\n", "#E 2\n", "#D today\n", ""])
def test_motors_are_those_of_the_last_header(read: Callable[..., SpecScan], begin: str) -> None:
    second = "#O0 Theta  Delta  Chi  Phi  Gamma\n#O1 Energy  camdist\n#o0 th del chi phi gam\n#o1 en cam\n"
    other = SCAN.replace("#S 7", "#S 8").replace("#P1 500 9", "#P1 9 500")
    other = other.replace("#P0 32.174 0 ", "#P0 0 32.174 ")
    text = spec_text() + "\n" + begin + second + "\n" + other
    for scan in (7, 8):
        assert dict(read(text, scan).motors) == {
            "Delta": 32.174, "Theta": 0, "Chi": 90, "Phi": -5, "Gamma": 12.6346,
            "camdist": 500, "Energy": 9,
        }  # fmt: skip
    fewer = "#O0 Theta\n#o0 th\n\n" + re.sub("#P.*\n", "", SCAN).replace("#S 7", "#S 8").replace(
        "#UIMDET", "#P0 1.5\n#UIMDET"
    )
    assert dict(read(spec_text() + begin + fewer, 8).motors) == {"Theta": 1.5}


def test_headers_are_never_mixed(read: Callable[..., SpecScan]) -> None:
    first, second = "#F a\n#O0 Delta  Theta  Chi  Phi  Gamma\n", "#O1 camdist  Energy\n"
    assert read(first + second + SCAN).motors["Energy"] == 9
    for begin in ("#F b\n", "#E 1\n"):  # its #O0 line is lost
        refused(read, first + begin + second + SCAN, "#P0 has 5 positions for the 0 motors of #O0")
    other = SCAN.replace("#S 7", "#S 6")
    refused(read, first + other + second + SCAN, "#P0 has 5 positions for the 0 motors of #O0")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_names_in_another_language(read: Callable[..., SpecScan], encoding: str) -> None:
    text = spec_text().replace("Gamma", "Höhe").replace("Monitor", "Zähler")
    s = read(text.encode(encoding))
    assert (s.motors["Höhe"], s.counters["Zähler"][1]) == (12.6346, 1010)


def test_of_two_columns_with_a_label_the_first(read: Callable[..., SpecScan]) -> None:
    s = read(spec_text().replace("pm detector", "Seconds"))
    assert list(s.counters) == ["Theta", "Seconds", "Monitor"]
    assert s.counters["Seconds"].tolist() == [0.25] * POINTS


def test_names_within_a_scan_hold_from_there_on(read: Callable[..., SpecScan]) -> None:
    own = (
        SCAN.replace("#S 7", "#S 8").replace("#P0", "#O0 A  B\n#P0 1 2\n#X0").replace("#P1", "#X1")
    )
    after = SCAN.replace("#S 7", "#S 9").replace("#P0", "#P0 3 4\n#X0").replace("#P1", "#X1")
    text = spec_text() + own + after
    assert read(text, 7).motors["Energy"] == 9
    assert dict(read(text, 8).motors) == {"A": 1, "B": 2}
    assert dict(read(text, 9).motors) == {"A": 3, "B": 4}


def test_lines_are_in_the_order_of_their_numbers(read: Callable[..., SpecScan]) -> None:
    names = [f"Motor{i}" for i in range(24)] + ["Theta", "Seconds"]  # Theta on #O12
    header, positions = "#F a\n", ""
    for i in range(13):
        header += f"#O{i} {'  '.join(names[2 * i : 2 * i + 2])}\n"
        header += f"#o{i} {' '.join(f'm{j}' for j in range(2 * i, 2 * i + 2))}\n"
        positions += f"#P{i} {2 * i} {2 * i + 1}\n"
    scan = re.sub("#P.*\n", "", SCAN).replace("#UIMDET", positions + "#UIMDET")
    for mnemonic, motor in (("m24", "Theta"), ("m25", "Seconds"), ("m3", "Theta")):
        s = read(header + scan.replace("ascan  th", f"ascan  {mnemonic}"))
        assert list(s.motors.values()) == list(range(26))
        assert (s.motors["Theta"], s.motor) == (24, motor)


REFUSED = {
    "a position that is no number": ("#P0 32.174", "#P0 abc", "motor Delta stands at 'abc' .* #P0"),
    "a lost position": ("#P0 32.174", "#P0", "#P0 has 4 positions for the 5 motors of #O0"),
    "another motor": ("#P1 500 9", "#P1 500 9 1", "#P1 has 3 positions for the 2 motors of #O1"),
    "another line": ("#P1 500 9", "#P1 500 9\n#P2 1", "#P2 has 1 positions for the 0 motors of #O2"),
    "no line": ("#P1 500 9\n", "", "#P1 has 0 positions for the 2 motors of #O1"),
    "no names": ("#O0 Delta", "#C0 Delta", "#P0 has 5 positions for the 0 motors of #O0"),
    "names run together": ("Delta  Theta", "Delta Theta", "5 positions for the 4 motors of #O0"),
    "two that differ": ("#P1 500 9", "#P1 500 9\n#P1 500 8", "two #P1 lines that differ"),
    "labels run together": ("Theta  Sec", "Theta Sec", "3 column labels, .* #N says 4"),
    "no number of columns": ("#N 4", "#N x", "4 column labels, .* #N says 0"),
    "a word among the points": ("0.03 0.25", "0.03 1_0", r"'1_0' in line 20 is no number"),
    "a short point": ("0.03 0.25", "0.03", "point 4 has 3 values where #N says 4"),
    "a lost scan line": ("0.03 0.25", "#N 4\n#L A  B  C  D\n0.03 0.25", "has two #N lines"),
    "a region of three": (" 30 8 1\n", " 30\n", "#UIMR5 line .* is incomplete"),
    "a region in words": (" 30 8 1\n", " 30 1e9 1\n", "#UIMR5 line .* is incomplete"),
    "stopped early": ("#N 4", "#C Scan aborted after 9 points\n#N 4", "6 points, .* aborted after 9"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_belong_together_is_refused(read: Callable[..., SpecScan], name: str) -> None:
    old, new, words = REFUSED[name]
    assert old in spec_text()
    refused(read, spec_text().replace(old, new), words)
    # and nothing is called cut short that has a scan after it
    after = "\n" + SCAN.replace("#S 7", "#S 8")
    with pytest.raises(ReadError, match=words) as error:
        read(spec_text().replace(old, new) + after)
    assert "cut short" not in str(error.value)


@pytest.mark.parametrize(
    "region", ["0 513 0 8", "505 10 0 8", "0 10 -1 8", "0 0 0 8", "0 10 99999 8"]
)
def test_a_region_off_the_detector_is_refused(tmp_path: Path, region: str) -> None:
    (tmp_path / "a.spec").write_text(spec_text(roi=region))
    with pytest.raises(ReadError, match=r"a.spec: scan 7: its #UIMR5 line \(detector region\)"):
        Geometry.from_spec(tmp_path / "a.spec", 7)
    given = Geometry.from_spec(tmp_path / "a.spec", 7, roi=(0, 512, 0, 512))
    assert given.roi == (0, 512, 0, 512)
    roi = tuple(map(int, region.split()))
    with pytest.raises(ParameterError, match=r"geometry: roi .* on detector '34idcTIM2'"):
        Geometry(**{**given.numbers(), "roi": roi})


def test_scans_that_are_not_cut_short(read: Callable[..., SpecScan]) -> None:
    fly = spec_text(points=POINTS - 1)  # a point for each interval
    assert read(fly).points == 5
    for after in ("\n", "#C Flyscan completed.\n", "\n" + SCAN.replace("#S 7", "#S 8")):
        assert read(spec_text(points=3) + after).points == 3
    with pytest.raises(ReadError, match="scan 7 is cut short: it has 3 of 6 points"):
        read(spec_text(points=3))
    assert read(spec_text() + "0.06 0.25 3 1\n").points == 7


def test_a_point_with_nan_is_a_point(read: Callable[..., SpecScan]) -> None:
    s = read(spec_text().replace(" 1030\n", " nan\n").replace(" 1040\n", " -inf\n"))
    assert s.points == POINTS
    assert np.isnan(s.counters["Monitor"]).tolist() == [False] * 3 + [True] + [False] * 2
    assert s.counters["Monitor"][4] == -np.inf


def test_a_motor_at_nan_keeps_its_place(read: Callable[..., SpecScan], tmp_path: Path) -> None:
    s = read(spec_text().replace("#P0 32.174", "#P0 nan"))
    assert np.isnan(s.motors["Delta"])
    assert (s.motors["Theta"], s.motors["Gamma"], s.energy_kev) == (0, 12.6346, 9)
    with pytest.raises(ReadError, match=r"has no delta \(Delta or Del\)"):
        Geometry.from_spec(tmp_path / "a.spec", 7)
    assert read(spec_text().replace("#P1 500 9", "#P1 500 nan")).energy_kev is None


def test_without_a_header_no_motor_is_known(read: Callable[..., SpecScan], tmp_path: Path) -> None:
    s = read(SCAN)
    assert (dict(s.motors), s.points, s.motor, s.energy_kev) == ({}, POINTS, "Theta", None)
    with pytest.raises(
        ReadError, match=r"has no energy \(Energy\), distance \(camdist\), chi \(Chi\)"
    ):
        Geometry.from_spec(tmp_path / "a.spec", 7)


def test_one_name_for_two_motors_is_neither(read: Callable[..., SpecScan]) -> None:
    s = read(spec_text().replace("Phi  Gamma", "Chi  Gamma"))
    assert np.isnan(s.motors["Chi"])
    assert s.motors["Gamma"] == 12.6346


def test_a_number_used_twice(read: Callable[..., SpecScan], tmp_path: Path) -> None:
    second = SCAN.replace("#P1 500 9", "#P1 500 10").replace("Feb 04", "Feb 05")
    text = spec_text() + "\n" + second + "\n" + SCAN.replace("#S 7", "#S 8")
    words = r"2 scan\(s\) have number 7: give one of 7.1 \(Tue Feb 04 .*\); 7.2 \(Tue Feb 05 .*\)"
    refused(read, text, words)
    refused(read, text, words, "7.3")
    for scan, energy in (("7.1", 9), ("7.2", 10)):
        s = read(text, scan)
        assert (s.number, s.name, s.energy_kev) == (7, scan, energy)
        assert Geometry.from_spec(tmp_path / "a.spec", scan).energy == energy
        about = {"spec": str(tmp_path / "a.spec"), "scan": s.name, "peak": (2, 3, 4)}
        assert Geometry.of(about) == Geometry.from_spec(about["spec"], scan, (2, 3, 4))
    for once in (8, "8", "8.1", np.int64(8)):
        assert read(text, once).name == 8


@pytest.mark.parametrize(
    "scan", ["x", "", "7.", "7.0", "7.2.1", "1e3", 7.2, True, None, "9" * 5000]
)
def test_what_is_no_scan(read: Callable[..., SpecScan], scan: object) -> None:
    with pytest.raises(ParameterError, match="give its number, such as 54") as error:
        read(spec_text(), scan)
    assert isinstance(error.value, CdiMlError)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


def test_scan_of_numbers_too_large(read: Callable[..., SpecScan], tmp_path: Path) -> None:
    for wide in ("9" * 400, "9" * 5000):
        s = read(spec_text().replace("0.05  5 0.25", f"0.05  {wide} 0.25") + "\n")
        assert s.points == POINTS
        with pytest.raises(ReadError, match="is no scan of theta"):
            Geometry.from_spec(tmp_path / "a.spec", 7)
