"""REFINE in all its forms: untrained, transfer, from a chain; masks; schedules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cdi_ml_plugin import REFINE, Measurement, reconstruct
from cdi_ml_plugin.errors import ParameterError, WeightsError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.nn import kinds, weights
from cdi_ml_plugin.nn.fit import Fit
from cdi_ml_plugin.operators.refine import _Run
from cdi_ml_plugin.physics.alignment import object_error
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.physics.state import Seed, State
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (32, 36, 34)
STILL: dict[str, Any] = {"shrink_wrap_trigger": []}


@pytest.fixture(scope="module")
def crystal() -> NDArray[np.complex64]:
    return strained_crystal(SHAPE, np.eye(3), size=12, rng=np.random.default_rng(4))


def counted(crystal: NDArray[Any], gap: int = 0, photons: float = 3e7) -> Measurement:
    intensity = diffraction(crystal)
    counts = np.random.default_rng(0).poisson(intensity * (photons / intensity.sum()))
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 22 : 22 + gap] = True
    return Measurement(counts, mask)


def phase(measurement: Measurement, chain: str, seeds: Any = 1, **more: Any) -> Any:
    parameters = {**STILL, **more.pop("parameters", {})}
    if "REFINE" in chain:
        parameters.setdefault("refine_channels", 4)
    return reconstruct(measurement, chain, seeds=seeds, parameters=parameters, device="cpu", **more)


# --- three starts ---------------------------------------------------------------------------------
@pytest.mark.slow
def test_untrained_finds_the_crystal_by_itself(crystal: Any) -> None:
    """First in a chain, the network's output is the object, and it leaves a support."""
    data = counted(crystal)
    early, late = (phase(data, f"{n}*REFINE(rate=0.003)") for n in (5, 100))
    assert late.metrics["chi2"] < 0.25 * early.metrics["chi2"]
    assert late.metrics["chi2"] < 0.05
    assert 0.5 < late.support.sum() / np.count_nonzero(crystal) < 4
    # what follows goes on from there
    after = phase(data, "100*REFINE(rate=0.003) + 1*ER")
    assert after.run.history["chi2"][-1] < 0.2


def test_transfer_begins_with_the_prediction(crystal: Any) -> None:
    data = counted(crystal)
    untrained = phase(data, "3*REFINE")
    transfer = phase(data, "3*REFINE(weights='fast')")
    predicted = phase(data, "CNN + 3*REFINE")
    assert transfer.run.history["chi2"][0] < 0.5 * untrained.run.history["chi2"][0]
    assert transfer.run.history["chi2"][0] == pytest.approx(
        predicted.run.history["chi2"][0], rel=1e-3
    )
    assert transfer.metrics["cnn_chi2"] == predicted.metrics["cnn_chi2"]


def test_transfer_of_the_papers_network(crystal: Any, tmp_path: Path) -> None:
    """Its output is the object; in eval mode, as the running statistics belong to the weights."""
    network = kinds.made(kinds.find("paper"))
    card = weights.Card("paper", ("superellipsoid",), (0, 1), 0, "none", 0.0, "a test", {})
    weights.save(tmp_path / "mine.safetensors", network, card)
    chain = f"2*REFINE(weights='{tmp_path / 'mine.safetensors'}')"
    one, two = phase(counted(crystal), chain, [0]), phase(counted(crystal), chain, [1])
    assert np.isfinite(one.run.history["chi2"]).all()
    # no random number in it: every seed has the same weights
    np.testing.assert_array_equal(one.run.history["chi2"], two.run.history["chi2"])
    shipped = weights.load(str(tmp_path / "mine.safetensors"))[0]
    assert not any(p.requires_grad for p in shipped.parameters())  # the one in memory is not fitted


