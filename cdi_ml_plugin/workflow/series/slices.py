"""Small pictures of the scans of a series: a slice of each crystal, as NumPy files."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...crystal.phase import without_ramp

if TYPE_CHECKING:
    from ...crystal.crystal import Crystal
    from ...data.result import Result

WIDEST = 96  # pixels of a slice on the page of a series
MARGIN = 8  # an eighth of a crystal's width is left around it
BULK = 0.5  # of the median amplitude in the support: what has less is no crystal, where no geometry tells
Volume = NDArray[np.floating]
Solid = NDArray[np.bool_]


@dataclass(frozen=True)
class Cut:
    """Where a picture is cut out of a volume [z, y, x].

    Attributes
    ----------
    plane : int
        Along z.
    rows, columns : slice
        Along y and x.
    """

    plane: int
    rows: slice
    columns: slice

    @classmethod
    def through(cls, solid: Solid) -> Cut:
        """Through the middle of a crystal; of an empty one the first voxel."""
        if not solid.any():
            return cls(0, slice(1), slice(1))
        plane = round(float(np.average(np.arange(len(solid)), weights=solid.sum((1, 2)))))
        window = []
        for axis in (2, 1):
            filled = np.flatnonzero(solid.any((0, axis)))
            low, high = int(filled[0]), int(filled[-1]) + 1
            room = -(-(high - low) // MARGIN)
            window.append(slice(max(0, low - room), high + room))
        return cls(plane, *window)

    def picture(self, values: Volume, solid: Solid) -> bytes:
        """A NumPy file, float32 (row, column), the first row lowest, NaN outside the crystal, `WIDEST` at most."""
        window = (self.plane, self.rows, self.columns)
        flat = np.where(solid[window], values[window], np.nan).astype(np.float32)
        step = -(-max(flat.shape) // WIDEST)
        buffer = BytesIO()
        np.save(buffer, flat[::step, ::step], allow_pickle=False)
        return buffer.getvalue()


def drawn(
    obj: NDArray[np.complexfloating], support: Solid, crystal: Crystal | None
) -> tuple[Volume, Solid]:
    """What is drawn of a scan: the strain of its crystal, or without a geometry the phase of its object."""
    if crystal is not None:
        return crystal.strain, crystal.solid
    size = np.abs(obj)
    solid = support & (size > BULK * np.median(size[support])) if support.any() else support
    return np.angle(without_ramp(np.where(solid, obj, 0))[0]), solid


def slice_of(result: Result, crystal: Crystal | None) -> bytes:
    """A slice through the middle of a crystal by itself; see `Cut.picture`."""
    values, solid = drawn(result.object, result.support, crystal)
    return Cut.through(solid).picture(values, solid)
