"""The one door to measured data, and the readers behind it.

They are the entry points of ``cdi_ml_plugin.readers``; those built in come in by the same door.
"""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.measurement import Measurement
from ..errors import CdiMlError, ParameterError, ReaderError, ReadError
from ..utils import memory
from ..utils.inputs import check_file, check_name
from ..utils.memory import enough
from ..utils.plugins import Group, provider
from ..utils.values import path as named
from .reader import Options, Reader

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

READERS = Group("cdi_ml_plugin.readers", "reader", str.lower, ReaderError, first_keeps=True)
entries, refresh = READERS.find, READERS.refresh


@enough("reading", "cut the region of interest out first")
def load(
    path: str | os.PathLike[str],
    *,
    reader: str | None = None,
    mask: str | os.PathLike[str] | ArrayLike | None = None,
    spec: str | os.PathLike[str] | None = None,
    scan: int | str | None = None,
    dark: str | os.PathLike[str] | None = None,
    white: str | os.PathLike[str] | None = None,
    monitor: bool = False,
    dataset: str | None = None,
) -> Measurement:
    """Read a measurement, whatever it is kept in.

    Parameters
    ----------
    path : path
        A file or folder that one of the installed readers knows: a cohere experiment (a folder with
        ``conf/``), a folder of 34-ID-C TIFF frames, an ESRF ID01 file, an array file; see
        `read_experiment`, `read_frames`, `read_id01` and `read_array`.
    reader : str, optional
        Name of the reader to take; by default the most special one that knows the path.
    mask : path or array, optional
        A mask, or a file of one, in the shape of the data, or of one frame: 1 excludes. It adds to what is
        masked anyway, before the values are judged.
    spec, scan, dark, white, monitor, dataset
        For the readers that take them: see `cdi_ml_plugin.io.reader.Options`.

    Returns
    -------
    Measurement

    Raises
    ------
    ReadError
        The path does not exist, is of no known kind, or is damaged.
    ParameterError
        An option that the reader does not take.
    ReaderError
        No reader of that name, or it breaks its contract, or a package that it needs is missing.
    MeasurementError
        The values cannot be a measurement.
    TooLargeError
        More memory is needed than is free.
    """
    where = _path(path)
    options = options_of(mask, spec, scan, dark, white, monitor, dataset)
    first, *others = choose(where, reader)
    measurement = read(first, where, options)
    if equal := [other.name for other in others if other.rank == first.rank]:
        note = f"read by {first.name}; {', '.join(equal)} could too: choose with --reader NAME"
        about = {**measurement.provenance, "notes": (*measurement.notes, note)}
        measurement = Measurement(measurement.intensity, measurement.mask, about)
    return measurement


def choose(path: Path, name: str | None = None) -> list[Reader]:
    """The reader of that name, or those that know `path`, the one that is taken first.

    Raises
    ------
    ReadError
        Nothing is there, or no reader knows it.
    ReaderError
        There is none of that name, or it cannot be used.
    """
    _check_there(path)
    if name is not None:
        return [find(name)]
    readers, faults = survey()
    found = [each for each in readers if answer(each, path)[0]]
    if not found:
        also = f" ({faults[0]})" if faults else ""
        names = ", ".join(reader.name for reader in readers)
        raise ReadError(
            f"{path}: no reader knows it{also}: there are {names}; `cdi-ml readers` says what each reads"
        )
    return found


def find(name: str) -> Reader:
    """Import the reader of that name.

    Raises
    ------
    ReaderError
        There is none of that name, or it cannot be imported, or it is no whole `Reader`.
    """
    return whole(READERS.subclass(name, Reader))


def whole(kind: type[Reader]) -> Reader:
    """Make the one instance that is used; ReaderError where the class is not complete."""
    missing = sorted(kind.__abstractmethods__)
    if not isinstance(getattr(kind, "reads", None), str):
        missing.append("reads")
    if missing:
        raise kind.broken(f"{kind.__name__} has no {', '.join(missing)}: write it")
    return kind()


