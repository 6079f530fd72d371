"""Many runs as one answer: aligned, modes, uncertainties of voxels and figures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion

from cdi_ml_plugin.crystal.analysis import crystal_of
from cdi_ml_plugin.crystal.of_runs import BETWEEN, FIGURES
from cdi_ml_plugin.crystal.runs import agreement_of
from cdi_ml_plugin.crystal.spread import FACTORS, departures, slope
from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.data.quantities import SIZES
from cdi_ml_plugin.data.result import Result, Run
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.fourier import diffraction, shift_ramp
from cdi_ml_plugin.physics.alignment import twin
from cdi_ml_plugin.physics.modes import modes
from cdi_ml_plugin.simulate.particle import strained_crystal
from support.results import GEOMETRY

SHAPE = (40, 44, 42)


def crystal(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phase = 2 if seed == 0 else 9
    return 30 * strained_crystal(SHAPE, np.eye(3), size=17, rng=rng, phase_range=phase)


def moved(obj: np.ndarray, shift: tuple[float, ...], angle: float = 0.0) -> np.ndarray:
    ramp = shift_ramp(SHAPE, torch.tensor(shift, dtype=torch.float64)).numpy()
    return np.fft.ifftn(np.fft.fftn(obj) * ramp) * np.exp(1j * angle)


def made(
    objects: list[np.ndarray], supports: list[np.ndarray] | None = None, best: int = 0
) -> Result:
    if supports is None:
        supports = [np.ones(SHAPE, dtype=bool)] * len(objects)
    provenance = {"geometry": GEOMETRY.numbers()}
    runs = tuple(
        Run(n, obj.astype(np.complex64), held, {"free_llk": 1.0 + (n != best)}, {}, "completed")
        for n, (obj, held) in enumerate(zip(objects, supports, strict=True))
    )
    counts = diffraction(objects[best].astype(np.complex64))
    return Result(Measurement(counts, provenance=provenance), runs, best, "ER", {}, "cpu", 0.0)


def noisy(number: int, noise: float, seed: int = 1) -> list[np.ndarray]:
    """Runs whose real and imaginary parts are off by `noise` in the crystal, each in its own way."""
    rng = np.random.default_rng(seed)
    parts = noise * rng.normal(size=(2, number, *SHAPE)) * (np.abs(crystal()) > 0)
    return [crystal() + one + 1j * two for one, two in zip(*parts, strict=True)]


def test_runs_that_are_one_object_to_diffraction_agree() -> None:
    obj = crystal()
    held = np.abs(obj) > 0
    other = twin(torch.from_numpy(obj)).numpy()
    turned = twin(torch.from_numpy(held.astype(complex))).numpy().real > 0.5
    whole = (2, -3, 1)
    objects = [
        moved(obj, (0.4, -1.3, 0.8), 1.0), obj, np.roll(other, whole, (0, 1, 2)) * np.exp(2j),
    ]  # fmt: skip
    supports = [np.ones(SHAPE, dtype=bool), held, np.roll(turned, whole, (0, 1, 2))]
    found = agreement_of(made(objects, supports, best=1))
    assert sorted(found.used) == [0, 1, 2]
    assert found.used[0] == 1
    assert not found.left_out
    assert found.shares[0] == pytest.approx(1, abs=1e-6)
    assert found.window.whole(found.mean).shape == SHAPE
    np.testing.assert_allclose(found.window.whole(found.mean), obj, atol=1e-3)
    np.testing.assert_allclose(found.window.whole(found.modes)[0], obj, atol=1e-3)
    # two supports of three are the object's, moved and turned with it
    np.testing.assert_array_equal(found.window.whole(found.support), held)
    for values in (found.amplitude, found.phase):
        assert np.nanmax(values) < 1e-4
        assert np.isfinite(values)[found.solid].all()
        assert np.isnan(values)[~found.solid].all()


def test_a_run_of_another_object_is_left_out() -> None:
    objects = [*noisy(3, 0.5), crystal(5)]
    result = made(objects)
    lost = Run(9, np.full_like(result.object, np.nan), result.support, {}, {}, "not finite")
    empty = replace(result.runs[1], object=np.zeros_like(result.object))
    found = agreement_of(replace(result, runs=(*result.runs, lost, empty)))
    assert sorted(found.used) == [0, 1, 2]
    assert list(found.left_out) == [3, 4, 5]
    assert "of its power, more than 30%" in found.left_out[3]
    assert found.left_out[4] == "did not stay finite"
    assert found.left_out[5] == "has no object in its support"
    alike = agreement_of(made(objects[:3]))
    np.testing.assert_array_equal(found.shares, alike.shares)
    with pytest.raises(ParameterError, match="seed 9, did not stay finite"):
        agreement_of(replace(result, runs=(lost,), best=0))


def test_the_mode_of_the_runs_is_nearer_to_the_truth_than_any() -> None:
    truth, objects = crystal(), noisy(5, 3.0)
    found = agreement_of(made(objects))
    errors = [np.linalg.norm(one - truth) for one in objects]
    mode = found.window.whole(found.modes)[0]
    assert np.linalg.norm(np.where(mode, mode - truth, 0)) < 0.6 * min(errors)
    assert found.shares[0] == pytest.approx(modes(objects)[1][0], rel=1e-3)


def test_uncertainties_are_the_spread_times_its_factor() -> None:
    noise = 1.5  # of 30
    found = agreement_of(made(noisy(9, noise)))
    assert found.amplitude is not None
    assert found.phase is not None
    solid = binary_erosion(found.solid, iterations=5)  # far from the dim edge
    highest = np.abs(made(noisy(9, noise)).object).max()
    expected = FACTORS["amplitude"] * noise / highest
    assert np.sqrt(np.mean(found.amplitude[solid] ** 2)) == pytest.approx(expected, rel=0.05)
    expected = FACTORS["phase"] * noise / 30
    assert np.sqrt(np.mean(found.phase[solid] ** 2)) == pytest.approx(expected, rel=0.05)


def test_departures_are_blind_to_scale_and_ramp() -> None:
    obj = crystal()
    solid = np.abs(obj) > 15
    index = np.indices(SHAPE)
    change = 0.3 * np.sin(index[1] / 3.0)
    wave = 0.7 * obj * np.exp(1j * (change + 0.1 * index[0] - 0.2 * index[2] + 1))
    amplitude, phase = departures(wave, obj, solid)
    assert np.abs(amplitude).max() < 1e-4
    _, flat = departures(obj * np.exp(1j * change), obj, solid)
    np.testing.assert_allclose(phase, flat, atol=1e-5)
    assert np.std(phase[solid]) == pytest.approx(np.std(change[solid]), rel=0.15)
    # across the cut of a phase the gradient is that of the wave
    steep = slope(np.angle(np.exp(1j * 0.9 * index[2])), solid, np.array([1.0, 0, 0]))
    np.testing.assert_allclose(steep[binary_erosion(solid)], 0.9)
    assert not steep[~solid].any()


def test_a_crystal_of_several_runs() -> None:
    objects = noisy(4, 1.0)
    held = np.abs(crystal()) > 0
    result = made(objects, [held] * 4)
    found = crystal_of(result)
    assert found is not None
    alone = crystal_of(replace(result, runs=result.runs[:1]))
    assert alone is not None
    for name in ("amplitude", "phase", "displacement", "strain"):  # those of the best
        np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))
        values = found.uncertainties[name]
        assert values.dtype == np.float32
        assert np.isfinite(values[found.solid]).all()
        assert np.isnan(values[~found.solid]).all()
    length = np.linalg.norm(found.q)
    ratio = found.uncertainties["phase"] / found.uncertainties["displacement"]
    np.testing.assert_allclose(ratio[found.solid], length, rtol=1e-4)
    figures = found.figures
    assert figures["runs_used"] == 4
    assert figures["agreement"] == pytest.approx(agreement_of(result).shares[0])
    assert figures["phase_uncertainty_rad"] == np.nanmedian(found.uncertainties["phase"])
    # of one figure by hand
    each = [crystal_of(made([one], [held])) for one in objects]
    values = [one.figures["strain_rms"] for one in each if one is not None]
    assert found.errors["strain_rms"] == pytest.approx(FIGURES * np.std(values, ddof=1), rel=0.2)
    assert not {"voxel_nm", "edge_width_nm", "ramp_z_rad"} & set(found.errors)
    assert all(
        found.errors[key] >= BETWEEN * found.voxel for key in SIZES
    )  # however alike they are
    assert found.errors["d_spacing_nm"] == alone.errors["d_spacing_nm"]  # runs do not differ in it
    assert "too few runs" in found.reasons["resolution_prtf_nm"]
    assert math.isnan(figures["resolution_fsc_nm"]) == ("resolution_fsc_nm" in found.reasons)


def test_the_strain_of_a_known_departure() -> None:
    """Runs that differ by a wave of the phase along one axis of the laboratory: its slope is known."""
    obj = crystal()
    held = np.abs(obj) > 0
    place = np.indices(SHAPE)[2] - SHAPE[2] // 2
    depth, pitch = 0.2, 0.8
    objects = [obj * np.exp(1j * depth * k * np.sin(pitch * place)) for k in (0, 1, -1)]
    found = crystal_of(made(objects, [held] * 3))
    assert found is not None
    basis = GEOMETRY.direct_basis(SHAPE)
    direction = found.q / np.linalg.norm(found.q)
    # the gradient of pitch · index along Q, per nm
    steep = pitch * np.linalg.inv(basis)[2] @ direction
    inner = found.amplitude > 0.9
    # √⟨cos²⟩ = √½, the standard deviation of 0, 1, −1 is 1
    expected = FACTORS["strain"] * depth * abs(steep) * 0.5**0.5 / np.linalg.norm(found.q)
    measured = np.sqrt(np.mean(found.uncertainties["strain"][inner] ** 2))
    assert measured == pytest.approx(expected, rel=0.25)


def test_one_start_says_why() -> None:
    found = crystal_of(made([crystal()]))
    assert found is not None
    assert not found.uncertainties
    assert {key.partition("_")[0] for key in found.errors} == {"d"}  # of the geometry
    keys = ("agreement", "phase_uncertainty_rad", "strain_uncertainty", "resolution_fsc_nm")
    for key in keys:
        assert math.isnan(found.figures[key])
        assert found.reasons[key] == "one start alone: take --seeds 5"
    apart = crystal_of(made([crystal(), crystal(5)]))
    assert apart is not None
    assert apart.figures["runs_used"] == 1
    assert apart.reasons["agreement"].startswith("no other run agrees with the best (1 left out)")
