"""Files of SOLEIL's SIXS and CRISTAL: one scan of eight frames, with values that are arrays of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from support import bliss

FRAMES = bliss.FRAMES
ANGLES = 18.0 + 0.01 * np.arange(FRAMES)
MAXIPIX, MERLIN = (516, 516), (515, 515)
FLAT = {"mu-med-h": 18.0, "gamma-med-h": 20.0, "delta-med-h": 27.0, "diff-med-tpp": 0.4}


def counts(shape: tuple[int, int] = MAXIPIX) -> np.ndarray:
    """Those of support.bliss, on a detector of that size."""
    return bliss.counts()[:, : shape[0], : shape[1]].astype(np.uint16)


def _write(path: Path, entry: str, values: dict[str, Any], titles: dict[str, str]) -> Path:
    with h5py.File(path, "a") as file:
        group = file.create_group(entry)
        for key, value in values.items():
            if value is not None:
                group[key] = value if isinstance(value, bytes) else np.atleast_1d(value)
        for key, title in titles.items():
            if f"scan_data/{key}" in group:
                group[f"scan_data/{key}"].attrs["long_name"] = title.encode()
    return path


def sixs(path: Path, entry: str = "com", **changed: Any) -> Path:
    """A scan of mu of an upright sample, in the manner of 2022; `changed` are keys, None leaves one out."""
    group = "SIXS/i14-c-cx1-ex-med-v-dif-group.1"
    values = {
        **{f"{group}/{name}/position": at for name, at in
           {"mu": 18.0, "omega": 12.0, "gamma": 37.0, "delta": 1.5}.items()},
        "SIXS/i14-c-c02-op-mono/energy": 8.5,
        "SIXS/i14-c-c00-ex-config-publisher/integration_time": 0.5,
        "start_time": b"2022-06-20T12:00:00",
        "scan_config/name": b"ascan_mu",
        "scan_data/actuator_1_1": ANGLES,
        "scan_data/data_03": 1.0 + np.arange(FRAMES),
        "scan_data/data_09": counts() if "scan_data/data_09" not in changed else None,
        **changed,
    }  # fmt: skip
    titles = {
        "actuator_1_1": "i14-c-cx1/ex/mu-med-v/position",
        "data_03": "i14-c-c03/dt/mi_diode.1/intensity",
        "data_09": "i14-c-c00/dt/maxipix.det/image",
    }
    return _write(path, entry, values, titles)


def flat(path: Path, titled: bool = True, **changed: Any) -> Path:
    """A scan of mu of a sample that lies flat, in the manner of 2019, on a Merlin."""
    values = {
        **{f"SIXS/i14-c-cx1-ex-{name}/position_pre": at for name, at in FLAT.items()},
        "SIXS/i14-c-c02-op-mono/energy": 8.5,
        "scan_data/data_07": ANGLES,
        "scan_data/data_12": counts(MERLIN),
        **changed,
    }
    titles = {
        "data_07": "i14-c-cx1/ex/med-h-dif-group.1/mu",
        "data_12": "i14-c-c00/dt/merlin-quad/image",
    }
    return _write(path, "com", values, titles if titled else {})


def cristal(path: Path, scan: int = 12, **changed: Any) -> Path:
    """A scan of omega, in groups of lower case as cdiutils has them."""
    values = {
        "CRISTAL/i06-c-c07-ex-mg_omega/position": 18.0,
        "CRISTAL/i06-c-c07-ex-mg_phi/position": 25.0,
        "CRISTAL/Diffractometer/i06-c-c07-ex-dif-gamma/position": 5.0,
        "CRISTAL/Diffractometer/i06-c-c07-ex-dif-delta/position": 36.0,
        "CRISTAL/Monochromator/energy": 8.5,
        "scan_config/name": b"ascan_mgomega",
        "scan_data/actuator_1_1": ANGLES,
        "scan_data/data_04": 1.0 + np.arange(FRAMES),
        "scan_data/data_05": counts() if "scan_data/data_05" not in changed else None,
        **changed,
    }
    return _write(path, f"exp_{scan:04d}", values, {})
