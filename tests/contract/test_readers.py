"""The contract of readers: those installed keep it, one that breaks it is named and harms no other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin.errors import ParameterError, ReaderError, ReadError
from cdi_ml_plugin.io import readers
from cdi_ml_plugin.plugin import BEAMLINE, Measurement, Options, Reader, Scan, check_reader
from cdi_ml_plugin.utils import plugins
from support import bliss, sound
from support.small import SMALL

COUNTS = sound.COUNTS


# --- what is kept -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [reader.name for reader in readers.survey()[0]])
def test_every_installed_reader_keeps_it(name: str, tmp_path: Path) -> None:
    path, options = SMALL[name](tmp_path)
    m = check_reader(type(readers.find(name)), path, **options)
    np.testing.assert_array_equal(m.intensity, readers.load(path, **options).intensity)
    assert readers.choose(path)[0].name == name


@pytest.mark.parametrize("suffix", sound.SUFFIXES)
def test_files_of_arrays(suffix: str, tmp_path: Path) -> None:
    check_reader(type(readers.find("array")), sound.sound(tmp_path, suffix))


def test_the_most_special_reader_is_asked_first() -> None:
    ranks = [each.rank for each in readers.survey()[0]]
    assert ranks == sorted(ranks)
    kinds = {each.name: each.rank for each in readers.survey()[0]}
    assert kinds["cohere"] < kinds["id01"] < kinds["nexus"] < kinds["array"]


def test_a_reader_by_name(tmp_path: Path) -> None:
    path = bliss.write(tmp_path / "sample.h5")
    assert readers.load(path).provenance["format"] == "ESRF ID01"
    other = readers.load(path, reader="ARRAY", dataset="12.1/measurement/mpx1x4")
    assert other.provenance["format"] == "h5"
    assert not other.notes
    with pytest.raises(ReaderError, match=r"unknown reader 'arrya'. Did you mean array"):
        readers.load(path, reader="arrya")


# --- plugs that are wrong -----------------------------------------------------------------------
class Good(Reader):
    """Counts of a text file, written by somebody else."""

    reads = "texts that begin with good"
    takes = ("scan",)

    def can_read(self, path: Path) -> bool:
        return path.is_file() and path.read_bytes()[:4] == b"good"

    def read(self, path: Path, options: Options) -> Measurement:
        scan = Scan(3, motors={"theta": range(6)}, sources={"theta": f"{path}: line 2"})
        about = {"source": str(path), "format": "good", "acquisition": scan.plain()}
        return Measurement(COUNTS, None, about)


class Twin(Good):
    """Says that it knows the same files."""


class Special(Good):
    rank = BEAMLINE - 1


class Raises(Good):
    rank = 1

    def can_read(self, path: Path) -> bool:
        return {}[path]  # type: ignore[return-value]


class Nothing(Good):
    def read(self, path: Path, options: Options) -> Any:
        return COUNTS


class Fails(Good):
    def read(self, path: Path, options: Options) -> Measurement:
        raise KeyError("entry/data")


class Needs(Good):
    needs = ("no_such_module",)


class Unwritten(Reader):
    reads = "nothing"


class Array(Good):
    """Takes the name of a built-in one."""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "counts.txt"
    path.write_bytes(b"good\n")
    return path


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    group = readers.READERS.name
    found = list(plugins.entry_points(group=group))

    def add(*names: str, module: str = __name__) -> None:
        more = [EntryPoint(name.lower(), f"{module}:{name}", group) for name in names]
        monkeypatch.setattr(plugins, "entry_points", lambda group: [*found, *more])
        readers.refresh()

    yield add
    monkeypatch.undo()
    readers.refresh()


def test_one_from_outside(install: Any, good: Path) -> None:
    install("Good")
    assert readers.load(good).provenance["format"] == "good"
    assert readers.load(good, scan=3).notes == ()
    with pytest.raises(
        ParameterError, match=r"monitor: not for .*which reader good reads: it takes scan"
    ):
        readers.load(good, monitor=True)


@pytest.mark.parametrize("name", ["Raises", "Unwritten", "Absent", "Array"])
def test_a_broken_one_harms_no_other(name: str, install: Any, good: Path, tmp_path: Path) -> None:
    install("Good", name)
    assert readers.load(good).provenance["format"] == "good"
    array = sound.sound(tmp_path, ".npy")
    np.testing.assert_array_equal(readers.load(array).intensity, COUNTS)
    every, faults = readers.survey()
    faults += [fault for each in every if (fault := readers.answer(each, good)[1])]
    [fault] = faults
    assert name.lower() in fault


def test_one_whose_module_cannot_be_imported(
    install: Any, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_reader.py").write_text("raise OSError('no licence')\n")
    monkeypatch.syspath_prepend(tmp_path)
    install("Broken", module="broken_reader")
    [fault] = readers.survey()[1]
    assert "reader broken of unknown package cannot be loaded from broken_reader:Broken" in fault
    with pytest.raises(ReadError, match=r"no reader knows it \(reader broken .*no licence\)"):
        readers.load(good)
    np.testing.assert_array_equal(readers.load(sound.sound(tmp_path, ".npy")).intensity, COUNTS)
    assert "broken_reader" not in sys.modules


def test_a_name_that_is_taken(install: Any, tmp_path: Path) -> None:
    install("Array")
    assert type(readers.find("array")).__module__.startswith("cdi_ml_plugin.")
    [fault] = readers.survey()[1]
    assert "reader array is registered twice" in fault
    assert fault.endswith(": the first is taken")


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("Nothing", ReaderError, "reader nothing: read returns a ndarray, and no Measurement"),
        ("Fails", ReadError, r"counts.txt: reader fails fails \(KeyError: 'entry/data'\)"),
        (
            "Needs",
            ReaderError,
            "reader needs: needs no_such_module for .*: pip install no_such_module",
        ),
    ],
)
def test_one_that_fails_says_so(name: str, error: Any, says: str, install: Any, good: Path) -> None:
    install(name)
    with pytest.raises(error, match=says) as caught:
        readers.load(good)
    assert "\n" not in str(caught.value)


def test_two_that_know_a_file(install: Any, good: Path) -> None:
    install("Twin", "Good")
    m = readers.load(good)
    assert m.notes == ("read by good; twin could too: choose with --reader NAME",)
    assert readers.load(good, reader="twin").notes == ()
    install("Twin", "Good", "Special")
    assert [each.name for each in readers.choose(good)] == ["special", "good", "twin"]
    assert readers.load(good).notes == ()


# --- what is broken when the class is made ------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"takes": ("mask", "roi")}, "takes roi: the options are scan, dataset, mask, spec"),
        ({"takes": "mask"}, "takes = 'mask': give a tuple"),
        ({"needs": ["fabio"]}, r"needs = \['fabio'\]: give a tuple"),
        ({"rank": True}, "rank = True: give a whole number"),
    ],
)
def test_a_class_with_a_wrong_value_is_not_made(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ReaderError, match=f"reader wrong: {says}"):
        type("Wrong", (Good,), wrong)


# --- what is broken by what it does -------------------------------------------------------------
def _returning(counts: Any = COUNTS, mask: Any = None, **about: Any) -> type[Reader]:
    def read(self: Reader, path: Path, options: Options) -> Measurement:
        return Measurement(counts, mask, {"source": str(path), "format": "good", **about})

    return type("Wrong", (Good,), {"read": read})


class Chance(Good):
    def read(self, path: Path, options: Options) -> Measurement:
        about = {"source": str(path), "format": "good"}
        return Measurement(np.random.default_rng().poisson(5, COUNTS.shape), None, about)


class Writes(Good):
    def read(self, path: Path, options: Options) -> Measurement:
        path.write_bytes(path.read_bytes() + b".")
        return super().read(path, options)


class Opens(Good):
    def can_read(self, path: Path) -> bool:
        return path.read_bytes()[:4] == b"good"


class Truthy(Good):
    def can_read(self, path: Path) -> Any:
        return path.is_file() and path.read_bytes().startswith(b"good") and "yes"


class Masks(Good):
    takes = ("mask",)


GEOMETRY = {"motor": "theta", "step": 0.1, "energy": 9.0, "distance": 0.5}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Unwritten, "Unwritten has no can_read, read: write it"),
        (Chance, "reading twice gives other counts"),
        (Writes, "reading changes .*counts.txt"),
        (Opens, r"can_read fails: .*: it declines what it does not know"),
        (Truthy, "can_read returns no bool"),
        (Masks, "takes a mask, and does not add it to its own"),
        (Nothing, "read returns a ndarray"),
        (_returning(format=None), "does not name format"),
        (_returning(acquisition={"number": 3}), "acquisition: is no description of a scan"),
        (
            _returning(acquisition={"name": 3, "motors": {"th": (1, 2)}}),
            "th has 2 values for 6 frames",
        ),
        (
            _returning(acquisition={"name": 3, "sources": {"th": "gone.h5: th"}}),
            "came from gone.h5",
        ),
        (
            _returning(geometry=GEOMETRY),
            "its geometry is not complete: geometry: no theta, chi, phi",
        ),
    ],
)
def test_each_law_has_its_word(wrong: type[Reader], says: str, good: Path) -> None:
    with pytest.raises(ReaderError, match=says) as caught:
        check_reader(wrong, good)
    message = str(caught.value)
    assert message.startswith(f"reader {wrong.__name__.lower()}: ")
    assert "\n" not in message


def test_no_reader_at_all(good: Path) -> None:
    check_reader(Good, good)
    with pytest.raises(ReaderError, match="can_read declines"):
        check_reader(Good, good.parent)
    with pytest.raises(ReaderError, match="is no reader: give a subclass of Reader"):
        check_reader(Path, good)  # type: ignore[arg-type]
