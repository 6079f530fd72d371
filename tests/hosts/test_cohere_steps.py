"""This package's algorithms inside cohere's own Rec, with cohere_core as the oracle."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

import cdi_ml_plugin.hosts.cohere  # noqa: F401  # by hand, for an environment without the path file
from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.errors import MeasurementError, ParameterError, WeightsError
from cdi_ml_plugin.hosts.cohere.bridge import Bridge
from cdi_ml_plugin.operators.cnn import CNN
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.physics.state import State

phasing = pytest.importorskip(
    "cohere_core.controller.phasing", reason="cohere_core is not installed"
)
pytestmark = pytest.mark.filterwarnings("ignore")  # cohere's own

SHRINK_WRAP = {
    "shrink_wrap_trigger": [1, 1],
    "shrink_wrap_type": "GAUSS",
    "shrink_wrap_threshold": 0.1,
    "shrink_wrap_gauss_sigma": 1.0,
}


def crystal(shape: tuple[int, int, int]) -> np.ndarray:
    """A strained, asymmetric crystal."""
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij")
    inside = (abs(z) / 6 + abs(y) / 9 < 1) & (abs(x) < 7) & (x + y < 8)
    return 100 * inside * np.exp(1j * (1.5 * np.sin(z / 4 + 0.3) + 0.02 * x * y))


def pattern(obj: np.ndarray) -> np.ndarray:
    return np.abs(np.fft.fftshift(np.fft.fftn(obj, norm="ortho"))).astype(np.float32) ** 2


class Experiment:
    """A folder with data, and what cohere makes of it."""

    def __init__(self, folder: Path, intensity: np.ndarray) -> None:
        self.folder = folder
        self.data = str(folder / "data.tif")
        tifffile.imwrite(self.data, np.sqrt(intensity).astype(np.float32))

    def rec(self, sequence: str, pkg: str = "np", debug: bool = True, **parameters: Any) -> Any:
        given = {"algorithm_sequence": sequence, **parameters}
        more = {"debug": debug} if "kwargs" in signature(phasing.create_rec).parameters else {}
        return phasing.create_rec(given, self.data, pkg, -1, **more)  # cohere 4.2.0 has no debug

    def start(self, obj: np.ndarray) -> dict[str, str]:
        """Parameters to continue from an object of this package."""
        np.save(self.folder / "image.npy", obj.conj().T / np.sqrt(obj.size))
        np.save(self.folder / "support.npy", (np.abs(obj) > 0).T.astype(int))
        return {"init_guess": "continue", "continue_dir": str(self.folder)}


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return crystal((32, 40, 36))


@pytest.fixture
def experiment(tmp_path: Path, truth: np.ndarray) -> Experiment:
    return Experiment(tmp_path, pattern(truth))


@pytest.mark.parametrize("pkg", ["np", "torch"])
@pytest.mark.parametrize("shape", [(32, 40, 36), (31, 40, 37), (33, 35, 31)])
@pytest.mark.parametrize("hand", [1, -1])
def test_exact_prediction_has_no_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pkg: str,
    shape: tuple[int, int, int],
    hand: int,
) -> None:
    obj = crystal(shape)

    def predict(self: CNN, state: State, data: Moduli) -> None:
        handed = torch.from_numpy(obj if hand == 1 else obj.conj()) / data.scale
        state.object[0] = handed.to(state.object.dtype)
        state.support[0] = torch.from_numpy(np.abs(obj) > 0)

    monkeypatch.setattr(CNN, "_step", predict)
    rec = Experiment(tmp_path, pattern(obj)).rec("1*CNN+5*ER", pkg)
    kinds = rec.support.dtype
    assert rec.iterate() == 0
    if hand == -1:  # the test sees the wrong one
        assert rec.errs[0] > 0.01
        return
    assert max(rec.errs) < 1e-5
    assert rec.support.dtype == kinds
    support = phasing.devlib.to_numpy(rec.support)
    np.testing.assert_array_equal(support > 0, (np.abs(obj) > 0).T)


@pytest.mark.parametrize(
    ("sequence", "extra"),
    [
        ("10*ER+30*DM+10*ER", SHRINK_WRAP),
        ("10*er+20*mle+5*ER", {}),
        ("2*ER+1*CNN+20*ER", {"cnn_candidates": 1, "cnn_polish": 5}),
        ("5*ER+4*REFINE+5*ER", {"refine_channels": 4}),
        (
            "5*ER.SW0+1*CNN.SW1+5*DM.SW1+5*ER",
            {
                "shrink_wrap_trigger": [[1, 2], [0, 1]],
                "shrink_wrap_threshold": [0.2, 0.1],
                "shrink_wrap_gauss_sigma": [2.0, 1.0],
                "shrink_wrap_type": ["GAUSS", "GAUSS"],
                "cnn_candidates": 1,
                "cnn_polish": 5,
            },
        ),
    ],
)
def test_same_object_in_both_engines(
    experiment: Experiment,
    truth: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    sequence: str,
    extra: dict[str, Any],
) -> None:
    monkeypatch.setattr(Bridge, "_seed", lambda self: 3)
    rng = np.random.default_rng(8)
    noise = rng.standard_normal(truth.shape) + 1j * rng.standard_normal(truth.shape)
    box = np.zeros(truth.shape)
    box[8:24, 10:30, 9:27] = 1
    start = (truth + (60 if "CNN" in sequence else 8) * noise) * box
    rec = experiment.rec(sequence.replace("er", "ER"), **extra, **experiment.start(start))
    assert rec.iterate() == 0
    theirs = rec.ds_image.T.conj()
    shrink_wrap = extra if "shrink_wrap_trigger" in extra else {"shrink_wrap_trigger": [], **extra}
    ours = reconstruct(
        Measurement(pattern(truth)), sequence, seeds=[3], parameters=shrink_wrap, held_out=0,
        start=start, support=np.abs(start) > 0, precision="double", device="cpu",
    ).object  # fmt: skip
    scale = np.abs(ours).max() / np.abs(theirs).max()
    assert np.linalg.norm(ours - scale * theirs) < 1e-4 * np.linalg.norm(ours)


@pytest.mark.parametrize("pkg", ["np", "torch"])
def test_starts_differ_and_twin_trigger_waits(
    experiment: Experiment, capsys: pytest.CaptureFixture[str], pkg: str
) -> None:
    objects = []
    for _ in range(2):
        rec = experiment.rec("1*CNN+3*ER", pkg, twin_trigger=[2], cnn_candidates=1)
        assert rec.iterate() == 0
        objects.append(phasing.devlib.to_numpy(rec.ds_image))
        lines = [line for line in capsys.readouterr().out.splitlines() if "cdi_ml_plugin" in line]
        assert sum("CNN in iteration 0:" in line for line in lines) == 1
        assert sum("twin_trigger in iteration 2" in line for line in lines) == 1
        assert len(rec.errs) == 4
        assert rec.errs[1] < 0.1  # it is not a random start, and no half of it
    assert np.linalg.norm(objects[0] - objects[1]) > 1e-5 * np.linalg.norm(objects[0])
    rec = experiment.rec("3*ER", pkg, twin_trigger=[2])
    assert rec.iterate() == 0
    image = phasing.devlib.to_numpy(rec.ds_image)
    assert not image[image.shape[0] // 2 :].any()  # without CNN it is cohere's


def test_same_random_start_in_two_threads_gives_two_predictions(experiment: Experiment) -> None:
    rec = experiment.rec("1*CNN+1*ER")
    assert rec.cdi_ml._seed() != rec.cdi_ml._seed()


def test_cnn_acts_in_generation_0_only(
    experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    rec = experiment.rec("1*CNN+3*ER", low_resolution_generations=0)
    rec.ds_image = None
    assert rec.init_iter_loop(None, 0) == 0
    assert rec.iterate() == 0
    before = rec.ds_image.copy()
    assert "CNN in iteration 0" in capsys.readouterr().out
    assert rec.init_iter_loop(None, 1) == 0
    rec.flow = rec.flow[: [f.__name__ for f in rec.flow].index("to_direct_space")]
    assert rec.iterate() == 0
    assert "generation 0 only: skipped" in capsys.readouterr().out
    np.testing.assert_allclose(rec.ds_image, before)


def test_partial_coherence_and_low_pass(experiment: Experiment) -> None:
    pc = {
        "pc_interval": 2,
        "pc_type": "LUCY",
        "pc_LUCY_iterations": 2,
        "pc_LUCY_kernel": [8, 8, 8],
    }
    rec = experiment.rec("3*ER+1*CNNpc+3*ERpc+2*REFINEpc", **pc, refine_channels=4)
    assert rec.iterate() == 0
    assert len(rec.errs) == 9
    # a GA appends pc to every name, once partial coherence has begun
    given = {"low_resolution_generations": 0, "ga_gen_pc_start": 0, "cnn_candidates": 1}
    rec = experiment.rec("2*ER+1*CNN+2*ER", **pc, **given)
    assert rec.init_iter_loop(None, 1) == 0
    assert "pc_modulus" in [f.__name__ for f in rec.flow]

    low_pass = {"lowpass_filter_trigger": [0, 1, 3], "lowpass_filter_range": [3.0, 1.0]}
    rec = experiment.rec("5*DM", **low_pass)
    seen = []
    read = rec.cdi_ml._data
    rec.cdi_ml._data = lambda: seen.append(rec.iter_data) or read()
    assert rec.iterate() == 0
    assert len(seen) == 4  # three filtered, and the data themselves again
    assert seen[-1] is rec.data


@pytest.mark.parametrize(
    "trigger",
    [
        {"lowpass_filter_trigger": [0, 1, 3], "lowpass_filter_range": [3.0, 1.0]},
        {"phc_trigger": [0, 1, 3], "phc_phase_min": -0.1, "phc_phase_max": 0.1},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_serves_a_search_leaves_a_prediction_alone(
    experiment: Experiment,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    trigger: dict[str, Any],
) -> None:
    monkeypatch.setattr(Bridge, "_seed", lambda self: 3)
    plain, triggered = (experiment.rec("1*CNN+4*ER", **given) for given in ({}, trigger))
    assert plain.iterate() == triggered.iterate() == 0
    np.testing.assert_array_equal(plain.ds_image, triggered.ds_image)
    assert capsys.readouterr().out.count(f"{next(iter(trigger))} in iteration 0 would spoil") == 1


def test_zeros_are_dark_or_unknown(experiment: Experiment, truth: np.ndarray) -> None:
    intensity = pattern(truth)
    intensity[:, 18:22, :] = 0  # a gap
    gapped = Experiment(experiment.folder, intensity)
    dark, unknown = (
        gapped.rec("1*CNN+1*ER", cdi_ml_zeros=zeros).cdi_ml.data for zeros in ("dark", "unknown")
    )
    assert dark.unfitted is None
    assert len(unknown.masked) == (intensity == 0).sum()


def test_multipeak_says_so() -> None:
    rec = object.__new__(phasing.CoupledRec)

    def cdi_ml_cnn() -> None:
        """Stand for the step of CNN."""

    rec.flow = [cdi_ml_cnn]
    with pytest.raises(ParameterError, match=r"multipeak .* CNN cannot phase: take it out"):
        Bridge(rec, phasing, {"cdi_ml_cnn": "CNN"}, None, True)


def bad(tmp_path: Path, intensity: np.ndarray, **parameters: Any) -> Any:
    given = {"debug": False, **parameters}
    return lambda **more: Experiment(tmp_path, intensity).rec("1*CNN+1*ER", **given | more)


@pytest.mark.parametrize(
    ("change", "parameters", "kind", "message"),
    [
        (1.0, {"cnn_weights": "/nowhere/my.safetensors"}, WeightsError, "/nowhere/my.safetensors"),
        (1.0, {"cdi_ml_device": "cuda:7"}, ParameterError, "device 'cuda:7' cannot be used"),
        (1.0, {"cdi_ml_zeros": "no"}, ParameterError, "dark, unknown"),
        (1.0, {"cnn_weight": "fast"}, ParameterError, "did you mean cnn_weights? those of"),
        (1.0, {"refine_los": "chi2"}, ParameterError, "refine_loss"),
        (1.0, {"cnn_candidates": 0}, ParameterError, "cnn_candidates = 0"),
        (0.0, {}, MeasurementError, "zero in every"),
        (None, {}, MeasurementError, "at least 4 voxels"),
    ],
)
def test_bad_input_takes_cohere_s_way(
    tmp_path: Path,
    truth: np.ndarray,
    capsys: pytest.CaptureFixture[str],
    change: float | None,
    parameters: dict[str, Any],
    kind: type[Exception],
    message: str,
) -> None:
    intensity = pattern(truth)[:1] if change is None else change * pattern(truth)
    make = bad(tmp_path, intensity, **parameters)
    assert make() is None  # what cohere_reconstruction reports as "Could not create Rec object"
    shown = capsys.readouterr().out.splitlines()
    assert [message in line for line in shown].count(True) == 1
    with pytest.raises(kind, match=r"(?s).*"):
        make(debug=True)


def test_verifier_lists_ours() -> None:
    from cohere_core import utilities as ut

    good = {"algorithm_sequence": "1*CNN+3*ER", "cnn_weights": "fast", "reconstructions": 1}
    assert "cnn" not in ut.verify_params("config_rec", good)
    wrong = ut.verify_params("config_rec", {**good, "cnn_wieghts": "fast"})
    assert "unknown parameter 'cnn_wieghts'" in wrong
    assert "refine_learning_rate" in wrong
    wrong = ut.verify_params("config_rec", {"algorithm_sequence": "3*refinepc", "refine_loss": 3})
    assert "refine_loss = 3" in wrong
