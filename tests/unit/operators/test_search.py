"""SEARCH finds the object on a part of the pattern; the cap; the support that keeps what is found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cdi_ml_plugin import CNN, ER, HIO, Measurement, object_error, reconstruct
from cdi_ml_plugin.bench.crystals import KINDS, crystal
from cdi_ml_plugin.engine.plan import Plan
from cdi_ml_plugin.engine.start import fresh_state
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.operators.base import Operator
from cdi_ml_plugin.operators.classical import capped, capped_at_once
from cdi_ml_plugin.operators.search import SEARCH, search
from cdi_ml_plugin.physics.level import levels
from cdi_ml_plugin.physics.moduli import HELD_OUT, Moduli
from cdi_ml_plugin.physics.projections import blur, modulus
from cdi_ml_plugin.physics.state import State
from cdi_ml_plugin.physics.supports import extent, keeping
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (48, 45, 64)
CPU = torch.device("cpu")


def strained(phase: float, size: float = 11, seed: int = 3) -> NDArray[np.complex64]:
    rng = np.random.default_rng(seed)
    return strained_crystal(SHAPE, np.eye(3), size=size, rng=rng, phase_range=phase)


def counted(obj: NDArray[np.complex64], counts: float = 1e7) -> Measurement:
    intensity = diffraction(obj)
    return Measurement(np.random.default_rng(0).poisson(intensity * (counts / intensity.sum())))


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    return counted(strained(3.0))


def test_from_random_phases_it_finds_the_object(measurement: Measurement) -> None:
    result = reconstruct(measurement, "200*SEARCH + 30*ER", seeds=2)
    assert object_error(result.object, strained(3.0)) ** 2 < 0.03
    assert any(re.match(r"SEARCH on [\d×]+ voxels, every", note) for note in result.runs[0].notes)
    assert result.runs[0].history["chi2"].shape == (230,)


def test_where_two_starts_agree_it_ends_early() -> None:
    result = reconstruct(counted(strained(1.0), 1e8), "CNN + 500*SEARCH + 30*ER")
    (note,) = (n for n in result.runs[0].notes if "agree" in n)
    done = int(re.search(r"after (\d+) iterations", note)[1])  # type: ignore[index]
    assert done < 300
    assert object_error(result.object, strained(1.0)) ** 2 < 0.01
    history = result.runs[0].history["chi2"]
    assert history.shape == (530,)
    assert len(set(history[400:500].tolist())) == 1


def test_the_last_round_counts(measurement: Measurement) -> None:
    """A search by its steps and one at a go, as within CNN, end at the same object."""
    data = Moduli.of(measurement, HELD_OUT, CPU)
    ends = []
    for at_once in (True, False):
        plan = Plan.of("70*SEARCH", {}).on(measurement, HELD_OUT, CPU, "single")
        state = fresh_state(plan, [3])
        words = SEARCH().bind({})
        if at_once:
            search(words, state, data, [0], 70)
        else:
            words.begin(state, data, 70)
            for _ in range(70):
                words.step(state, data)
            words.end(state, data)
        ends.append(state.object[0])
    assert torch.equal(*ends)


def test_what_is_alike_is_done_in_one_batch(
    measurement: Measurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly every iteration of three seeds is one, and none is lost, whichever way the seeds part."""
    sizes: list[int] = []
    for one in (ER, HIO):

        def counted(self: Operator, state: State, data: Moduli, step: Any = one._step) -> None:
            sizes.append(len(state.seeds))
            step(self, state, data)

        monkeypatch.setattr(one, "_step", counted)
    data = Moduli.of(measurement, HELD_OUT, CPU)
    state = fresh_state(Plan.of("CNN + ER", {}).on(measurement, HELD_OUT, CPU, "single"), [3, 0, 5])
    CNN().bind({}).step(state, data)
    words = SEARCH().bind({})
    words.begin(state, data, 200)
    runs = state.memory["runs"]
    left = [sum(one.iterations for one in run.left) for run in runs]
    assert left == [200] * 3
    assert all(run.levels[-1] is runs[0].levels[-1] for run in runs)
    while any(run.left for run in runs):
        words.step(state, data)
        assert len(state.chi2) == 3
    agreed = sum("agree" in note for seed in state.seeds for note in seed.notes)
    assert sum(sizes) == 600 if not agreed else sum(sizes) < 600
    assert len(sizes) < 0.6 * sum(sizes)
    before = len(sizes)
    words.step(state, data)
    assert len(sizes) == before  # nothing is left


def test_a_seed_is_the_same_in_any_company(measurement: Measurement) -> None:
    chain = "40*SEARCH + 5*ER"
    together = reconstruct(measurement, chain, seeds=[4, 5, 6])
    alone = reconstruct(measurement, chain, seeds=[5])
    assert np.array_equal(together.runs[1].object, alone.runs[0].object)
    assert together.runs[1].notes == alone.runs[0].notes


@pytest.mark.parametrize("count", [1, 2, 5, 13])
def test_any_number_of_iterations(measurement: Measurement, count: int) -> None:
    result = reconstruct(measurement, f"{count}*SEARCH + 2*ER")
    assert np.isfinite(result.object).all()
    assert result.support.any()


