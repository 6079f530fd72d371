"""The real cohere_core as oracle: same start, same chain, same object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.physics.alignment import object_error
from cdi_ml_plugin.physics.state import Seed

phasing = pytest.importorskip(
    "cohere_core.controller.phasing", reason="cohere_core is not installed"
)

SHRINK_WRAP = {
    "shrink_wrap_trigger": [1, 1],
    "shrink_wrap_type": "GAUSS",
    "shrink_wrap_threshold": 0.1,
    "shrink_wrap_gauss_sigma": 1.0,
}


@pytest.fixture(scope="module")
def crystal() -> np.ndarray:
    """A strained, asymmetric crystal on an uneven, even-sized array."""
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in (32, 40, 36)], indexing="ij")
    inside = (abs(z) / 6 + abs(y) / 9 < 1) & (abs(x) < 7) & (x + y < 8)
    phase = 1.5 * np.sin(z / 4 + 0.3) + 0.08 * x * y / 4
    return inside * np.exp(1j * phase) * 100


@pytest.fixture(scope="module")
def pattern(crystal: np.ndarray) -> np.ndarray:
    """Its diffraction, free of noise."""
    return (np.abs(np.fft.fftshift(np.fft.fftn(crystal, norm="ortho"))) ** 2).astype(np.float32)


@pytest.fixture(scope="module")
def start(crystal: np.ndarray) -> np.ndarray:
    """The crystal spoilt by noise in a box around it, in this package's sign and scale.

    HIO from random phases on noisy data is chaotic: a change of 1e-15 grows to 1e-3 within 40
    iterations (see the test of it below), so two programs can be compared over 200 iterations only
    where the iteration converges.
    """
    rng = np.random.default_rng(8)
    box = np.zeros(crystal.shape)
    box[8:24, 10:30, 9:27] = 1
    noise = rng.standard_normal(crystal.shape) + 1j * rng.standard_normal(crystal.shape)
    return (crystal + 8 * noise) * box


def run_cohere(
    folder: Path, pattern: np.ndarray, start: np.ndarray, parameters: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Object, support and recorded errors of cohere's numpy backend, in this package's convention."""
    support = np.abs(start) > 0
    # cohere: exp(+i…), unnormalised, axes (x, y, z), object scaled by 1/√N against ours
    np.save(folder / "image.npy", start.conj().T / np.sqrt(start.size))
    np.save(folder / "support.npy", support.T.astype(int))
    tifffile.imwrite(folder / "data.tif", np.sqrt(pattern).astype(np.float32))
    continued = {**parameters, "init_guess": "continue", "continue_dir": str(folder)}
    # a continued run of cohere drops these triggers: there, put the start in by hand
    by_hand = "twin_trigger" in parameters or "phc_trigger" in parameters
    given = dict(parameters) if by_hand else continued
    rec = phasing.create_rec(given, str(folder / "data.tif"), "np", -1, debug=True)
    if by_hand:
        rec.ds_image = np.load(folder / "image.npy")
        rec.support = np.load(folder / "support.npy")
    assert rec.iterate() == 0
    return rec.get_image().T.conj(), rec.get_support().T, np.array(rec.errs)


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a start that is given count as random phases, as `run_cohere` puts it in by hand."""

    def of(cls: type[Seed], number: int, started: bool = False) -> Seed:
        return Seed(number, torch.Generator().manual_seed(number))

    monkeypatch.setattr(Seed, "of", classmethod(of))


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize(
    ("sequence", "extra"),
    [
        ("20*ER+180*HIO", {}),
        ("10*ER+60*RAAR", {}),
        ("10*ER+60*SF", {}),
        ("2*(10*ER+30*HIO)+10*ER", {"hio_beta": 0.7, "shrink_wrap_trigger": [5, 3, -10]}),
        (
            "2*(10*ER.SW0+30*HIO.SW1)+10*ER",
            {
                "shrink_wrap_trigger": [[1, 2], [4, 5, 20]],
                "shrink_wrap_threshold": [0.2, 0.1],
                "shrink_wrap_gauss_sigma": [2.0, 1.0],
                "shrink_wrap_type": ["GAUSS", "GAUSS"],
            },
        ),
        # once, and without shrink-wrap: cohere gives voxels that are zero a phase of 0 or π by the
        # sign of that zero, which a second trigger or a growing support would make matter
        (
            "20*ER+10*HIO+10*ER",
            {
                "phc_trigger": [5, 100, 20],
                "phc_phase_min": -1.5,
                "phc_phase_max": 2,
                "shrink_wrap_trigger": [0, 1000],
            },
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")  # cohere's own
def test_same_object_as_cohere(
    tmp_path: Path, pattern: np.ndarray, start: np.ndarray, sequence: str, extra: dict[str, Any]
) -> None:
    parameters = {**SHRINK_WRAP, **extra}
    theirs, support, errors = run_cohere(
        tmp_path, pattern, start, {**parameters, "algorithm_sequence": sequence}
    )
    ours = reconstruct(
        Measurement(pattern),
        sequence,
        parameters=parameters,
        held_out=0,
        start=start,
        support=np.abs(start) > 0,
        precision="double",
        device="cpu",
    )
    scale = np.abs(ours.object).max() / np.abs(theirs).max()
    difference = np.linalg.norm(ours.object - scale * theirs) / np.linalg.norm(ours.object)
    assert difference < 1e-4
    assert (ours.support == support.astype(bool)).mean() > 0.9999
    np.testing.assert_allclose(ours.run.history["chi2"], errors, rtol=1e-4)

    single = reconstruct(
        Measurement(pattern), sequence, parameters=parameters, held_out=0, start=start,
        support=np.abs(start) > 0, device="cpu",
    )  # fmt: skip
    assert single.run.history["chi2"][-1] == pytest.approx(errors[-1], rel=0.01)


@pytest.mark.usefixtures("by_hand")
@pytest.mark.filterwarnings("ignore")
def test_twin_and_box_follow_coheres_axes(
    tmp_path: Path, pattern: np.ndarray, start: np.ndarray
) -> None:
    parameters = {"algorithm_sequence": "10*ER", "twin_trigger": [2], "twin_halves": [0, 1]}
    theirs, _, _ = run_cohere(tmp_path, pattern, start, parameters)
    ours = reconstruct(
        Measurement(pattern),
        parameters={**parameters, "shrink_wrap_trigger": []},
        held_out=0,
        start=start,
        support=np.abs(start) > 0,
        precision="double",
        device="cpu",
    )
    scale = np.abs(ours.object).max() / np.abs(theirs).max()
    assert np.linalg.norm(ours.object - scale * theirs) < 1e-5 * np.linalg.norm(ours.object)


@pytest.mark.filterwarnings("ignore")
def test_a_continued_run_drops_the_twin_trigger_as_cohere_does(
    tmp_path: Path, pattern: np.ndarray, start: np.ndarray
) -> None:
    parameters = {"algorithm_sequence": "10*ER", "shrink_wrap_trigger": []}
    theirs, _, _ = run_cohere(tmp_path, pattern, start, {"algorithm_sequence": "10*ER"})
    continued = {"init_guess": "continue", "continue_dir": str(tmp_path), "twin_trigger": [2]}
    rec = phasing.create_rec(
        {**continued, "algorithm_sequence": "10*ER"},
        str(tmp_path / "data.tif"),
        "np",
        -1,
        debug=True,
    )
    assert rec.iterate() == 0
    np.testing.assert_array_equal(rec.get_image().T.conj(), theirs)
    ours = reconstruct(
        Measurement(pattern), parameters={**parameters, **continued}, held_out=0,
        precision="double", device="cpu",
    )  # fmt: skip
    scale = np.abs(ours.object).max() / np.abs(theirs).max()
    assert np.linalg.norm(ours.object - scale * theirs) < 1e-5 * np.linalg.norm(ours.object)
    assert any(note.startswith("twin_trigger") for note in ours.run.notes)


@pytest.mark.filterwarnings("ignore")
def test_apart_from_cohere_no_faster_than_from_itself(
    tmp_path: Path, pattern: np.ndarray, start: np.ndarray
) -> None:
    """With noise HIO is chaotic: rounding alone parts two programs, as it parts one from itself."""
    noisy = np.random.default_rng(7).poisson(pattern).astype(np.float32)
    rng = np.random.default_rng(9)
    rough = start * np.exp(1j * rng.uniform(-3, 3, start.shape))
    nudged = rough * (1 + 1e-15 * rng.standard_normal(start.shape))
    sequence = "20*ER+40*HIO"
    theirs, _, _ = run_cohere(tmp_path, noisy, rough, {"algorithm_sequence": sequence})

    def ours(first: np.ndarray) -> np.ndarray:
        return reconstruct(
            Measurement(noisy), sequence, parameters={"shrink_wrap_trigger": []}, held_out=0,
            start=first, support=np.abs(start) > 0, precision="double", device="cpu",
        ).object  # fmt: skip

    one, other = ours(rough), ours(nudged)
    scale = np.abs(one).max() / np.abs(theirs).max()
    own = np.linalg.norm(one - other) / np.linalg.norm(one)
    between = np.linalg.norm(one - scale * theirs) / np.linalg.norm(one)
    assert own > 1e-6
    assert between < 100 * own


def test_the_comparison_sees_a_wrong_sign(pattern: np.ndarray, start: np.ndarray) -> None:
    # an object and its complex conjugate are different crystals: the oracle would tell them apart
    assert object_error(start.conj(), start) > 0.5
