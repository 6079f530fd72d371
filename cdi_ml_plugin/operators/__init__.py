"""The algorithms, and what they are made of.

Classes are imported when first used, so that listing them stays free of torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import OPEN as OPEN
    from .base import Chain as Chain
    from .base import Operator as Operator
    from .base import Repeat as Repeat
    from .base import Step as Step
    from .classical import DM as DM
    from .classical import ER as ER
    from .classical import HIO as HIO
    from .classical import RAAR as RAAR
    from .classical import SF as SF
    from .cnn import CNN as CNN
    from .likelihood import MLE as MLE
    from .refine import REFINE as REFINE
    from .support import ASW as ASW
    from .support import AUTO as AUTO
    from .support import SW as SW
    from .support import TWIN as TWIN

_HOME = {
    **dict.fromkeys(("OPEN", "Chain", "Operator", "Repeat", "Step"), "base"),
    **dict.fromkeys(("DM", "ER", "HIO", "RAAR", "SF"), "classical"),
    **dict.fromkeys(("ASW", "AUTO", "SW", "TWIN"), "support"),
    "CNN": "cnn",
    "MLE": "likelihood",
    "REFINE": "refine",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
