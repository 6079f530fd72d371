"""`Measurement`: one measured diffraction pattern, validated once, here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import MeasurementError
from ..utils.above import from_above
from .markers import markers, say

if TYPE_CHECKING:
    from ..geometry.geometry import Geometry

BRIGHTEST = 1e35  # counts: sums and squares of what is brighter leave single precision

NOTHING = "intensity is zero in every unmasked voxel: there is nothing to phase"
MIN_SIZE = 4  # voxels along an axis; below this there is no oversampling to speak of


@dataclass(frozen=True, eq=False)
class Measurement:
    """A three-dimensional diffraction pattern.

    Parameters
    ----------
    intensity : array_like, (z, y, x)
        Counts; z is the rocking axis, y the detector row, x the detector column. Centred:
        the Bragg peak is at (or near) voxel ``n // 2`` of each axis. What a masked array masks is
        masked, and so is the largest value of an integer type (see `markers`): a note says it.
    mask : array_like of bool, (z, y, x), optional
        True where a voxel is unknown (gap, hot pixel, not measured) and excluded from
        everything. An array of 0 and 1 is taken as well; what a masked array masks is excluded.
    provenance : mapping, optional
        Where the data come from: file, scan number, what was done to it. Under ``notes`` stands what a
        user has to hear of them.

    Raises
    ------
    MeasurementError
        Not three-dimensional, NaN or negative counts outside the mask, no counts at all,
        or a mask of another shape.

    Notes
    -----
    `intensity` is kept as read-only float32, 0 where masked; `mask` as read-only bool.
    """

    intensity: NDArray[np.float32]
    mask: NDArray[np.bool_]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __init__(
        self,
        intensity: ArrayLike,
        mask: ArrayLike | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        counts, hidden = as_array(intensity)
        excluded = _mask(mask, counts)
        if provenance is not None and not isinstance(provenance, Mapping):
            raise MeasurementError(
                f"provenance is of type {type(provenance).__name__}: give a mapping of names"
            )
        about = dict(provenance or {})
        if hidden is not None and (fresh := int((hidden & ~excluded).sum())):
            excluded |= hidden
            _note(about, f"{fresh} voxel(s) masked, as the masked array has them")
        found = markers(counts)
        if found.any() and (fresh := int((found & ~excluded).sum())):
            excluded |= found
            _note(about, say(fresh, counts.dtype))
        self._keep(_counts(counts, excluded), excluded, about)

    def changed(
        self,
        intensity: NDArray[np.float32],
        mask: NDArray[np.bool_],
        provenance: Mapping[str, Any],
    ) -> Measurement:
        """Make another one of what was made of this one's own counts and mask, which are valid already.

        Raises
        ------
        MeasurementError
            No counts are left outside the mask.
        """
        counts = np.asarray(intensity, dtype=np.float32)
        known = mask is self.mask and counts is self.intensity
        if not known and (fresh := mask & (counts != 0)).any():
            counts = np.where(fresh, np.float32(0), counts)
        if not known and not counts.any():
            raise MeasurementError(NOTHING)
        made = object.__new__(Measurement)
        made._keep(counts, mask, dict(provenance))
        return made

    def _keep(
        self, counts: NDArray[np.float32], mask: NDArray[np.bool_], about: dict[str, Any]
    ) -> None:
        counts.setflags(write=False)
        mask.setflags(write=False)
        object.__setattr__(self, "intensity", counts)
        object.__setattr__(self, "mask", mask)
        object.__setattr__(self, "provenance", MappingProxyType(about))

    def __reduce__(self) -> tuple[Any, ...]:
        # for other processes: a read-only mapping has no way there
        return _again, (self.intensity, self.mask, dict(self.provenance))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (rocking, row, column)."""
        z, y, x = self.intensity.shape
        return z, y, x

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user has to hear of these data: what was masked without being asked for."""
        return _notes(self.provenance)

    @property
    def geometry(self) -> Geometry | None:
        """Where its voxels lie, by what its provenance says; None where that says nothing.

        Raises
        ------
        ReadError, ParameterError
            As `Geometry.from_spec`.
        """
        from ..geometry.geometry import Geometry  # imports xrayutilities, which takes its time

        return Geometry.of(self.provenance)

    def __repr__(self) -> str:
        return (
            f"Measurement({' × '.join(map(str, self.shape))}, {float(self.intensity.sum()):.3g} counts, "
            f"{int(self.mask.sum())} voxels masked)"
        )

    def _repr_html_(self) -> str:
        return str(from_above("view.notebook:html_of", self))


def _again(
    intensity: NDArray[np.float32], mask: NDArray[np.bool_], provenance: dict[str, Any]
) -> Measurement:
    made = object.__new__(Measurement)
    made._keep(intensity, mask, provenance)
    return made


def _notes(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    notes = provenance.get("notes", ())
    return tuple(map(str, notes)) if isinstance(notes, list | tuple) else (str(notes),)


def _note(provenance: dict[str, Any], note: str) -> None:
    provenance["notes"] = (*_notes(provenance), note)


def as_array(values: ArrayLike) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The array, and which voxels of a masked array are masked.

    Raises
    ------
    MeasurementError
        Lists of unequal lengths.
    """
    if isinstance(values, np.ma.MaskedArray) and values.dtype.names is None:
        return np.asarray(values.data), np.ma.getmaskarray(values)
    try:
        return np.asarray(values), None
    except (ValueError, TypeError) as error:
        raise MeasurementError(
            f"this is no array of numbers ({error}): give three dimensions of equal lengths"
        ) from error


