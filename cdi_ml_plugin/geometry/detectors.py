"""Area detectors as data: adding one is adding a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Region = tuple[slice, slice]  # rows, columns of a detector
Span = tuple[int, int]  # first, and one behind the last


@dataclass(frozen=True)
class Detector:
    """Pixels of an area detector.

    Attributes
    ----------
    size : (columns, rows)
    pixel : float
        Edge of a pixel in metres.
    beam_zero : (column, row) or None
        Pixel hit by the direct beam at zero angles, seam included: at the APS the nominal one. None: the middle,
        where nothing better is known.
    seam : (columns, rows)
        Pixels missing between the chips, at pixel `seam_start`.
    dead : (rows, columns) or None
        Pixels of the whole detector that never count right.
    gaps : tuple of (rows, columns)
        Pixels between the chips, in frames that hold them already, those at the edges, which are wider, and
        others that never count right.
    """

    size: tuple[int, int]
    pixel: float
    beam_zero: tuple[float, float] | None = None
    seam: tuple[int, int] = (0, 0)
    seam_start: int = 0
    dead: Region | None = None
    gaps: tuple[Region, ...] = ()


_EVERY = slice(None)


def _lines(rows: Iterable[Span] = (), columns: Iterable[Span] = ()) -> tuple[Region, ...]:
    """Gaps that run through the whole detector."""
    across = ((slice(*span), _EVERY) for span in rows)
    return (*across, *((_EVERY, slice(*span)) for span in columns))


def _edges(columns: int, rows: int) -> tuple[Region, ...]:
    return _lines([(0, 1), (rows - 1, rows)], [(0, 1), (columns - 1, columns)])


# Seam and dead pixels of 34-ID-C are those of cohere_beamlines 4.5.6, which also has the other detectors of the
# APS; gaps are those of bcdi 0.2.3 and of cdiutils 0.2.1, `Loader.get_mask`.
_MAXIPIX = Detector((516, 516), 55e-6, gaps=_lines([(255, 261)], [(255, 261)]))
_EIGER_2M = Detector(
    (1030, 2164),
    75e-6,
    gaps=(
        *_lines(
            [
                (255, 259),
                (511, 552),
                (804, 809),
                (1061, 1102),
                (1355, 1359),
                (1611, 1652),
                (1905, 1909),
            ],
            [(255, 259), (513, 517), (771, 775)],
        ),
        (slice(0, 257), slice(72, 80)),  # not gaps: pixels that do not count
        (slice(1248, 1290), slice(478, 479)),
        (slice(1214, 1298), slice(481, 482)),
        (slice(1649, 1910), slice(620, 628)),
    ),
)
_EIGER_4M = Detector(
    (2070, 2167),
    75e-6,
    gaps=(*_lines([(513, 552), (1064, 1103), (1615, 1654)], [(1029, 1041)]), *_edges(2070, 2167)),
)
_EIGER_9M = Detector(
    (3108, 3262),
    75e-6,
    gaps=(
        *_lines(
            [(512, 550), (1062, 1100), (1612, 1650), (2162, 2200), (2712, 2750)],
            [(513, 515), (1028, 1040), (1553, 1555), (2068, 2080), (2593, 2595)],
        ),
        *_edges(3108, 3262),
    ),
)
_EIGER_500K = Detector((1028, 512), 75e-6)
_MEDIPIX = Detector((512, 512), 55e-6, (256.0, 256.0))
_BSE = Detector((4096, 4096), 7.8e-6, (2048.0, 2048.0))
DETECTORS: dict[str, Detector] = {
    "34idcTIM1": Detector((256, 256), 55e-6),
    "34idcTIM2": Detector(
        (512, 512),
        55e-6,
        (260.0, 261.0),
        seam=(4, 5),
        seam_start=256,
        dead=(slice(0, 255), slice(255, 257)),
    ),
    "maxipix": _MAXIPIX,
    "mpxgaas": _MAXIPIX,
    "mpx4inr": _MAXIPIX,
    "mpx1x4": _MAXIPIX,
    "merlin": Detector((515, 515), 55e-6, gaps=_lines([(255, 260)], [(255, 260)])),
    "merlin512": Detector((512, 512), 55e-6),
    "eiger500k": _EIGER_500K,
    "e2500": _EIGER_500K,
    "eiger2m": _EIGER_2M,
    "eiger4m": _EIGER_4M,
    "e4m": _EIGER_4M,
    "eiger9m": _EIGER_9M,
    "s28eiger2-si": Detector((1028, 512), 75e-6, (440.0, 292.0)),
    "7iddrobot": Detector((1062, 1028), 75e-6, (531.0, 514.0)),
    "1ideASI": Detector((518, 518), 55e-6, (259.0, 259.0)),
    "1ideBSE": _BSE,
    "20ideASI": _MEDIPIX,
    "20ideLambda": _MEDIPIX,
    "20ideBSE": _BSE,
}


def detector_key(name: str, station: str) -> str:
    """Key in `DETECTORS` of what a station calls its detector: that name, or with the station's before it."""
    wanted = (name.lower(), f"{station}{name}".lower())
    return next((key for key in DETECTORS if key.lower() in wanted), name) if name else ""


def gaps(detector: str, rows: int, columns: int) -> tuple[Region, ...]:
    """Pixels that never count right, in frames of the whole detector; none of another size or detector."""
    known = DETECTORS.get(detector)
    return known.gaps if known and (columns, rows) == known.size else ()


def off_detector(roi: Sequence[float], detector: Detector | None) -> str:
    """Why a region cannot be read out, in words; empty where it can.

    Parameters
    ----------
    roi : (first column, columns, first row, rows)
    detector : Detector or None
        None where it is not known: any size is taken then.
    """
    for first, count, axis in ((roi[0], roi[1], 0), (roi[2], roi[3], 1)):
        what = ("columns", "rows")[axis]
        if first < 0 or count < 1:
            return f"begins at {first} and has {count} {what}"
        if detector is not None and first + count > detector.size[axis]:
            return f"has {what} {first} to {first + count}, and the detector only {detector.size[axis]}"
    return ""