def test_from_a_chain_it_goes_on_from_object_and_support(crystal: Any) -> None:
    data = counted(crystal)
    before = phase(data, "60*ER")
    after = phase(data, "60*ER + 40*REFINE")
    assert after.run.history["chi2"][60] == pytest.approx(before.metrics["chi2"], rel=0.2)
    assert after.metrics["chi2_held_out"] < 0.95 * before.metrics["chi2_held_out"]
    # about a voxel more than the support on every side, and nothing beyond
    assert (after.support >= before.support).all()
    assert before.support.sum() < after.support.sum() < 2 * before.support.sum()
    assert not np.any(after.object[~after.support])


@pytest.mark.parametrize("network", ["fast", "paper"])
def test_a_correction_begins_at_nothing(crystal: Any, network: str) -> None:
    """The first epoch sees the object as it is, to what bfloat16 holds of a 0: exactly."""
    data = Moduli.of(counted(crystal), 0.03, torch.device("cpu"))
    support = np.abs(crystal) > 0
    start = torch.from_numpy(crystal)[None] * (data.power**0.5 / np.linalg.norm(crystal))
    seed = Seed.of(0, started=True)
    state = State(start.clone(), torch.from_numpy(support)[None], [seed])
    given = REFINE(network=network, channels=4).bind({})
    fit: Fit = _Run(given, state, data, 0, 10).fit
    obj, *_ = fit.forward()
    assert object_error(obj.detach().numpy(), crystal) < 1e-5


# --- what is kept ---------------------------------------------------------------------------------
def test_the_exact_object_of_data_with_a_gap_is_kept(crystal: Any) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 22:26] = True
    data = Measurement(diffraction(crystal), mask)
    result = phase(data, "20*REFINE", start=crystal, support=np.abs(crystal) > 0)
    assert object_error(result.object, crystal) < 1e-5
    assert "REFINE did not improve on the object it was given, which is kept" in result.run.notes


@pytest.mark.slow
def test_a_gap_of_four_voxels_costs_little(crystal: Any) -> None:
    chain = "30*ER + 60*HIO + 40*ER + 30*REFINE"
    errors = []
    for gap in (0, 4):
        runs = phase(counted(crystal, gap), chain, 3, parameters={"refine_channels": 8}).runs
        errors.append(min(object_error(run.object, crystal) for run in runs))
    assert errors[1] < 1.2 * errors[0]


@pytest.mark.parametrize("loss", ["chi2", "paper", "pearson", "poisson", "gaussian"])
def test_every_loss_brings_the_fit_forward(crystal: Any, loss: str) -> None:
    data = counted(crystal)
    result = phase(data, f"30*ER + 30*REFINE(loss='{loss}')")
    assert result.metrics["chi2_held_out"] < phase(data, "30*ER").metrics["chi2_held_out"]


@pytest.mark.parametrize(("good", "look"), [(0, 1), (3, 1), (3, 4), (3, 6)])
def test_a_fit_that_diverges_ends_and_loses_nothing(
    crystal: Any, monkeypatch: pytest.MonkeyPatch, good: int, look: int
) -> None:
    """A loss that turns NaN after some good epochs: so many epochs, and the run goes on.

    A GPU is looked at now and then alone: what it does meanwhile changes nothing.
    """
    calls = []

    def loss(model: torch.Tensor, measured: torch.Tensor, unit: float, progress: float) -> Any:
        calls.append(progress)
        return (model - measured).square().sum() * (torch.nan if len(calls) > good else 1)

    monkeypatch.setattr("cdi_ml_plugin.nn.fit_losses.find", lambda name: loss)
    before = phase(counted(crystal), "30*ER")
    begin = _Run.__init__

    def begun(self: _Run, *words: Any) -> None:
        begin(self, *words)
        self.look = look

    monkeypatch.setattr(_Run, "__init__", begun)
    result = phase(counted(crystal), "30*ER + 8*REFINE")
    assert len(calls) == {1: good + 1, 4: 4, 6: 6}[look]
    assert result.run.reason == "completed"
    assert any(f"NaN or infinite in epoch {good + 1}" in note for note in result.run.notes)
    assert result.metrics["chi2_held_out"] <= before.metrics["chi2_held_out"] * (1 + 1e-6)


