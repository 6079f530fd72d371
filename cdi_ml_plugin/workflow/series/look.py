"""What the first scan of a series tells of the others: its shape, its columns."""

from __future__ import annotations

from collections.abc import Sequence

from ...data.measurement import Measurement
from ...errors import CdiMlError, ParameterError
from ..load import read_prepared
from .phase import columns_of
from .task import Task, reading

TRIED = 3  # scans; where none can be read, each says why when its turn comes


def look(tasks: Sequence[Task], along: Sequence[str] = ()) -> Measurement | None:
    """The first scan that can be read, prepared; None where none of the first few can.

    Raises
    ------
    ParameterError
        No table names a column of `along`, and that scan has none of that name.
    """
    tabled = {name for task in tasks for name in task.scan.columns}
    unknown = [name for name in along if name not in tabled]
    for task in tasks[:TRIED]:
        try:
            measurement = read_prepared(task.scan.data, **reading(task))
        except CdiMlError:
            continue
        columns = columns_of(measurement)
        if lost := [name for name in unknown if name not in columns]:
            there = ", ".join((*tabled, *columns))
            there = f"there are {there}" if there else "they have none: give a --table with one"
            raise ParameterError(f"against {lost[0]!r:.40}: is no column of these scans: {there}")
        return measurement
    return None
