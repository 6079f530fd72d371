"""The layouts by their names: adding one is adding a row."""

from __future__ import annotations

from .aps_20ide import File20IDE
from .aps_34idc import Frames34IDC
from .aps_spec import CHEX, Frames1IDE, Frames7IDD
from .diamond_i16 import I16
from .esrf_bliss import Bliss
from .esrf_spec import Edf
from .layout import Layout
from .maxiv_nanomax import NanoMAX
from .petra_p10 import P10
from .soleil import Cristal, Sixs

LAYOUTS: dict[str, type[Layout]] = {
    "34idc": Frames34IDC,
    "chex": CHEX,
    "7idd": Frames7IDD,
    "1ide": Frames1IDE,
    "20ide": File20IDE,
    "bliss": Bliss,
    "edf": Edf,
    "i16": I16,
    "sixs": Sixs,
    "cristal": Cristal,
    "p10": P10,
    "nanomax": NanoMAX,
}