# --- schedules ------------------------------------------------------------------------------------
def test_schedules() -> None:
    """Adam along a cosine; or, as in the paper, Adam and SGD in turn every 200 epochs, × 0.95."""
    data = Moduli.of(
        Measurement(np.random.default_rng(0).poisson(5, (16,) * 3)), 0, torch.device("cpu")
    )
    state = State(
        torch.ones((1, 16, 16, 16), dtype=torch.complex64),
        torch.ones((1, 16, 16, 16), dtype=torch.bool),
        [Seed.of(0)],
    )

    def rates(schedule: str) -> list[tuple[type, float]]:
        given = REFINE(schedule=schedule, rate=0.006, channels=4).bind({})
        run = _Run(given, state, data, 0, 1000)
        found = []
        for done in (0, 199, 200, 400, 999):
            run.done = done
            optimiser = run._turn()
            found.append((type(optimiser), optimiser.param_groups[0]["lr"]))
        return found

    adam, sgd = torch.optim.Adam, torch.optim.SGD
    paper = rates("paper")
    assert [kind for kind, _ in paper] == [adam, adam, sgd, adam, adam]
    expected = [0.006, 0.006, 0.006 * 0.95, 0.006 * 0.95**2, 0.006 * 0.95**4]
    np.testing.assert_allclose([rate for _, rate in paper], expected)
    cosine = rates("cosine")
    assert {kind for kind, _ in cosine} == {adam}
    assert cosine[0][1] == 0.006
    assert cosine[-1][1] == pytest.approx(0.05 * 0.006, rel=0.01)


# --- what is wrong --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"network": "resnet"}, "refine_network = 'resnet': give one of fast, paper"),
        ({"schedule": "step"}, "refine_schedule = 'step': give one of cosine, paper"),
        ({"channels": 6}, "refine_channels = 6: give a multiple of 4"),
        ({"weights": 3}, "refine_weights = 3: give a name"),
        ({"rate": 0}, "refine_learning_rate = 0"),
    ],
)
def test_bad_parameters(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        REFINE(**given)


def test_weights_that_cannot_be_used(crystal: Any, tmp_path: Path) -> None:
    """Not there; or of another architecture than their card says."""
    data = counted(crystal)
    with pytest.raises(WeightsError, match="no_such"):
        phase(data, "2*REFINE(weights='no_such')")
    from safetensors import safe_open
    from safetensors.torch import save_file

    shipped = weights.shipped()["fast"]
    with safe_open(shipped, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        card = file.metadata()
    del tensors["head.weight"]
    broken = tmp_path / "broken.safetensors"
    save_file(tensors, broken, card)
    with pytest.raises(WeightsError, match=r"broken\.safetensors"):
        phase(data, f"2*REFINE(weights='{broken}')")


def test_fewer_voxels_than_unknowns_are_named(crystal: Any) -> None:
    everywhere = np.ones(SHAPE, dtype=bool)
    result = phase(counted(crystal), "2*REFINE", start=crystal, support=everywhere)
    assert any("measured voxels for" in note for note in result.run.notes)


def test_too_little_memory_of_a_gpu_means_smaller_batches(
    crystal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cdi_ml_plugin.engine import loop
    from cdi_ml_plugin.engine import run as engine
    from cdi_ml_plugin.errors import TooLargeError

    whole = loop.run
    fits = [2]

    def run(plan: Any, seeds: Any, *rest: Any) -> Any:
        if len(seeds) > fits[0]:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return whole(plan, seeds, *rest)

    monkeypatch.setattr(loop, "run", run)
    monkeypatch.setattr(engine, "batch_size", lambda plan, wanted: wanted)
    result = phase(counted(crystal), "2*ER", 5)
    assert [run.seed for run in result.runs] == [0, 1, 2, 3, 4]
    assert any("5 starts at once: went on with 2" in note for note in result.notes)
    fits[0] = 0
    with pytest.raises(TooLargeError, match="a single start of 32 × 36 × 34 voxels does not fit"):
        phase(counted(crystal), "2*ER", 5)
