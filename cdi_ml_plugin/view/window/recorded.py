"""What a window shows of data before they are phased; no Qt here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...data.inspect import Inspection
from ...data.measurement import Measurement


@dataclass(frozen=True, eq=False)
class Recorded:
    """Measured data, and what `inspect` says of them.

    Attributes
    ----------
    measurement, prepared : Measurement
        As recorded; made ready for phasing.
    found : Inspection
    rows : tuple of (name, value)
        The table.
    command : str
        What phases the data.
    mask : bool array (z, y, x), optional
        The part of the measurement's mask that did not come with the data: True excludes.
    again : callable(file), optional
        Read the same data with the mask of a file; None where they take none.
    """

    measurement: Measurement
    prepared: Measurement
    found: Inspection
    rows: tuple[tuple[str, str], ...]
    command: str
    mask: NDArray[np.bool_] | None
    again: Callable[[Path], Recorded] | None
