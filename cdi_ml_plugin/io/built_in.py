"""The readers of cohere's experiments, of 34-ID-C's frames and of files of arrays."""

from __future__ import annotations

from pathlib import Path

from ..data.measurement import Measurement
from .arrays import SUFFIXES, read_array
from .cohere import read_experiment
from .frames import read_frames
from .reader import CONTAINER, PROGRAM, Options, Reader


class Experiment(Reader):
    """A cohere experiment: data that its standard_preprocess has prepared."""

    name = "cohere"
    reads = "folders with conf/, cohere's prepared experiments"
    rank = PROGRAM
    prepared = True

    def can_read(self, path: Path) -> bool:
        return (path / "conf").is_dir()

    def read(self, path: Path, options: Options) -> Measurement:
        return read_experiment(path, mask=options.excluded())


class Frames(Reader):
    """A rocking scan of APS 34-ID-C, 7-ID-D or 1-ID-E: TIFF frames, with the SPEC file beside them."""

    name = "34idc"
    reads = "folders of .tif frames of APS 34-ID-C, 7-ID-D or 1-ID-E, with --spec FILE"
    takes = ("spec", "scan", "dark", "white", "monitor", "mask")

    def can_read(self, path: Path) -> bool:
        return path.is_dir() and any(p.suffix.lower() in (".tif", ".tiff") for p in path.iterdir())

    def read(self, path: Path, options: Options) -> Measurement:
        return read_frames(
            path,
            options.spec,
            options.scan,
            options.dark,
            options.white,
            options.monitor,
            options.excluded(),
        )


class Arrays(Reader):
    """A file of arrays, whatever wrote it: counts in the order (rocking, row, column)."""

    name = "array"
    reads = f"files of arrays: {', '.join(SUFFIXES)}"
    takes = ("dataset", "mask")
    rank = CONTAINER

    def can_read(self, path: Path) -> bool:
        return path.is_file() and path.suffix.lower() in SUFFIXES

    def read(self, path: Path, options: Options) -> Measurement:
        return read_array(path, options.mask, options.dataset)
