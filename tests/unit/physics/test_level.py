"""Parts of a pattern show the same object: what an object and a pattern become on a level, and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.fourier import diffraction, to_centre, to_corner, to_reciprocal
from cdi_ml_plugin.physics.level import Level, regrid
from cdi_ml_plugin.physics.moduli import HELD_OUT, Moduli
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPES = [(48, 40, 64), (45, 40, 63)]
CPU = torch.device("cpu")


def seen(shape: tuple[int, int, int], held_out: float = HELD_OUT) -> tuple[torch.Tensor, Moduli]:
    """An object in the scale of its moduli, a gap in them."""
    obj = strained_crystal(shape, np.eye(3), size=11, rng=np.random.default_rng(1), phase_range=3.0)
    intensity = np.random.default_rng(2).poisson(diffraction(obj) * 1e4).astype(np.float32)
    mask = np.zeros(shape, dtype=bool)
    mask[:, shape[1] // 2 + 4] = True
    data = Moduli.of(Measurement(intensity, mask), held_out, CPU)
    return torch.from_numpy(obj) * (100 / data.scale), data


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("stride", "share"), [((2, 1, 3), 1.0), ((1, 1, 1), 0.5), ((2, 2, 2), 0.6)]
)
def test_a_level_shows_the_transform_of_the_whole(
    shape: tuple[int, int, int], stride: tuple[int, int, int], share: float
) -> None:
    obj, data = seen(shape)
    level = Level.of(data, stride, share)
    whole = to_centre(to_reciprocal(to_corner(obj))) * data.scale
    here = level.down(obj, obj.abs() > 0)[0]
    part = to_centre(to_reciprocal(to_corner(here))) * level.data.scale
    places = [
        n // 2 + k * (torch.arange(m) - m // 2)
        for n, m, k in zip(shape, part.shape, stride, strict=True)
    ]
    within = [(p >= 0) & (p < n) for p, n in zip(places, shape, strict=True)]
    z, y, x = (p[w] for p, w in zip(places, within, strict=True))
    kept = part[within[0]][:, within[1]][:, :, within[2]]
    wanted = whole[z[:, None, None], y[:, None], x]
    # a crop in direct space leaves a little of a sharp object outside
    assert float((kept - wanted).norm() / wanted.norm()) < 0.03
    measured = to_centre(level.data.measured) * level.data.scale
    known = torch.ones(part.shape, dtype=torch.bool).flatten()
    known[level.data.masked] = False
    known = to_centre(known.reshape(part.shape))
    moduli = torch.zeros(part.shape)
    inside = torch.meshgrid(*within, indexing="ij")
    moduli[inside[0] & inside[1] & inside[2]] = (
        to_centre(data.measured)[z[:, None, None], y[:, None], x].flatten() * data.scale
    )
    torch.testing.assert_close(measured[known], moduli[known], rtol=1e-5, atol=1e-3)


def test_what_is_held_out_of_the_whole_is_held_out_of_its_part() -> None:
    _, data = seen(SHAPES[0])
    level = Level.of(data, (2, 2, 2), 1.0)
    hidden = torch.zeros(data.amplitude.numel(), dtype=torch.bool)
    hidden[data.held_out] = True
    hidden = to_centre(hidden.reshape(data.shape))[::2, ::2, ::2]
    here = torch.zeros(level.data.amplitude.numel(), dtype=torch.bool)
    here[level.data.held_out] = True
    assert torch.equal(to_centre(here.reshape(level.data.shape))[:24, :20, :32], hidden)
    assert not level.data.amplitude.flatten()[level.data.held_out].any()


def test_a_level_holds_some_out_where_the_whole_does_not() -> None:
    _, data = seen(SHAPES[0], 0.0)
    level = Level.of(data, (1, 1, 1), 1.0)
    known = data.amplitude.numel() - len(data.masked)
    assert len(level.data.held_out) == round(HELD_OUT * known)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 1, 2), (3, 2, 3)])
def test_down_and_up_again(shape: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
    obj, data = seen(shape)
    level = Level.of(data, stride, 1.0)
    support = obj.abs() > 0
    back, kept = level.up(*level.down(obj, support))
    assert float((back - obj).norm() / obj.norm()) < 0.03
    assert float((kept & support).sum() / support.sum()) > 0.95


def test_climbing_is_coming_from_the_whole() -> None:
    obj, data = seen(SHAPES[0])
    low, high = (Level.of(data, (2, 1, 2), share) for share in (0.6, 1.0))
    small, support = low.down(obj, obj.abs() > 0)
    there, _ = low.climb(small, support, high)
    again, _ = low.up(small, support)
    direct, _ = high.down(again, obj.abs() > 0)
    assert float((there - direct).norm() / direct.norm()) < 0.03


def test_a_support_keeps_its_place_on_another_grid() -> None:
    box = torch.zeros(20, 21, 30, dtype=torch.bool)
    box[8:13, 6:15, 10:21] = True
    finer = regrid(box, (40, 21, 45), (0.5, 1.0, 30 / 45))
    coarse = regrid(finer, box.shape, (2.0, 1.0, 1.5))
    assert torch.equal(coarse, box)


def test_power_beyond_the_part() -> None:
    _, data = seen(SHAPES[0])
    assert Level.of(data, (1, 1, 1), 1.0).beyond == pytest.approx(0, abs=1e-6)
    near, far = (Level.of(data, (1, 1, 1), share).beyond for share in (0.7, 0.4))
    assert 0 < near < far < 1