def _mask(mask: ArrayLike | None, counts: NDArray[Any]) -> NDArray[np.bool_]:
    if mask is None:
        return np.zeros(counts.shape, dtype=bool)
    excluded, hidden = as_array(mask)
    if hidden is not None:
        excluded = np.where(hidden, True, excluded)
    if excluded.dtype.kind not in "biuf":
        raise MeasurementError(
            f"mask is of type {excluded.dtype}: use booleans, or 0 and 1 (1 excludes)"
        )
    if excluded.shape != counts.shape:
        raise MeasurementError(
            f"mask has shape {excluded.shape}, the intensity {counts.shape}: give both the same shape"
        )
    if excluded.dtype != bool:
        values = np.unique(excluded)
        if not np.isin(values, (0, 1)).all():
            raise MeasurementError(
                f"mask holds values from {values.min()} to {values.max()}: use booleans, or 0 and 1 (1 excludes)"
            )
    return excluded.astype(bool)


def _counts(counts: NDArray[Any], excluded: NDArray[np.bool_]) -> NDArray[np.float32]:
    if counts.ndim != 3:
        raise MeasurementError(
            f"intensity has {counts.ndim} dimension(s), shape {counts.shape}: "
            "three are needed (rocking, row, column)"
        )
    if min(counts.shape) < MIN_SIZE:
        raise MeasurementError(
            f"intensity has shape {counts.shape}: every axis needs at least {MIN_SIZE} voxels"
        )
    if counts.dtype.kind not in "biuf":
        raise MeasurementError(
            f"intensity is of type {counts.dtype}: real numbers (counts) are needed"
        )
    # what is masked may be anything; counts are checked in their own type, before it is made narrower
    values = counts.astype(np.float32 if counts.dtype.kind in "biu" else counts.dtype)
    np.copyto(values, 0, where=excluded)
    lowest, highest = values.min(), values.max()  # NaN where there is one
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise MeasurementError(
            f"intensity holds {int((~np.isfinite(values)).sum())} NaN or infinite voxel(s) outside the mask: "
            "mask them"
        )
    if lowest < 0:
        raise MeasurementError(
            f"intensity is negative in {int((values < 0).sum())} voxel(s), lowest {lowest:g}: "
            "mask them or set them to 0"
        )
    if highest == 0:
        raise MeasurementError(NOTHING)
    if highest > BRIGHTEST:
        raise MeasurementError(
            f"intensity reaches {highest:g}, too large for single precision: divide it by a number"
        )
    result: NDArray[np.float32] = values.astype(np.float32, copy=False)
    return result


def data_digest(measurement: Measurement) -> str:
    """Twelve hexadecimal digits of the counts and the mask."""
    digest = hashlib.sha256(measurement.intensity.tobytes())
    digest.update(measurement.mask.tobytes())
    return digest.hexdigest()[:12]


def about_data(measurement: Measurement) -> dict[str, Any]:
    """What a result says of the data that it came from."""
    return {
        "shape": measurement.shape,
        "counts": float(measurement.intensity.sum(dtype=np.float64)),
        "masked": int(measurement.mask.sum()),
        "provenance": measurement.provenance,
    }
