from .comparison.comparison import Comparison as Comparison
from .comparison.run import compare as compare
from .crystal.analysis import analyse as analyse
from .crystal.crystal import Crystal as Crystal
from .crystal.of_result import crystal_of as crystal_of
from .crystal.runs import agreement_of as agreement_of
from .data.inspect import Inspection as Inspection
from .data.inspect import inspect as inspect
from .data.measurement import Measurement as Measurement
from .data.prepare import prepare as prepare
from .data.result import Result as Result
from .data.result import Run as Run
from .engine.run import reconstruct as reconstruct
from .fourier import diffraction as diffraction
from .geometry.geometry import Geometry as Geometry
from .io.cxi.reader import read_result as read_result
from .io.readers import load as load
from .operators.classical import CHIO as CHIO
from .operators.classical import DM as DM
from .operators.classical import ER as ER
from .operators.classical import HIO as HIO
from .operators.classical import LRAAR as LRAAR
from .operators.classical import RAAR as RAAR
from .operators.classical import SF as SF
from .operators.cnn import CNN as CNN
from .operators.likelihood import MLE as MLE
from .operators.refine import REFINE as REFINE
from .operators.search import SEARCH as SEARCH
from .operators.support import ASW as ASW
from .operators.support import AUTO as AUTO
from .operators.support import SW as SW
from .operators.support import TWIN as TWIN
from .physics.alignment import align as align
from .physics.alignment import object_error as object_error
from .utils.workers.wanted import Wanted as Wanted
from .version import __version__ as __version__
from .workflow.save import save as save
from .workflow.save import save_comparison as save_comparison
from .workflow.series.recipe import Recipe as Recipe
from .workflow.series.run import series as series

__all__ = [
    "ASW",
    "AUTO",
    "CHIO",
    "CNN",
    "DM",
    "ER",
    "HIO",
    "LRAAR",
    "MLE",
    "RAAR",
    "REFINE",
    "SEARCH",
    "SF",
    "SW",
    "TWIN",
    "Comparison",
    "Crystal",
    "Geometry",
    "Inspection",
    "Measurement",
    "Recipe",
    "Result",
    "Run",
    "Wanted",
    "agreement_of",
    "align",
    "analyse",
    "compare",
    "crystal_of",
    "diffraction",
    "inspect",
    "load",
    "object_error",
    "prepare",
    "read_result",
    "reconstruct",
    "save",
    "save_comparison",
    "series",
]
