"""The layouts by their names: adding one is adding a row."""

from __future__ import annotations

from .aps_34idc import Frames34IDC
from .esrf_bliss import Bliss
from .layout import Layout
from .maxiv_nanomax import NanoMAX
from .petra_p10 import P10

LAYOUTS: dict[str, type[Layout]] = {
    "34idc": Frames34IDC,
    "bliss": Bliss,
    "p10": P10,
    "nanomax": NanoMAX,
}
