"""Neural-network phasing for Bragg coherent diffraction imaging, beside ER, HIO and RAAR.

What scripts import is here; what authors of plugins import is in `cdi_ml_plugin.plugin`.
"""

from .version import __version__ as __version__

# Where each name lives. It is imported when first used, so that `import cdi_ml_plugin` stays free of
# torch; `__init__.pyi` says the same to a type checker.
_HOME = {
    "Comparison": "comparison.comparison",
    "Crystal": "crystal.crystal",
    "Geometry": "geometry.geometry",
    "Inspection": "data.inspect",
    "Measurement": "data.measurement",
    "Recipe": "workflow.series.recipe",
    "Result": "data.result",
    "Run": "data.result",
    "Wanted": "utils.workers.wanted",
    "agreement_of": "crystal.runs",
    "align": "physics.alignment",
    "analyse": "crystal.analysis",
    "compare": "comparison.run",
    "crystal_of": "crystal.of_result",
    "diffraction": "fourier",
    "inspect": "data.inspect",
    "load": "io.readers",
    "object_error": "physics.alignment",
    "prepare": "data.prepare",
    "read_result": "io.cxi.reader",
    "reconstruct": "engine.run",
    "save": "workflow.save",
    "save_comparison": "workflow.save",
    "series": "workflow.series.run",
    "ASW": "operators.support",
    "AUTO": "operators.support",
    "CHIO": "operators.classical",
    "CNN": "operators.cnn",
    "DM": "operators.classical",
    "ER": "operators.classical",
    "HIO": "operators.classical",
    "LRAAR": "operators.classical",
    "MLE": "operators.likelihood",
    "RAAR": "operators.classical",
    "REFINE": "operators.refine",
    "SEARCH": "operators.search",
    "SF": "operators.classical",
    "SW": "operators.support",
    "TWIN": "operators.support",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
