"""How a pattern was recorded: the command, the motors along the scan, and where each of it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ..errors import MeasurementError

KEY = "acquisition"  # in a provenance


@dataclass(frozen=True)
class Scan:
    """What a measurement's files say of its recording.

    Parameters
    ----------
    name : int or str
        What the scan is found by: its number, or what stands in its place.
    command : str
        As typed at the beamline: ``"ascan eta 8.2 9.4 120 0.5"``.
    motors : mapping of str to sequence of float
        What moved along the scan, by name: a position for each frame, degrees for a rotation. Where a
        name is that of a circle (or of its ``instruments.Diffractometer.names``), `Geometry.of` takes the
        circle's angle at the peak from here.
    monitor : sequence of float
        Beam monitor, a value for each frame; empty where there is none.
    exposure : float, optional
        Seconds a frame.
    sample, date : str
        As in the file; empty where it says nothing.
    sources : mapping of str to str
        Where each of these, and each parameter of the geometry, was read: ``"energy"`` →
        ``"run.h5: 12.1/instrument/monochromator/Energy"``.

    Raises
    ------
    MeasurementError
        A name that is no text, values that are no numbers, or columns of unequal lengths.
    """

    name: int | str
    command: str = ""
    motors: Mapping[str, Sequence[float]] = field(default_factory=dict)
    monitor: Sequence[float] = ()
    exposure: float | None = None
    sample: str = ""
    date: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("command", "sample", "date"):
            if not isinstance(getattr(self, name), str):
                raise MeasurementError(f"scan: {name} is {getattr(self, name)!r:.40}: give a text")
        try:
            motors = {str(k): tuple(map(float, v)) for k, v in dict(self.motors).items()}
            monitor = tuple(map(float, self.monitor))
            exposure = None if self.exposure is None else float(self.exposure)
            sources = {str(k): str(v) for k, v in dict(self.sources).items()}
        except (TypeError, ValueError) as error:
            raise MeasurementError(f"scan: a value is of another kind ({error})") from error
        lengths = {name: len(column) for name, column in {**motors, "monitor": monitor}.items()}
        if len(set(filter(None, lengths.values()))) > 1:
            each = ", ".join(f"{name} {count}" for name, count in lengths.items() if count)
            raise MeasurementError(f"scan: columns of unequal lengths: {each}: give one a frame")
        values = {"motors": motors, "monitor": monitor, "exposure": exposure, "sources": sources}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def plain(self) -> dict[str, Any]:
        """What is known, as plain numbers, texts, tuples and mappings: for the provenance under `KEY`."""
        every = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in every.items() if value or name == "name"}

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> Scan | None:
        """Scan of a measurement, by its provenance; None where that has none.

        Raises
        ------
        MeasurementError
            What stands there was not made by `plain`.
        """
        if KEY not in provenance:
            return None
        try:
            return cls(**provenance[KEY])
        except TypeError as error:
            raise MeasurementError(f"{KEY}: is no description of a scan ({error})") from error
