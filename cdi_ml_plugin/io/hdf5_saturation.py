"""From how many counts on a detector is no longer right, as HDF5 files say it."""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import numpy as np

from ..utils.inputs import printable
from .hdf5_links import Survey

# NeXus (NXdetector), and Dectris' detectorSpecific
LEVELS = ("saturation_value", "countrate_correction_count_cutoff")


def saturation_of(data: h5py.Dataset, survey: Survey, path: Path) -> tuple[float, str] | None:
    """The lowest such level of the entry that holds the data, else of the file, and its name; None without any.

    A level that is no single positive finite number says nothing.
    """
    datasets, _ = survey.datasets(path)
    levels = {}
    for name, node in datasets.items():
        if name.rpartition("/")[2] in LEVELS and node.size == 1 and node.dtype.kind in "iuf":
            level = float(np.ravel(node[()])[0])
            if 0 < level < math.inf:
                levels[name] = level
    entry = data.name.strip("/").partition("/")[0]
    same = {name: level for name, level in levels.items() if name.partition("/")[0] == entry}
    chosen = same or levels
    if not chosen:
        return None
    name = min(chosen, key=chosen.__getitem__)
    return chosen[name], printable(name)
