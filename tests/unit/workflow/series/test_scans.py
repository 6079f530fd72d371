"""Which scans a series is of, and what a table says of single ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin.errors import ParameterError, ReadError
from cdi_ml_plugin.workflow.series.scans import (
    SeriesScan,
    filled,
    listed,
    name_of,
    names,
    numbers,
)
from cdi_ml_plugin.workflow.series.table import applied, read_table, scans_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("night").mkdir()
    for number in (2, 10, 1):
        np.save(f"night/scan_{number}.npy", np.ones((4, 4, 4)))
    Path("night/notes.txt").write_text("no data")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("54", ["54"]),
        ("54-56,90", ["54", "55", "56", "90"]),
        (" 7 , 3", ["7", "3"]),
        ("54.2", ["54.2"]),
    ],
)
def test_numbers(text, found):
    assert numbers(text) == found


@pytest.mark.parametrize(
    "text", ["", "54-", "60-54", "1,1", "1-3,2", "a", "1-999999999", "-3", "1;2"]
)
def test_no_numbers(text):
    with pytest.raises(ParameterError, match="--scan"):
        numbers(text)


def test_a_folder_stands_for_what_is_in_it_in_the_order_of_the_numbers(folder):
    assert [scan.name for scan in listed(["night"])] == ["scan_1", "scan_2", "scan_10"]


def test_by_number_with_a_place_in_the_path(folder):
    scans = listed(["night/scan_{scan}.npy"], "1-2")
    assert [(s.name, s.data.name, s.number) for s in scans] == [
        ("0001", "scan_1.npy", "1"),
        ("0002", "scan_2.npy", "2"),
    ]
    with pytest.raises(ReadError, match="there is no scan 3"):
        listed(["night/scan_{scan}.npy"], "1-3")
    with pytest.raises(ReadError, match=r"is written \{scan\} or \{scan:04\}"):
        listed(["night/scan_{scann}.npy"], "1-3")
    with pytest.raises(ParameterError, match="at most 9 digits"):
        listed(["night/scan_{scan}.npy"], "1-100000000000")
    with pytest.raises(ParameterError, match="is of one scan"):
        listed(["night/scan_1.npy"], "1-3")


def test_a_reference_is_named_by_name_or_number(folder):
    scans = listed(["night/scan_{scan}.npy"], "2,10")
    assert [name_of(told, scans) for told in ("0002", "2")] == ["0002", "0002"]
    assert name_of("7", [SeriesScan("0007", folder), SeriesScan("0008", folder)]) == "0007"
    with pytest.raises(ParameterError, match="no scan of this series: there are 0002, 0010"):
        name_of("3", scans)


def test_zeros_before_a_number():
    assert filled("S{scan:04}/a_{scan}.h5", "54") == "S0054/a_54.h5"
    assert filled("S{scan:04d}", "54") == "S0054"
    assert filled("S{scan.__class__}", "54") == "S{scan.__class__}"


def test_names_say_what_tells_paths_apart():
    assert names([Path("/d/a.h5"), Path("/d/b.h5")]) == ["a", "b"]
    assert names([Path("/d/s1/v.h5"), Path("/d/s2/v.h5")]) == ["s1", "s2"]
    with pytest.raises(ParameterError, match="twice"):
        names([Path("/d/a.h5"), Path("/d/../d/a.h5")])


def test_nothing_to_read(folder):
    with pytest.raises(ReadError, match="no such file"):
        listed(["nowhere"])
    Path("none").mkdir()
    with pytest.raises(ReadError, match="nor anything in it"):
        listed(["none"])


def test_a_table_gives_single_scans_what_is_their_own(folder):
    Path("t.csv").write_text(
        "scan,crop,set:hio_beta,seeds,algorithm,temperature\n1,8 10 12,0.8,3,5*ER,300\n2,,,,,310\n"
    )
    scans = listed(["night/scan_{scan}.npy"], "1-2")
    first, second = applied(
        Path("t.csv"), read_table(Path("t.csv"), ["temperature"]), scans, ["temperature"]
    )
    assert first.given == {
        "crop": (8, 10, 12),
        "set:hio_beta": 0.8,
        "seeds": 3,
        "sequence": "5*ER",
    }
    assert (first.columns, second.given) == ({"temperature": 300.0}, {})
    assert second.columns == {"temperature": 310.0}


def test_toml_says_the_same(folder):
    Path("t.toml").write_text('[[scan]]\nscan = 1\ncrop = [8, 10, 12]\n"set:hio_beta" = 0.8\n')
    (one,) = applied(
        Path("t.toml"), read_table(Path("t.toml")), [SeriesScan("0001", Path("a"), "1")], []
    )
    assert one.given == {"crop": (8, 10, 12), "set:hio_beta": 0.8}


def test_rows_with_data_are_a_list_of_scans(folder):
    Path("night/t.csv").write_text("name,scan,data\nhot,1,scan_1.npy\n7,1,scan_2.npy\n")
    scans = scans_of(Path("night/t.csv"), read_table(Path("night/t.csv")))
    assert scans == [
        SeriesScan("hot", Path("night/scan_1.npy"), "1"),
        SeriesScan("0007", Path("night/scan_2.npy"), "1"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scan,colour\n1,red\n", "column 'colour' is unknown: use scan, data, .*crop.*set:KEY"),
        ("scan,crop\n1,8 10\n", "three whole numbers"),
        ("scan,seeds\n1,none\n", "row 1: seeds = 'none': give a whole number from 1"),
        ("scan,crop\n1,8 x 9\n", "three whole numbers"),
        ("scan,threshold\n1,low\n", "row 1: threshold = 'low': give a number"),
        ("scan,reader\n1,banana\n", "banana"),
        ("scan,seeds,seeds\n1,2,3\n", "two columns are called 'seeds'"),
        ("scan,seeds\n9,2\n", "9 is no scan of this series: there are 1"),
        ("crop\n8 8 8\n", "names no scan"),
        ("scan\n", "holds no row"),
        ("scan,crop\n1\n", "not as many values"),
    ],
)
def test_a_bad_table(folder, text, says):
    Path("t.csv").write_text(text)
    with pytest.raises((ParameterError, ReadError), match=says):
        applied(Path("t.csv"), read_table(Path("t.csv")), [SeriesScan("0001", Path("a"), "1")], [])
