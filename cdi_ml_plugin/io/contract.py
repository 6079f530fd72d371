"""The laws that every reader keeps, for the tests of whoever writes one."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..data.measurement import Measurement, data_digest
from ..data.preprocess import centre
from ..data.scan import Scan
from ..errors import MeasurementError, ParameterError, ReaderError, ReadError
from ..geometry.geometry import Geometry
from ..utils import jsonable
from . import readers
from .arrays import SUFFIXES
from .reader import Reader

HDF5 = b"\x89HDF\r\n\x1a\n"
FOREIGN = (b"", b"no measurement\n", HDF5 + bytes(40), b"\x93NUMPY\x01\x00", b"II*\x00" + bytes(8))


def check_reader(kind: type[Reader], path: str | os.PathLike[str], **options: Any) -> Measurement:
    """Hold a reader to its contract, on a small file or folder that it reads.

    1. It has all that `Reader` asks for, and the packages that it needs are there.
    2. It knows `path`; of files that are empty, cut, of another kind or not there it says so without an error.
    3. It reads the same twice, and changes no file. A mask that it takes is heeded.
    4. The provenance can be kept and names ``source`` and ``format``; the geometry, where there is one, is
       complete once the peak is known, or a note says what is to be given as ``--geometry``; each source of the
       scan's values names a file that is there, or says in words that there is none.

    Parameters
    ----------
    kind : type of Reader
    path : path
    **options
        Of `load`, as a user has to give them for `path`.

    Returns
    -------
    Measurement

    Raises
    ------
    ReaderError
        Names the reader and the law that it breaks.
    """
    if not (isinstance(kind, type) and issubclass(kind, Reader)):
        raise ReaderError(f"{kind!r:.80} is no reader: give a subclass of Reader")
    reader, path = readers.whole(kind), Path(path)
    _check_knowing(reader, path)
    before = dict(_contents(path))
    measurement = readers.read(reader, path, readers.options_of(**options))
    again = readers.read(reader, path, readers.options_of(**options))
    if data_digest(measurement) != data_digest(again):
        raise reader.broken("reading twice gives other counts or another mask")
    if dict(_contents(path)) != before:
        raise reader.broken(f"reading changes {path}")
    if "mask" in reader.takes and options.get("mask") is None:
        _check_mask(reader, path, measurement, options)
    _check_provenance(reader, measurement)
    return measurement


def _check_knowing(reader: Reader, path: Path) -> None:
    known, fault = readers.answer(reader, path)
    if not known:
        raise ReaderError(fault) if fault else reader.broken(f"can_read declines {path}")
    if not isinstance(reader.can_read(path), bool):
        raise reader.broken("can_read returns no bool: return True or False")
    with tempfile.TemporaryDirectory() as folder:
        foreign = [Path(folder, "absent.h5"), Path(folder)]
        for number, content in enumerate(FOREIGN):
            for suffix in {"", ".txt", path.suffix, *SUFFIXES}:
                foreign.append(Path(folder, f"{number}{suffix}"))
                foreign[-1].write_bytes(content)
        for other in foreign:
            if fault := readers.answer(reader, other)[1]:
                raise ReaderError(
                    f"{fault}, of {other.name or 'a folder'}: it declines what it does not know"
                )


def _check_mask(
    reader: Reader, path: Path, measurement: Measurement, options: Mapping[str, Any]
) -> None:
    excluded = np.zeros(measurement.shape, dtype=bool)
    excluded[:, 0, 0] = excluded[1, 2, 3] = True
    masked = readers.read(reader, path, readers.options_of(**{**options, "mask": excluded}))
    if not np.array_equal(masked.mask, measurement.mask | excluded):
        raise reader.broken("takes a mask, and does not add it to its own")


def _check_provenance(reader: Reader, measurement: Measurement) -> None:
    about = dict(measurement.provenance)
    if absent := [name for name in ("source", "format") if not isinstance(about.get(name), str)]:
        raise reader.broken(f"the provenance does not name {', '.join(absent)}")
    kept = jsonable.dumps(about)
    if jsonable.dumps(jsonable.loads(kept)) != kept:
        raise reader.broken(
            "the provenance cannot be kept: numbers, texts, tuples and mappings can"
        )
    try:
        scan = Scan.of(about)
    except MeasurementError as error:
        raise reader.broken(str(error)) from error
    if scan is not None:
        for name, column in {**scan.motors, "monitor": scan.monitor}.items():
            if column and len(column) != measurement.shape[0]:
                raise reader.broken(
                    f"{name} has {len(column)} values for {measurement.shape[0]} frames"
                )
        for what, place in scan.sources.items():
            where, colon, _ = place.partition(": ")
            if colon and not Path(where).exists():
                raise reader.broken(f"{what} came from {where}, which is not there")
    if "geometry" in about:
        try:
            found: Geometry | None = centre(measurement).geometry
        except (ReadError, ParameterError) as error:
            if any("--geometry" in note for note in measurement.notes):
                return  # it says itself what its files do not have
            raise reader.broken(f"its geometry is not complete: {error}") from error
        if found is not None:
            found.direct_basis(measurement.shape)


def _contents(path: Path) -> Iterator[tuple[Path, str]]:
    """Every file at a path, and a digest of what it holds."""
    for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if each.is_file():
            yield each, hashlib.sha256(each.read_bytes()).hexdigest()