def test_what_was_found_before_is_not_lost(measurement: Measurement) -> None:
    truth = strained(3.0)
    result = reconstruct(
        measurement, "60*SEARCH + 30*ER", start=truth, support=np.abs(truth) > 0.05
    )
    assert object_error(result.object, truth) ** 2 < 0.01


def test_an_object_off_centre_stays_where_it_is(measurement: Measurement) -> None:
    moved = np.roll(strained(3.0), (12, -9, 20), (0, 1, 2))
    result = reconstruct(
        measurement, "60*SEARCH + 10*ER", start=moved, support=np.abs(moved) > 0.05
    )
    weight = np.abs(result.object) ** 2
    assert weight[np.abs(moved) > 0.05].sum() > 0.9 * weight.sum()


def test_levels_follow_the_crystal() -> None:
    small, large = counted(strained(2.0)), counted(strained(2.0, size=30))
    for m, obj, count in ((small, strained(2.0), 1), (large, strained(2.0, size=30), 2)):
        data = Moduli.of(m, HELD_OUT, CPU)
        support = torch.from_numpy(np.abs(obj) > 0.1)
        found = levels(data, support, 2.0, {})
        assert len(found) == count
        for n, stride, size in zip(SHAPE, found[-1].stride, extent(support), strict=True):
            assert n / stride >= 2.0 * size or stride == 1
        assert found[-1].beyond == pytest.approx(0, abs=1e-6)


def test_an_amplitude_is_capped_inside_the_support_alone() -> None:
    obj = torch.randn(2, 6, 7, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    support = torch.rand(obj.shape, generator=torch.Generator().manual_seed(1)) > 0.5
    after = obj.clone()
    capped(after, support, 1.2)
    assert torch.equal(after[~support], obj[~support])
    for one, inside, was in zip(after, support, obj, strict=True):
        limit = 1.2 * was[inside].abs().square().mean().sqrt()
        assert float(one[inside].abs().max()) == pytest.approx(float(limit), rel=1e-5)
        low = was[inside].abs() < limit
        torch.testing.assert_close(one[inside][low], was[inside][low])
        torch.testing.assert_close(one[inside].angle(), was[inside].angle())


def test_a_gpu_caps_the_same() -> None:
    obj = torch.randn(3, 6, 7, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    support = torch.rand(obj.shape, generator=torch.Generator().manual_seed(1)) > 0.5
    support[2] = False
    one, other = obj.clone(), obj.clone()
    capped(one[:2], support[:2], 1.2)
    capped_at_once(other, support, 1.2)
    assert not torch.equal(one[:2], obj[:2])
    torch.testing.assert_close(other, one)


@pytest.mark.parametrize("name", ["HIO", "RAAR", "LRAAR", "DM"])
def test_a_cap_that_nothing_reaches_changes_nothing(measurement: Measurement, name: str) -> None:
    plain, high = (
        reconstruct(measurement, f"3*ER + 12*{name}{cap} + 3*ER") for cap in ("", "(cap=10)")
    )
    tight = reconstruct(measurement, f"3*ER + 12*{name}(cap=1.1) + 3*ER")
    np.testing.assert_allclose(high.object, plain.object, atol=1e-4 * np.abs(plain.object).max())
    assert object_error(tight.object, plain.object) > 1e-3


def test_a_hot_spot_takes_the_support_from_nobody() -> None:
    even = torch.zeros(1, 40, 40, 40, dtype=torch.complex64)
    even[0, 10:30, 10:30, 10:30] = 1
    even[0, 10:30, 10:30, 25:30] = 0.3  # a dim side
    even[0, 18:21, 18:21, 14:17] = 30.0
    support = even.abs() > 0
    kept = keeping(even, support, 0.3)
    away = torch.ones_like(support)
    away[0, 11:28, 11:28, 7:29] = False  # near the spot its level is high
    assert bool(kept[away & support].float().mean() > 0.95)
    rms = blur(modulus(even), 0.5)[support].square().mean().sqrt()
    share_of_rms = blur(modulus(even), 0.5) >= 0.2 * rms
    dim = torch.zeros_like(support)
    dim[0, 12:28, 12:28, 26:29] = True
    assert float(kept[dim].float().mean()) > 0.95
    assert float(share_of_rms[dim].float().mean()) < 0.1


@dataclass(frozen=True)
class Hold(Operator):
    """Leaves the support as it is, and says that it sees to it."""

    counts: ClassVar = False
    updates_support: ClassVar = True

    def _step(self, state: Any, data: Any) -> None:
        pass


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_true_object_in_its_support_is_kept(kind: str) -> None:
    """The default support update ends no worse than twice the error of the true support held."""
    for number in range(1000 + list(KINDS).index(kind), 1021, len(KINDS)):
        one = crystal(number)
        truth = torch.from_numpy(one.truth)[None]
        size = modulus(truth)
        bright = size[size > 0.3 * size.max()].square().mean().sqrt()
        support = (blur(size, 0.5) > 0.15 * bright)[0].numpy()
        errors = []
        for chain in (Hold() + 90 * HIO() + 50 * ER(), 90 * HIO() + 50 * ER()):
            result = reconstruct(one.measurement, chain, start=one.truth, support=support)
            errors.append(object_error(result.object, one.truth) ** 2)
        assert errors[1] < 2 * errors[0], number
