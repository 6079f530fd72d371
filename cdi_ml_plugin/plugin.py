"""What authors of plugins import: the base of an algorithm, what it works on, and its contract.

An algorithm is an `Operator`, made known by the entry points ``cdi_ml_plugin.algorithms``; a loss of
`REFINE` is a function `Loss`, made known by ``cdi_ml_plugin.losses``; a network is a `Network`, or a
`Polar` one, which returns amplitude and phase, made known by ``cdi_ml_plugin.networks``; a reader of
measured data is a `Reader`, made known by ``cdi_ml_plugin.readers``, which makes a `Measurement`
with a `Scan` in its provenance.
"""

from __future__ import annotations

from .data.measurement import Measurement as Measurement
from .data.scan import Scan as Scan
from .io.contract import check_reader as check_reader
from .io.reader import BEAMLINE as BEAMLINE
from .io.reader import CONTAINER as CONTAINER
from .io.reader import PROGRAM as PROGRAM
from .io.reader import Options as Options
from .io.reader import Reader as Reader
from .nn.contract import check_network as check_network
from .nn.fit_losses import Loss as Loss
from .nn.network import Given as Given
from .nn.network import Network as Network
from .nn.network import Polar as Polar
from .operators.base import OPEN as OPEN
from .operators.base import Operator as Operator
from .operators.base import whole as whole
from .operators.base import within as within
from .operators.contract import check_loss as check_loss
from .operators.contract import check_operator as check_operator
from .physics.moduli import Moduli as Moduli
from .physics.projections import blur as blur
from .physics.projections import modulus as modulus
from .physics.projections import project_modulus as project_modulus
from .physics.state import Seed as Seed
from .physics.state import State as State

__all__ = [
    "BEAMLINE",
    "CONTAINER",
    "OPEN",
    "PROGRAM",
    "Given",
    "Loss",
    "Measurement",
    "Moduli",
    "Network",
    "Operator",
    "Options",
    "Polar",
    "Reader",
    "Scan",
    "Seed",
    "State",
    "blur",
    "check_loss",
    "check_network",
    "check_operator",
    "check_reader",
    "modulus",
    "project_modulus",
    "whole",
    "within",
]
