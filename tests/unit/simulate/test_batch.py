"""Training particles: what is drawn, and what its pattern is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import pad

from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.fourier import to_centre, to_corner, to_reciprocal
from cdi_ml_plugin.simulate import bodies, chance, defects
from cdi_ml_plugin.simulate.batch import FAMILIES, FILL, OFF_CENTRE, PAPER, Batch, Particles
from cdi_ml_plugin.simulate.particle import superellipsoid_volume


def draw(count: int, *, seed: int = 0, **given: object) -> Batch:
    return Particles(**given).draw(count, torch.Generator().manual_seed(seed))  # type: ignore[arg-type]


def modulus_of(drawn: Batch) -> torch.Tensor:
    """√I from the object, by the transform alone."""
    margin = drawn.object.shape[-1] // 2
    return to_centre(to_reciprocal(to_corner(pad(drawn.object, [margin] * 6)))).abs()


def test_paper_particles_are_exactly_the_spec() -> None:
    drawn = draw(4, field=32, families=PAPER, phase=(1.0, 1.0), fine=1)
    assert bool(drawn.known.all())
    torch.testing.assert_close(drawn.modulus, modulus_of(drawn), rtol=1e-4, atol=1e-4)
    for obj in drawn.object:
        inside = obj.abs() > 0.5
        phase = obj.angle()[inside]
        # scaled and shifted to [0, 1], and the whole of it
        assert float(phase.min()) == pytest.approx(0, abs=0.02)
        assert float(phase.max()) == pytest.approx(1, abs=0.02)
        assert float(obj.abs().max()) == pytest.approx(1)
        assert bool((obj[0] == 0).all())


def test_superellipsoids_have_the_volume_of_the_formula() -> None:
    generator = torch.Generator().manual_seed(3)
    gauge = bodies.superellipsoids(5, generator)
    again = torch.Generator().manual_seed(3)
    semi_axes = chance.uniform((5, 3, 1), 0.5, 1.0, again)[..., 0].tolist()
    e, n = chance.uniform((2, 5, 1), 0.3, 1.5, again)[..., 0].tolist()
    points = chance.grid(100, torch.device("cpu")) * 0.022
    inside = gauge(points.expand(5, -1, -1)) <= 1
    for index in range(5):
        a, b, c = semi_axes[index]
        exact = superellipsoid_volume((a, b, c), e[index], n[index])
        assert float(inside[index].sum()) * 0.022**3 == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("shape", ["superellipsoid", "faceted"])
def test_particles_fill_their_share_and_lie_in_the_middle(shape: str) -> None:
    drawn = draw(24, families=(shape, "oversampling"), phase=(0.0, 3.0))
    half = drawn.object.shape[-1]
    for obj in drawn.object:
        inside = obj.abs() > 0.4
        for axis in range(3):
            line = inside.any(dim=tuple(a for a in range(3) if a != axis))
            assert FILL[0] * half - 2.5 <= int(line.sum()) <= FILL[1] * half + 2
        place = torch.stack([p.float().mean() for p in inside.nonzero(as_tuple=True)])
        assert float((place - half // 2).abs().max()) < 1.0


def centres(drawn: Batch) -> torch.Tensor:
    """Circular mean of each pattern along each axis, in voxels from its centre, (batch, 3)."""
    turn = torch.polar(torch.ones(32), 2 * torch.pi * (torch.arange(32) - 16) / 32)
    found = []
    for axis in (1, 2, 3):
        line = drawn.modulus.square().sum([other for other in (1, 2, 3) if other != axis])
        found.append((line * turn).sum(1).angle() * 32 / (2 * torch.pi))
    return torch.stack(found, 1)


def test_patterns_are_centred_whatever_the_strain() -> None:
    drawn = draw(16, families=("faceted", "oversampling"), phase=(6.0, 10.0))
    assert float(centres(drawn).abs().max()) < 1


def test_half_of_the_peaks_are_a_little_off_the_centre() -> None:
    drawn = draw(60, families=("superellipsoid", "off_centre"), phase=(0.0, 0.5))
    away = centres(drawn).abs().amax(1)
    assert 15 < int((away > 0.05).sum()) < 45
    assert 0.8 * OFF_CENTRE < float(away.max()) < 1.1 * OFF_CENTRE
    # the object has the ramp that belongs to it
    relative = (modulus_of(drawn) - drawn.modulus).norm() / drawn.modulus.norm()
    assert float(relative) < 0.15


def test_fine_drawing_cuts_the_transform_as_a_detector_does() -> None:
    drawn = draw(6, families=("faceted",))
    relative = (modulus_of(drawn) - drawn.modulus).norm() / drawn.modulus.norm()
    assert float(relative) < 0.15  # what the cut leaves outside the object's cube
    assert float(relative) > 1e-4


def test_the_skin_has_the_phase_of_what_is_below_it() -> None:
    drawn = draw(8, families=("faceted",), phase=(8.0, 8.0), fine=1, field=64)
    size = drawn.object.abs()
    found = []
    for axis in (1, 2, 3):
        for shift in (-1, 1):
            below = drawn.object.roll(shift, axis)
            skin = (size > 0.05) & (size < 0.45) & (below.abs() > 0.9)
            found.append((drawn.object[skin] * below[skin].conj()).angle())
    steps = torch.cat(found)
    assert len(steps) > 500
    assert float(steps.abs().median()) < 0.4  # a step of a voxel, where 0 for all would give 1.5


def test_strain_is_not_periodic() -> None:
    size, length = 32, 6.0
    lengths = torch.full((300, 3), length)
    field = defects.smooth_noise(size, lengths, torch.Generator().manual_seed(0))
    for lag in (4, 12, 24):
        one, other = field[:, :, :, : size - lag], field[:, :, :, lag:]
        correlation = float(
            (one * other).mean() / (one.square().mean() * other.square().mean()) ** 0.5
        )
        assert correlation == pytest.approx(np.exp(-(lag**2) / (4 * length**2)), abs=0.06)


def test_the_same_seed_draws_the_same() -> None:
    one, again, other = draw(2, seed=4), draw(2, seed=4), draw(2, seed=5)
    torch.testing.assert_close(one.modulus, again.modulus, rtol=0, atol=0)
    assert not torch.equal(one.modulus, other.modulus)


@pytest.mark.parametrize(
    "given",
    [
        {"families": ("noise",)},
        {"families": ("cube",)},
        {"families": ()},
        {"phase": (3.0, 1.0)},
        {"phase": (-1.0, 1.0)},
        {"field": 33},
        {"field": 4},
        {"fine": 0},
        {"field": 10},
        {"fill": (0.0, 0.5)},
        {"fill": (0.5, 1.2)},
    ],
)
def test_wrong_particles_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        Particles(**given)  # type: ignore[arg-type]


def test_every_family_is_named() -> None:
    assert set(PAPER) < set(FAMILIES)
    assert Particles().families == FAMILIES
