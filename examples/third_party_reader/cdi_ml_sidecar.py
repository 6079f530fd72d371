"""Counts in a raw file and all else in a JSON file beside it, which cdi_ml_plugin cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.plugin import Measurement, Options, Reader, Scan


class Sidecar(Reader):
    """``scan.raw``, 32-bit counts, with its shape, motors and geometry in ``scan.json``."""

    reads = "raw counts (.raw) with a .json file beside them"
    takes = ("mask",)

    def can_read(self, path: Path) -> bool:
        return path.suffix == ".raw" and path.with_suffix(".json").is_file()

    def read(self, path: Path, options: Options) -> Measurement:
        beside = path.with_suffix(".json")
        try:
            said = json.loads(beside.read_text(encoding="utf-8"))
            counts = np.fromfile(path, dtype="<u4").reshape(said["shape"])
            eta = [said["eta"] + frame * said["step"] for frame in range(len(counts))]
            geometry = {
                "diffractometer": "sixcircle",
                "motor": "eta",
                "step": said["step"],  # degrees
                "energy": said["energy"],  # keV
                "distance": said["distance"],  # metres
                "detector": "mine",
                "pixel": (said["pixel"], said["pixel"]),
                "roi": (0, counts.shape[2], 0, counts.shape[1]),
                "beam_zero": (counts.shape[2] / 2, counts.shape[1] / 2),
                # the scanned circle is left out: its angle is that of the peak's frame
                **{name: said[name] for name in ("mu", "chi", "phi", "nu", "delta")},
            }
        except (ValueError, KeyError) as error:
            raise ReadError(
                f"{path}: it and {beside.name} do not fit ({error}): copy both again"
            ) from error
        scan = Scan(
            name=path.stem,
            command=said.get("command", ""),
            motors={"eta": eta},
            sources={name: f"{beside}: {name}" for name in ("eta", "energy", "distance", "delta")},
        )
        mask = options.excluded()
        return Measurement(
            counts,
            None if mask is None else np.broadcast_to(mask, counts.shape),
            {
                "source": str(path),
                "format": "raw with JSON",
                "acquisition": scan.plain(),
                "geometry": geometry,
            },
        )
