"""What a reader is: which files it knows, which options it takes, and what it makes of them.

A reader is a class below `Reader` in any package, made known by an entry point of
``cdi_ml_plugin.readers``; `cdi_ml_plugin.io.readers` finds it and asks all alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..data.measurement import Measurement
from ..errors import ReaderError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# How special the files of a reader are: the first that knows a file reads it.
PROGRAM, BEAMLINE, CONTAINER = 10, 20, 90


@dataclass(frozen=True, eq=False)
class Options:
    """What a user may say of data besides their path; None or False where nothing was said.

    Attributes
    ----------
    scan : int or str
        Which scan, of files that hold several.
    dataset : str
        Which array or detector, where there are several.
    mask : path or bool array
        1 excludes; in the shape of the data or of one frame. See `excluded`.
    spec : Path
        SPEC file.
    dark, white : Path
        Fields of the whole detector.
    monitor : bool
        Divide by the beam monitor.
    """

    scan: int | str | None = None
    dataset: str | None = None
    mask: Path | NDArray[np.bool_] | None = None
    spec: Path | None = None
    dark: Path | None = None
    white: Path | None = None
    monitor: bool = False

    @property
    def given(self) -> tuple[str, ...]:
        """Names of those that were given."""
        said = {item.name: getattr(self, item.name) for item in fields(self)}
        return tuple(
            name for name, value in said.items() if value is not None and value is not False
        )

    def excluded(self) -> NDArray[np.bool_] | None:
        """The mask as a bool array, read where it is a file's; None without one.

        Raises
        ------
        ReadError
            The file of the mask cannot be read.
        """
        from .arrays import read_mask

        return read_mask(self.mask) if isinstance(self.mask, Path) else self.mask


NAMES = tuple(item.name for item in fields(Options))


class Reader(ABC):
    """A reader of one kind of file or folder. A subclass says `reads`, and writes `can_read` and `read`.

    Attributes
    ----------
    name : str
        As its entry point's; default the name of the class in small letters.
    reads : str
        What it reads, in one line.
    takes : tuple of str
        Which of the `Options` it heeds; one that it does not take is refused.
    needs : tuple of str
        Modules that it cannot do without and that are not installed with this package.
    rank : int
        How special its files are. Of the readers that know a file the one of the lowest rank reads it;
        of equal ones the first by name, and a note says so. `PROGRAM`: what a program has prepared;
        `BEAMLINE`: the layout of one beamline; `CONTAINER`: any array of a file format.
    prepared : bool
        Whether its data are ready for phasing: then they are neither centred nor searched for hot pixels.
    """

    name: ClassVar[str]
    reads: ClassVar[str]
    takes: ClassVar[tuple[str, ...]] = ("mask",)
    needs: ClassVar[tuple[str, ...]] = ()
    rank: ClassVar[int] = BEAMLINE
    prepared: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()
        for name in ("takes", "needs"):
            value = getattr(cls, name)
            if not isinstance(value, tuple) or not all(isinstance(each, str) for each in value):
                raise cls.broken(f"{name} = {value!r:.60}: give a tuple of names")
        if unknown := [name for name in cls.takes if name not in NAMES]:
            raise cls.broken(f"takes {', '.join(unknown)}: the options are {', '.join(NAMES)}")
        if not isinstance(cls.rank, int) or isinstance(cls.rank, bool):
            raise cls.broken(f"rank = {cls.rank!r:.60}: give a whole number")

    @abstractmethod
    def can_read(self, path: Path) -> bool:
        """Whether it knows what lies at `path`, a file or folder that is there.

        It looks at names, at a few bytes or keys, and reads no data. What is not its own it declines, and
        raises nothing.
        """

    @abstractmethod
    def read(self, path: Path, options: Options) -> Measurement:
        """Read the counts, and put into the provenance what the files say of them.

        Returns
        -------
        Measurement
            Its provenance has ``source`` and ``format``; ``acquisition``, which `Scan.plain` makes; and
            ``geometry``, plain numbers as `Geometry` takes them but for the reference voxel, which is the
            peak, and the angle of the scanned circle, which the scan's motors give at the peak. Under
            ``notes`` stands what a user has to hear.

        Raises
        ------
        ReadError
            Damaged, missing, or not the one that was asked for: one line, with the file's name.
        """

    @classmethod
    def missing(cls) -> list[str]:
        """Those of `needs` that are not installed."""
        return [name for name in cls.needs if find_spec(name.partition(".")[0]) is None]

    @classmethod
    def broken(cls, what: str) -> ReaderError:
        """Error that names the reader."""
        return ReaderError(f"reader {cls.name}: {what}")
