"""What a SPEC file says of a scan, as the description that every reader gives."""

from __future__ import annotations

from ..data.scan import Scan
from ..geometry.spec import SpecScan

MONITOR, SECONDS = "Monitor", "Seconds"


def scan_of(about: SpecScan) -> Scan:
    """Describe the scan of a SPEC file; a counter that it has not is left out."""
    seconds = about.counters.get(SECONDS)
    where = f"{about.path}: scan {about.name}"
    sources = {"command": f"{where}, #S", about.motor: f"{where}, column {about.motor}"}
    if MONITOR in about.counters:
        sources["monitor"] = f"{where}, column {MONITOR}"
    if seconds is not None:
        sources["exposure"] = f"{where}, mean of column {SECONDS}"
    return Scan(
        name=about.name,
        command=about.command,
        motors={about.motor: about.positions.tolist()},
        monitor=about.counters[MONITOR].tolist() if MONITOR in about.counters else (),
        exposure=None if seconds is None else float(seconds.mean()),
        date=about.date,
        sources=sources,
    )
