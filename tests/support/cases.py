"""Random crystals on random arrays, with a mask and held-out voxels; the classical algorithms."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st

from cdi_ml_plugin import DM, ER, HIO, LRAAR, RAAR, SF, Measurement
from cdi_ml_plugin.operators.base import Operator
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.physics.state import Seed, State

CPU = torch.device("cpu")
CLASSICAL = [ER(), HIO(beta=0.9), RAAR(beta=0.45), LRAAR(beta=0.9), SF(), DM(beta=1), DM(beta=0.7)]
IDS = [str(operator) for operator in CLASSICAL]
SHAPES = st.tuples(*[st.integers(6, 14)] * 3)


class Case:
    """A random crystal on a random array, with a mask and held-out voxels, in double precision."""

    def __init__(self, seed: int, shape: tuple[int, int, int] = (10, 12, 11), holes: bool = True):
        rng = np.random.default_rng(seed)
        self.support = np.zeros(shape, dtype=bool)
        self.support[tuple(slice(n // 4, n // 4 + n // 2) for n in shape)] = True
        self.support &= rng.random(shape) < 0.9
        self.crystal = rng.uniform(0.5, 1, shape) * np.exp(1j * rng.uniform(-1, 1, shape))
        self.crystal[~self.support] = 0
        intensity = np.abs(np.fft.fftshift(np.fft.fftn(self.crystal, norm="ortho"))) ** 2
        mask = (rng.random(shape) < 0.1) if holes else None
        self.measurement = Measurement(intensity, mask)
        self.data = Moduli.of(self.measurement, 0.05 if holes else 0, CPU, torch.float64)
        self.start = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    def state(self, obj: np.ndarray, support: np.ndarray | None = None) -> State:
        """A batch of one, in the scale of the data."""
        chosen = self.support if support is None else support
        return State(
            object=torch.from_numpy(obj)[None] / self.data.scale,
            support=torch.from_numpy(chosen.copy())[None],
            seeds=[Seed.of(0)],
        )

    def after(
        self, operator: Operator, obj: np.ndarray, times: int = 1, support: np.ndarray | None = None
    ) -> tuple[np.ndarray, State]:
        """The object after some iterations of an operator."""
        state = self.state(obj, support)
        for _ in range(times):
            operator.step(state, self.data)
        return state.object[0].numpy() * self.data.scale, state


cases = st.builds(Case, st.integers(0, 999), SHAPES, st.booleans())
lawful = settings(max_examples=15, deadline=None, derandomize=True)