def survey() -> tuple[list[Reader], list[str]]:
    """All that can be used, in the order in which they are asked, and what is wrong with the others."""
    found, faults = [], []
    for name in entries():
        try:
            found.append(find(name))
        except ReaderError as error:  # it harms no other
            faults.append(str(error))
    if not found:
        raise ReaderError(f"no reader is registered in {READERS.name}: install the package again")
    return sorted(found, key=lambda each: (each.rank, each.name)), [*faults, *READERS.refused]


def answer(reader: Reader, path: Path) -> tuple[bool, str]:
    """Whether a reader knows what lies at `path`, and what is wrong with it where it cannot say."""
    try:
        return bool(reader.can_read(path)), ""
    except Exception as error:  # whatever the code of another package runs into
        if memory.ended(error):
            raise
        return False, str(reader.broken(f"can_read fails: {_reason(error)}"))


def options_of(
    mask: str | os.PathLike[str] | ArrayLike | None = None,
    spec: str | os.PathLike[str] | None = None,
    scan: int | str | None = None,
    dark: str | os.PathLike[str] | None = None,
    white: str | os.PathLike[str] | None = None,
    monitor: bool = False,
    dataset: str | None = None,
) -> Options:
    """What a user gave, each of its kind.

    Raises
    ------
    ParameterError, MeasurementError
        A path that can be none, a mask that is none.
    """
    if isinstance(mask, str | os.PathLike):
        mask = _path(mask)
    elif mask is not None:
        from .arrays import excluding  # imports xrayutilities, which takes its time

        mask = excluding(mask)
    files = {"spec": spec, "dark": dark, "white": white}
    paths = {name: None if value is None else named(name, value) for name, value in files.items()}
    return Options(scan=scan, dataset=dataset, mask=mask, monitor=monitor, **paths)


def read(reader: Reader, path: Path, options: Options) -> Measurement:
    """Read by a reader, whatever it runs into.

    Raises
    ------
    ParameterError, ReadError, ReaderError
        As `load`.
    """
    if wrong := [name for name in options.given if name not in reader.takes]:
        raise ParameterError(
            f"{', '.join(wrong)}: not for {path}, which reader {reader.name} reads: it takes "
            f"{', '.join(reader.takes) or 'no options'}"
        )
    if lacking := reader.missing():
        raise reader.broken(f"needs {', '.join(lacking)} for {path}: pip install {lacking[0]}")
    try:
        measurement = reader.read(path, options)
    except CdiMlError:
        raise
    except Exception as error:  # whatever the code of another package runs into
        if memory.ended(error):
            raise
        raise ReadError(
            f"{path}: reader {reader.name} fails ({_reason(error)}): damaged, or of another kind: choose "
            "another with --reader NAME"
        ) from error
    if not isinstance(measurement, Measurement):
        raise reader.broken(f"read returns a {type(measurement).__name__}, and no Measurement")
    return measurement


def package(reader: Reader) -> str:
    """Name and version of the package that a reader comes from."""
    entry: EntryPoint = entries()[reader.name]
    return provider(entry)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _check_there(path: Path) -> None:
    """Refuse what is neither a regular file nor a folder that can be listed."""
    try:
        there, folder = path.exists(), path.is_dir()
    except (OSError, ValueError):  # a name that is too long, or holds a null byte
        there = folder = False
    if not there:
        raise ReadError(f"{path}: no such file or folder")
    if not folder:
        return check_file(path)
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise ReadError(f"{path}: the folder cannot be read ({error.strerror})") from error


def _path(path: str | os.PathLike[str]) -> Path:
    try:
        check_name(path)
        return Path(path)
    except TypeError as error:  # an array, for one
        raise ParameterError(
            f"load: {type(path).__name__} is no path: Measurement(counts, mask) takes arrays"
        ) from error
