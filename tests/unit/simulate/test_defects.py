"""What is inside training particles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cdi_ml_plugin.simulate import bodies, chance, defects

SIZE = 24


def numbers(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blank(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Amplitude 1, phase 0, and the points of a cube two half extents wide."""
    place = chance.grid(SIZE, torch.device("cpu"))[None].expand(count, -1, -1) / (SIZE / 2)
    return torch.ones(count, SIZE**3), torch.zeros(count, SIZE**3), place


def touched(field: torch.Tensor, rest: float) -> torch.Tensor:
    return (field - rest).abs().amax(1) > 1e-6


def test_a_dislocation_winds_once() -> None:
    amplitude, phase, place = blank(200)
    defects.dislocate(amplitude, phase, place, numbers())
    some = touched(phase, 0)
    assert 10 < int(some.sum()) < 100
    cube = torch.polar(torch.ones(()), phase[some].reshape(-1, SIZE, SIZE, SIZE))
    last = SIZE - 1
    edge = [(0, i) for i in range(last)] + [(i, last) for i in range(last)]
    edge += [(last, last - i) for i in range(last)] + [(last - i, 0) for i in range(last + 1)]
    rows, columns = (torch.tensor(x) for x in zip(*edge, strict=True))
    for axis in range(1, 4):
        around = cube.select(axis, SIZE // 2)[:, rows, columns]
        turns = (around[:, 1:] * around[:, :-1].conj()).angle().sum(1) / (2 * np.pi)
        torch.testing.assert_close(turns, turns.round(), rtol=0, atol=1e-3)
        assert float(turns.abs().max()) <= 1.001
    assert float(amplitude[some].min()) < 0.3  # its core
    assert not bool(touched(amplitude, 1)[~some].any())


@pytest.mark.parametrize("kind", ["void", "uneven"])
def test_the_amplitude_of_some_has_a_hole_or_varies(kind: str) -> None:
    amplitude, _, place = blank(60)
    if kind == "void":
        defects.make_void(amplitude, place, torch.full((60, 1), SIZE / 2), numbers())
    else:
        defects.make_uneven(amplitude, SIZE, numbers())
    some = touched(amplitude, 1)
    assert 4 < int(some.sum()) < 40
    if kind == "void":
        inside = (amplitude[some] < 0.5).float().mean(1) * 8 / (4 / 3 * torch.pi)
        assert float(amplitude[some].min()) == 0
        assert 0.15**3 / 2 < float(inside.min()) < float(inside.max()) < 2 * 0.45**3
    else:
        assert 0.25 <= float(amplitude.min()) < 0.6
        assert 1.3 < float(amplitude.max()) <= 2.5


def test_a_wall_steps_by_a_half_or_a_third_of_a_turn() -> None:
    _, phase, place = blank(100)
    defects.make_wall(phase, place, numbers())
    steps = phase.amax(1)[touched(phase, 0)]
    assert 5 < len(steps) < 30
    third = torch.isclose(steps, torch.tensor(2 * torch.pi / 3))
    assert bool((third | torch.isclose(steps, torch.tensor(torch.pi))).all())
    assert 0 < int(third.sum()) < len(steps)
    for one in phase[touched(phase, 0)]:
        assert len(one.unique()) == 2


def test_one_of_two_grains_is_dimmer_and_turned() -> None:
    amplitude, phase, place = blank(100)
    defects.make_grains(amplitude, phase, place, numbers())
    some = touched(amplitude, 1)
    assert 3 < int(some.sum()) < 25
    for dim, turn, points in zip(amplitude[some], phase[some], place[some], strict=True):
        beyond = dim < 1
        assert len(dim.unique()) == 2
        assert float(turn[~beyond].abs().max()) == 0
        # a slope: linear in the place
        slope = torch.linalg.lstsq(points[:, beyond].T, turn[beyond][:, None]).solution
        assert 1 < float(slope.norm()) < 4
        torch.testing.assert_close(
            (slope.T @ points[:, beyond])[0], turn[beyond], rtol=0, atol=1e-3
        )


def test_waves_are_smooth() -> None:
    field = defects.waves(blank(20)[2], numbers()).reshape(-1, SIZE, SIZE, SIZE)
    assert float(field.std()) > 0.3
    for axis in (1, 2, 3):
        step = field.diff(dim=axis).square().mean().sqrt()
        assert float(step) < 0.35 * float(field.std())


def test_a_substrate_cuts_a_quarter_by_a_plane() -> None:
    points = chance.grid(SIZE, torch.device("cpu"))[None].expand(80, -1, -1) / 9
    whole = bodies.outlines(80, ("superellipsoid",), numbers())[0](points)
    cut = bodies.outlines(80, ("superellipsoid", "winterbottom"), numbers())[0](points)
    assert bool((cut >= whole).all())
    lost = ((cut > 1) & (whole <= 1)).sum(1)
    assert 8 <= int((lost > 0).sum()) <= 35
    for before, after, spots in zip(whole, cut, points, strict=True):
        gone = (after > 1) & (before <= 1)
        if int(gone.sum()) > 50:  # all that is gone lies on one side of what stays
            stays = spots[:, after <= 1].mean(1)
            normal = spots[:, gone].mean(1) - stays
            assert float((normal @ spots[:, gone]).min()) > float(normal @ stays)
