"""The bridge: runs this package's algorithms on the arrays of PyNX's ``CDI``.

PyNX has this package's sign, exp(−i…), and its orthonormal transform: Σ|object|² = Σ counts. All of its
arrays are corner-centred; here the object is centred.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pynx.cdi.cdi import CDI
from pynx.processing_unit import Backend, default_processing_unit

from ...data.measurement import Measurement
from ...errors import ParameterError
from ...fourier import to_centre, to_corner, to_reciprocal
from ...operators import registry
from ...operators.base import Operator, warn_if_undetermined
from ...physics.moduli import Moduli
from ...physics.projections import modulus
from ...physics.state import Seed, State
from ...utils.device import find_device
from ...version import __version__
from .. import options
from ..foreign import LOCK, seed_number
from ..log import log, log_turn

PREFIX = "CDI_ML_"  # of the environment's variables, before a key in capitals
DEVICE = "cdi_ml_device"
MASKED = -1e19  # and below: PyNX marks its masked voxels so
RANDOM = 0.5  # χ² above which an object that nothing has worked on counts as random phases
MARK = "_cdi_ml_seed"  # attribute of a CDI that holds its `Mark`


class Mark(NamedTuple):
    """What belongs to one run of PyNX: a new run has a new history."""

    history: Any
    seed: Seed


def bound(name: str, given: Mapping[str, Any]) -> Operator:
    """The algorithm with its parameters: those `given`, of the environment, or its defaults.

    Raises
    ------
    ParameterError
        An unknown parameter, or a value that cannot be.
    """
    algorithm = registry.load(name)
    known = [field.name for field in fields(algorithm)]
    for key in given:
        if key not in known:
            listed = f"it takes {', '.join(known)}" if known else "it takes none"
            raise ParameterError(f"{name}: unknown parameter {key!r}: {listed}")
    around = environment()
    keyed = {algorithm.keys[key]: value for key, value in given.items() if key in algorithm.keys}
    unkeyed = {key: value for key, value in given.items() if key not in algorithm.keys}
    where = f"environment ({PREFIX}…)"
    options.operators(around, (), (DEVICE,), where)  # whatever is spelled wrong there
    parameters = {**options.DEFAULTS, **around, **keyed}
    return algorithm(**unkeyed).bind(parameters)


def environment() -> dict[str, Any]:
    """Parameters of the environment: ``CDI_ML_CNN_WEIGHTS=…`` is ``cnn_weights``."""
    found: dict[str, Any] = {}
    for variable, text in os.environ.items():
        if variable.startswith(PREFIX):
            try:
                value = ast.literal_eval(text)
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                value = text  # without quotes
            key = variable.removeprefix(PREFIX).lower()
            found[DEVICE if key == "device" else key] = value
    return found


def act(cdi: CDI, name: str, count: int, given: Mapping[str, Any]) -> None:
    """Do `count` iterations of an algorithm on object and support of a ``CDI``.

    Raises
    ------
    ParameterError, WeightsError, MeasurementError
        A parameter, the weights or the data are not usable.
    """
    operator = bound(name, given)
    operator.check()
    count = count if operator.counts else 1
    arrays = Arrays(cdi, name)
    with LOCK, torch.no_grad():
        state = arrays.state(count)
        before = state.support.clone()
        operator.begin(state, arrays.data, count)
        first = cdi.cycle
        for _ in range(count):
            operator.step(state, arrays.data)
            cdi.update_history(mode="algorithm", algorithm=name, update_psf=False)
            cdi.cycle += 1
        operator.end(state, arrays.data)
        (seed,) = state.seeds
        if operator.makes_start:
            warn_if_undetermined(state, arrays.data, 0, 2 * int(state.support.sum()))
        seed.fresh = seed.fresh and not operator.counts
        arrays.write(state, before)
    place = f"cycle {first}" + (f" to {cdi.cycle - 1}" if count > 1 else "")
    figures = log_turn(name, place, seed)
    cdi.history.insert(cdi.cycle - 1, cdi_ml_plugin=__version__, **figures)


class Arrays:
    """The arrays of a ``CDI`` as this package has them.

    Raises
    ------
    ParameterError
        The object is in reciprocal space, of two dimensions, or finer than the data.
    MeasurementError
        The data cannot be phased.
    """

    def __init__(self, cdi: CDI, name: str) -> None:
        self.cdi = cdi
        self.object: NDArray[np.complex64] = cdi.get_obj()  # from the GPU, where it is there
        counts: NDArray[np.float32] = cdi.get_iobs()
        if counts.ndim != 3:
            raise ParameterError(
                f"{name} phases three dimensions, and these data have {counts.ndim}"
            )
        if not cdi.in_object_space():
            raise ParameterError(f"{name}: the object is in reciprocal space: put IFT() before it")
        if self.object.shape != counts.shape:
            raise ParameterError(
                f"{name}: the object has {self.object.shape} voxels, the data {counts.shape}: take "
                "upsample off before it"
            )
        if cdi._psf_f is not None:
            log(f"{name} leaves PyNX's point-spread function out of account")
        self.device = _device()
        self.data = moduli(counts, self.device)

    def state(self, count: int) -> State:
        """Object and support for so many iterations."""
        obj = to_centre(torch.from_numpy(self.object)).to(self.device)
        support = to_centre(torch.from_numpy(self.cdi.get_support() > 0)).to(self.device)
        return State(
            object=obj[None] / self.data.scale,
            support=support[None],
            seeds=[self._seed(obj, support)],
            iterations=count,
        )

    def _seed(self, obj: torch.Tensor, support: torch.Tensor) -> Seed:
        """Random numbers and what is known of the object, as long as PyNX's run lasts."""
        mark = getattr(self.cdi, MARK, None)
        worked_on = "algorithm" in self.cdi.history
        if mark is None or mark.history is not self.cdi.history:
            known = not worked_on and misfit(obj * support, self.data) < RANDOM
            seed = Seed.of(seed_number(self.object), known)
            mark = Mark(self.cdi.history, seed)
            setattr(self.cdi, MARK, mark)
        found: Seed = mark.seed
        found.fresh = found.fresh and not worked_on
        return found

    def write(self, state: State, before: torch.Tensor) -> None:
        """Give object and support to PyNX, which moves them to its GPU; the support only if changed."""
        obj = to_corner(state.object[0] * self.data.scale)
        self.cdi.set_obj(obj.cpu().numpy())
        if not torch.equal(before, state.support):
            self.cdi.set_support(to_corner(state.support[0]).cpu().numpy().astype(np.int8))
            self.cdi.history.insert(self.cdi.cycle - 1, support_size=self.cdi.nb_point_support)


