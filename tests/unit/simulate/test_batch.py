"""Training particles: what is drawn, and what its pattern is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import pad

from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.fourier import to_centre, to_corner, to_reciprocal
from cdi_ml_plugin.simulate import batch as module
from cdi_ml_plugin.simulate.batch import FAMILIES, FILL, PAPER, Batch, Particles
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
    gauge = module._superellipsoids(5, generator)
    again = torch.Generator().manual_seed(3)
    semi_axes = module._uniform((5, 3, 1), 0.5, 1.0, again)[..., 0].tolist()
    e, n = module._uniform((2, 5, 1), 0.3, 1.5, again)[..., 0].tolist()
    points = module._grid(100, torch.device("cpu")) * 0.022
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


def test_patterns_are_centred_whatever_the_strain() -> None:
    drawn = draw(16, families=("faceted", "oversampling"), phase=(6.0, 10.0))
    angle = 2 * torch.pi * (torch.arange(32) - 16) / 32
    for modulus in drawn.modulus.square():
        for axis in range(3):
            line = modulus.sum([a for a in range(3) if a != axis])
            mean = (line * torch.polar(torch.ones(32), angle)).sum().angle() * 32 / (2 * torch.pi)
            assert abs(float(mean)) < 1


def test_fine_drawing_cuts_the_transform_as_a_detector_does() -> None:
    drawn = draw(6, families=("faceted",))
    relative = (modulus_of(drawn) - drawn.modulus).norm() / drawn.modulus.norm()
    assert float(relative) < 0.15  # what the cut leaves outside the object's cube
    assert float(relative) > 1e-4


def test_counts_are_poisson() -> None:
    clean = draw(1, families=("superellipsoid",), seed=5)
    intensity = clean.modulus.square()
    counts = 1e6
    draws = torch.stack(
        [
            torch.poisson(
                intensity * counts / intensity.sum(), generator=torch.Generator().manual_seed(s)
            )
            for s in range(40)
        ]
    )
    assert float(draws.sum((1, 2, 3, 4)).mean()) == pytest.approx(counts, rel=1e-3)
    noisy = draw(32, families=("superellipsoid", "noise"), seed=5).modulus.square()
    scale = [1 / float(one[one > 0].min()) for one in noisy]
    for one, photons in zip(noisy, scale, strict=True):
        whole = one.double() * photons  # the dimmest voxel holds one count, all hold whole ones
        dim = whole[whole < 1000]
        torch.testing.assert_close(dim, dim.round(), rtol=0, atol=0.02)
    total = torch.tensor(scale) * noisy.sum((1, 2, 3))
    assert float(total.log10().min()) >= 5.4
    assert float(total.log10().max()) <= 9.1
    assert float(total.log10().max() - total.log10().min()) > 2


def test_gaps_and_range_hide_voxels_and_no_count_is_left_there() -> None:
    plain = draw(20, families=("faceted", "noise"))
    assert bool(plain.known.all())
    gaps = draw(20, families=("faceted", "gaps"))
    share = (~gaps.known).float().mean((1, 2, 3))
    assert 0 < int((share > 0).sum()) < 20
    assert float(share.max()) < 0.3
    limited = draw(20, families=("faceted", "range"))
    for drawn in (gaps, limited):
        assert bool((drawn.modulus[~drawn.known] == 0).all())
        assert bool(drawn.known[:, 16, 16, 16].all())


def test_partial_coherence_fills_the_minima_and_keeps_the_counts() -> None:
    sharp = draw(12, families=("faceted",), seed=2).modulus.square()
    blurred = draw(12, families=("faceted", "coherence"), seed=2).modulus.square()
    torch.testing.assert_close(blurred.sum((1, 2, 3)), sharp.sum((1, 2, 3)), rtol=1e-2, atol=0)
    brightest = blurred.amax((1, 2, 3)) / sharp.amax((1, 2, 3))
    touched = brightest < 0.995
    assert 1 <= int(touched.sum()) <= 10  # four in ten
    assert bool((brightest < 1 + 1e-4).all())
    dimmest = [one.flatten(1).quantile(0.05, dim=1) for one in (blurred, sharp)]
    assert bool((dimmest[0][touched] > 1.05 * dimmest[1][touched]).all())


def test_a_dislocation_winds_once() -> None:
    points = module._grid(24, torch.device("cpu"))[None].expand(200, -1, -1)
    phase = module._dislocations(
        points, torch.zeros(200, 3), torch.full((200, 3), 6.0), torch.Generator().manual_seed(1)
    )
    flat = (phase == 0).all(1)
    assert 100 < int(flat.sum()) < 190
    cube = torch.polar(torch.ones(()), phase[~flat].reshape(-1, 24, 24, 24))
    edge = [(0, i) for i in range(23)] + [(i, 23) for i in range(23)]
    edge += [(23, 23 - i) for i in range(23)] + [(23 - i, 0) for i in range(24)]
    rows, columns = (torch.tensor(x) for x in zip(*edge, strict=True))
    for axis in range(1, 4):
        middle = cube.select(axis, 12)
        around = middle[:, rows, columns]
        turns = (around[:, 1:] * around[:, :-1].conj()).angle().sum(1) / (2 * np.pi)
        torch.testing.assert_close(turns, turns.round(), rtol=0, atol=1e-3)
        assert float(turns.abs().max()) <= 1.001


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
    field = module._smooth_noise(size, lengths, torch.Generator().manual_seed(0))
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
