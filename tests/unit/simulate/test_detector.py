"""What a detector does to the patterns of training particles."""

from __future__ import annotations

import pytest
import torch

from cdi_ml_plugin.simulate import detector
from cdi_ml_plugin.simulate.batch import Batch, Particles


def draw(count: int, *, seed: int = 0, **given: object) -> Batch:
    return Particles(**given).draw(count, torch.Generator().manual_seed(seed))  # type: ignore[arg-type]


def pair(family: str, count: int = 40, *others: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Intensities without a family and with it, all else equal."""
    one, other = (
        draw(count, families=("faceted", *others, *more), seed=2).modulus.square()
        for more in ((), (family,))
    )
    return one, other


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
    assert float(share.max()) < 0.7
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


def test_gaps_reach_near_the_peak_and_are_wide() -> None:
    known = draw(200, families=("superellipsoid", "gaps")).known[:, 16, :, 16]
    across = (~known).sum(1)
    assert int(across.max()) >= 10
    nearest = torch.tensor(
        [float(((~one).nonzero() - 16).abs().min()) for one in known[across > 0]]
    )
    assert float(nearest.min()) <= 3


def test_a_beamstop_hides_the_peak_of_some() -> None:
    known = draw(200, families=("superellipsoid", "beamstop")).known
    hidden = (~known).sum((1, 2, 3))
    assert 5 <= int((hidden > 0).sum()) <= 35
    assert int(hidden.max()) <= 5**3
    assert int((~known[:, 16, 16, 16]).sum()) >= 1


def test_background_lifts_the_dark_by_a_few_hundredths_of_the_light() -> None:
    plain, lifted = pair("background")
    share = lifted.sum((1, 2, 3)) / plain.sum((1, 2, 3)) - 1
    touched = share > 1e-5
    assert 5 <= int(touched.sum()) <= 20  # three in ten
    assert float(share.max()) < 0.06
    dimmest = [one.flatten(1).quantile(0.05, dim=1) for one in (plain, lifted)]
    assert bool((dimmest[1][touched] > dimmest[0][touched]).all())


def test_a_threshold_leaves_no_count_below_it() -> None:
    cut = draw(60, families=("superellipsoid", "noise", "threshold"), seed=1).modulus.square()
    noisy = draw(60, families=("superellipsoid", "noise"), seed=1).modulus.square()
    for one, other in zip(cut, noisy, strict=True):
        assert bool((one <= other * (1 + 1e-5)).all())
    lower = [float((a == 0).sum() - (b == 0).sum()) for a, b in zip(cut, noisy, strict=True)]
    assert 10 <= sum(more > 0 for more in lower) <= 40


def test_hot_voxels_stand_alone() -> None:
    plain, hot = pair("hot", 100)
    changed = (hot - plain).abs() > 1e-3 * plain
    number = changed.sum((1, 2, 3))
    assert 2 <= int((number > 0).sum()) <= 20
    assert int(number.max()) <= 4
    assert bool((hot[changed] > plain[changed]).all())
    assert bool((hot.amax((1, 2, 3)) <= plain.amax((1, 2, 3)) * (1 + 1e-6)).all())


def test_a_stale_frame_is_that_before_it() -> None:
    plain, stale = pair("stale", 100)
    other = (stale != plain).any(3).any(2)
    assert bool((other.sum(1) <= 1).all())
    assert 4 <= int(other.sum()) <= 20
    for index, frame in other.nonzero().tolist():
        torch.testing.assert_close(stale[index, frame], plain[index, frame - 1], rtol=0, atol=0)


@pytest.mark.parametrize("share", ["COHERENCE", "BACKGROUND", "THRESHOLD", "HOT", "STALE", "GAP"])
def test_no_damage_is_done_to_all(share: str) -> None:
    assert 0 < getattr(detector, share) < 0.5