def moduli(counts: NDArray[np.float32], device: torch.device) -> Moduli:
    """PyNX's data, corner-centred: masked voxels count for nothing, its free ones are held out.

    A free voxel holds −n − 1 in place of its n counts.
    """
    mask = counts <= MASKED
    free = ~mask & (counts < 0)
    known = np.where(free, -counts - 1, counts)
    measurement = Measurement(np.where(mask, 0, known).clip(0), mask)  # looks at the values
    return Moduli.build(
        torch.from_numpy(np.sqrt(measurement.intensity)).to(device),
        torch.from_numpy(mask).to(device),
        torch.from_numpy(free).to(device),
    )


def misfit(obj: torch.Tensor, data: Moduli) -> float:
    """χ² over the fitted voxels of an object (z, y, x) in whatever scale explains them best."""
    model = modulus(to_reciprocal(obj)[None])[0]
    if data.unfitted is not None:
        model = model * (1 - data.unfitted)
    overlap = torch.linalg.vecdot(model.flatten(), data.amplitude.flatten())
    return 1 - float(overlap.square() / (model.square().sum() * data.power))


def _device() -> torch.device:
    """Where the environment says, or else on a CPU as PyNX, or on the GPU that torch sees."""
    chosen = environment().get(DEVICE)
    if chosen is None and default_processing_unit.backend == Backend.CPU:
        chosen = "cpu"
    return find_device(chosen)
