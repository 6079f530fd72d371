"""Neural-network phasing for Bragg coherent diffraction imaging, beside ER, HIO and RAAR."""

from .version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .data.measurement import Measurement as Measurement
    from .data.result import Result as Result
    from .data.result import Run as Run
    from .engine.run import reconstruct as reconstruct
    from .geometry.geometry import Geometry as Geometry
    from .operators import ASW, AUTO, CNN, DM, ER, HIO, MLE, RAAR, REFINE, SF, SW, TWIN

# Names are imported when first used, so that `import cdi_ml_plugin` stays free of torch.
_HOME = {
    "Geometry": "geometry.geometry",
    "Measurement": "data.measurement",
    "Result": "data.result",
    "Run": "data.result",
    "reconstruct": "engine.run",
    **dict.fromkeys(
        ("ASW", "AUTO", "CNN", "DM", "ER", "HIO", "MLE", "RAAR", "REFINE", "SF", "SW", "TWIN"),
        "operators",
    ),
}
__all__ = [
    "ASW",
    "AUTO",
    "CNN",
    "DM",
    "ER",
    "HIO",
    "MLE",
    "RAAR",
    "REFINE",
    "SF",
    "SW",
    "TWIN",
    "Geometry",
    "Measurement",
    "Result",
    "Run",
    "reconstruct",
]


def __getattr__(name: str) -> "Any":
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
