"""Patterns of any shape in a network's field, and objects brought back: against sums written out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.data.prepare import prepare
from cdi_ml_plugin.fourier import diffraction, to_centre, to_corner, to_reciprocal
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.nn.field import FILL_AIM, Field, extents
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.simulate.batch import FILL
from cdi_ml_plugin.simulate.particle import strained_crystal

ODD = (33, 40, 47)
SHAPES = pytest.mark.parametrize("shape", [ODD, (40, 35, 36)], ids=str)


def numbers(n: int) -> Any:
    return np.arange(n) - n // 2


def positions(place: Field) -> list[Any]:
    """q of the field's voxels in data voxels, along each axis."""
    steps = zip(place.origin, place.pitch, strict=True)
    return [first + pitch * numbers(place.field) for first, pitch in steps]


def transform(obj: Any, q: Any, r: Any, periods: Any) -> Any:
    """The sum of obj·exp(−2πi q·r/n) at the q and r given along each axis; no factor before it."""
    z, y, x = (
        np.exp(-2j * np.pi * np.outer(a, b) / n) for a, b, n in zip(q, r, periods, strict=True)
    )
    return np.einsum("az,by,cx,zyx->abc", z, y, x, obj, optimize=True)


def tetrahedron(shape: tuple[int, ...], seed: int = 0) -> Any:
    """Random complex voxels in a corner of a box: nothing about it is symmetric."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij")
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) * (z + 0.7 * y + x < 1.2)


def chi2(modulus: Any, measured: Any) -> float:
    return float(((modulus - measured) ** 2).sum() / (measured**2).sum())


def data(intensity: Any, mask: Any = None, held_out: float = 0.0) -> Moduli:
    return Moduli.of(Measurement(intensity, mask), held_out, torch.device("cpu"))


def crystal(shape: Any, spans: Any, seed: int, phase: float = 2.0, ramp: Any = (0, 0, 0)) -> Any:
    """A strained crystal of about these voxels along each axis, and the exact ones."""
    rng = np.random.default_rng(seed)
    basis = np.diag([100 / span for span in spans])
    kind = ("faceted", "superellipsoid")[seed % 2]
    obj = strained_crystal(shape, basis, size=85.0, rng=rng, kind=kind, phase_range=phase)
    inside = np.abs(obj) > 0.2
    seen = [np.flatnonzero(inside.any(axis)) for axis in ((1, 2), (0, 2), (0, 1))]
    turns = np.meshgrid(
        *(numbers(n) * q / n for n, q in zip(shape, ramp, strict=True)), indexing="ij"
    )
    return obj * np.exp(2j * np.pi * sum(turns)), np.array([np.ptp(places) + 1 for places in seen])


def test_the_aim_is_the_middle_of_what_is_trained() -> None:
    assert pytest.approx(np.mean(FILL), abs=0.02) == FILL_AIM


@SHAPES
def test_an_object_of_the_field_diffracts_to_the_data(shape: tuple[int, int, int]) -> None:
    """Transform of what comes back against the written out sum over the field's voxels."""
    field, origin = 32, (1.3, -2.2, 0.4)
    z, y, x = (2 * (n / 2 + 3) / field for n in shape)  # the field covers the data
    place = Field(shape, field, (z, y, x), origin)
    obj = tetrahedron((16, 16, 16))
    scaled = [(numbers(n) - o) / p for n, o, p in zip(shape, origin, place.pitch, strict=True)]
    wave = transform(obj, scaled, [numbers(16)] * 3, [field] * 3) / field**1.5

    def back(cube: Any) -> Any:
        return to_corner(place.to_data(torch.from_numpy(cube.copy())[None])[0])

    np.testing.assert_allclose(to_centre(to_reciprocal(back(obj))), wave, atol=1e-9)
    single = to_centre(to_reciprocal(back(obj.astype(np.complex64))))
    assert chi2(single.abs().numpy(), np.abs(wave)) < 1e-10
    # neither a mirror image nor the object with its phase turned round is another solution
    wrong = [np.flip(obj, axis) for axis in (0, 1, 2, (0, 1), (0, 1, 2))]
    for cube in (*wrong, obj.conj(), obj.swapaxes(0, 1), obj.swapaxes(1, 2)):
        assert chi2(to_centre(to_reciprocal(back(cube))).abs().numpy(), np.abs(wave)) > 1e-2


@SHAPES
@pytest.mark.parametrize("field", [32, 48])
def test_intensities_between_the_voxels_are_exact(shape: tuple[int, int, int], field: int) -> None:
    spans = tuple(int(n / ratio) for n, ratio in zip(shape, (2.3, 2.9, 3.8), strict=True))
    z, y, x = (FILL_AIM * n / (2 * span) for n, span in zip(shape, spans, strict=True))
    place = Field(shape, field, (z, y, x), (0.37, -1.21, 2.6))
    obj = tetrahedron(spans)
    r = [numbers(span) + 2 for span in spans]
    measured = data(np.abs(transform(obj, map(numbers, shape), r, shape)) ** 2)
    modulus, known = place.to_field(measured)
    q = positions(place)
    wanted = np.abs(transform(obj, q, r, shape))
    within = [
        (a > -(n // 2) - 0.5) & (a < (n - 1) // 2 + 0.5) for a, n in zip(q, shape, strict=True)
    ]
    inside = within[0][:, None, None] & within[1][:, None] & within[2]
    assert modulus.dtype == torch.float32
    np.testing.assert_array_equal(known, inside)
    np.testing.assert_array_equal(modulus[~known], 0)
    error = np.abs(modulus.numpy() * measured.scale - wanted)[inside]
    assert error.max() < 2e-5 * wanted.max()


def test_the_field_holds_the_transform_of_the_object_in_its_cube() -> None:
    """An object of the cube's even voxels lies on whole data voxels: then the two grids agree."""
    field, origin = 32, (0.5, -1.25, 2.0)
    z, y, x = (2 * n / field for n in ODD)
    place = Field(ODD, field, (z, y, x), origin)
    obj = np.zeros((field, field, field), complex)
    obj[10:22:2, 10:22:2, 10:22:2] = tetrahedron((6, 6, 6))
    scaled = [(numbers(n) - o) / p for n, o, p in zip(ODD, origin, place.pitch, strict=True)]
    measured = data(np.abs(transform(obj, scaled, [numbers(field)] * 3, [field] * 3)) ** 2)
    modulus, known = place.to_field(measured)
    wanted = to_centre(to_reciprocal(to_corner(torch.from_numpy(obj)))).abs() * field**1.5
    assert 0.1 < known.float().mean() < 0.3
    error = (modulus * measured.scale - wanted)[known].abs().max()
    assert error < 2e-5 * wanted.max()


@pytest.mark.parametrize(
    ("shape", "field", "fitted", "bound"),
    [(ODD, 48, True, 1e-6), (ODD, 32, False, 1e-3), ((64, 51, 50), 32, False, 1e-3)],
)
def test_there_and_back(shape: Any, field: int, fitted: bool, bound: float) -> None:
    """A crystal, brought into the field by written out sums, diffracts to its data once back.

    A field that cuts through the pattern spreads the object beyond the cube, which costs some 5e-4.
    In the larger field the cube's voxels are fitted to the pattern instead, and nothing is lost.
    """
    obj, spans = crystal(shape, [n / 3 for n in shape], seed=1, phase=4, ramp=(2.3, -3.4, 1.1))
    assert (np.array(shape) / spans >= 2.2).all()
    measured = data(diffraction(obj))
    place = Field.of(measured, field)
    np.testing.assert_allclose(place.origin, (2.3, -3.4, 1.1), atol=1.5)
    r, half = [numbers(n) for n in shape], field // 2
    covered = [
        numbers(n)[np.abs(numbers(n) - o) <= p * half]
        for n, o, p in zip(shape, place.origin, place.pitch, strict=True)
    ]
    if fitted:
        cube = transform(obj, covered, r, shape)
        for q, o, p in zip(covered, place.origin, place.pitch, strict=True):
            waves = np.exp(-2j * np.pi * np.outer((q - o) / p, numbers(half)) / field)
            cube = np.tensordot(cube, np.linalg.pinv(waves, rcond=1e-3), axes=(0, 1))
        cube = cube * field**3
    else:
        wave = transform(obj, positions(place), r, shape)
        cube = transform(wave, [-numbers(half)] * 3, [numbers(field)] * 3, [field] * 3)
    cube = cube / np.sqrt(np.prod(shape) * field**3)
    back = place.to_data(torch.from_numpy(cube)[None])[0].numpy()
    seen = np.abs(transform(back, covered, r, shape))
    assert chi2(seen, np.abs(transform(obj, covered, r, shape))) < bound


def noisy(obj: Any, counts: float, seed: int) -> Any:
    intensity = diffraction(obj).astype(float)
    return np.random.default_rng(seed).poisson(intensity * counts / intensity.sum())


def gap(shape: tuple[int, int, int], first: int, width: int, axis: int = 1) -> Any:
    """A band of the detector without data, its first voxel counted from the centre."""
    mask = np.zeros(shape, bool)
    mask.swapaxes(0, axis)[shape[axis] // 2 + first :][:width] = True
    return mask


@pytest.mark.parametrize(
    ("phase", "with_gap", "spread"),
    [((0, 2), False, 0.15), ((3, 6), False, 0.15), ((8, 10), False, 0.25), ((0, 6), True, 0.25)],
)
def test_extents(phase: tuple[float, float], with_gap: bool, spread: float) -> None:
    """Of crystals with noise and held-out voxels, oversampled 2 to 6 times along each axis."""
    ratios = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        shape = [(64, 64, 64), (33, 80, 47), (48, 40, 100), (64, 60, 50)][seed % 4]
        spans = np.array(shape) / rng.uniform(2.5, 6, 3)
        obj, true = crystal(shape, spans, seed, rng.uniform(*phase))
        mask = gap(shape, int(rng.integers(3, 10)), int(rng.integers(2, 5)), 1 + seed % 2)
        counts = noisy(obj, 10 ** rng.uniform(6, 9), seed)
        place = Field.of(data(counts, mask if with_gap else None, 0.03), 32)
        found = [FILL_AIM * n / (2 * p) for n, p in zip(shape, place.pitch, strict=True)]
        ratios.extend(found / true)
    assert np.median(ratios) == pytest.approx(1, abs=0.08)
    assert np.quantile(np.abs(np.log(ratios)), 0.9) < spread
    assert np.abs(np.log(ratios)).max() < 0.35


@pytest.mark.parametrize(("name", "phased"), [("crop64", (20.5, 14.5, 21)), ("54", (10, 16.5, 21))])
def test_extents_of_measured_crystals(data_folder: Path, name: str, phased: Any) -> None:
    """Fringes that run out of the array, an unsteady beam: against what phasing gives."""
    if name == "crop64":
        pattern = Measurement(tifffile.imread(data_folder / "crop64" / "ft_crop_64.tif"))
    else:
        scan = data_folder / "scan_54"
        frames, spec = scan / "Staff20-1a_S0054", scan / "example.spec"
        raw = load(
            frames, spec=spec, scan=54, dark=scan / "dark.tif", white=scan / "whitefield.tif"
        )
        pattern = prepare(raw, crop=(64, 64, 64))
    place = Field.of(Moduli.of(pattern, 0.03, torch.device("cpu")), 32)
    found = [FILL_AIM * 64 / (2 * pitch) for pitch in place.pitch]
    np.testing.assert_allclose(found, phased, rtol=0.12)


def test_held_out_voxels_leave_no_trace() -> None:
    for seed, shape in enumerate([(64, 64, 64), (45, 60, 70)]):
        obj, _ = crystal(shape, [n / 3.3 for n in shape], seed, phase=3)
        counts = noisy(obj, 1e8, seed)
        whole = data(counts)
        place = Field.of(whole, 32)
        held = data(counts, held_out=0.05)
        modulus, known = place.to_field(whole)
        without, still = place.to_field(held)
        # held-out voxels are never the bright ones: what counts is what the dark ones lose
        dark = modulus < 0.1 * modulus.max()
        assert torch.equal(known, still)
        assert chi2(without * held.scale, modulus * whole.scale) < 2e-4
        assert chi2((without * held.scale)[dark], (modulus * whole.scale)[dark]) < 2e-3


def test_a_wide_gap_is_not_known_and_its_neighbours_are_right() -> None:
    shape = (50, 64, 61)
    obj, _ = crystal(shape, [n / 3.5 for n in shape], seed=3, phase=3)
    counts = noisy(obj, 1e8, 0)
    mask = gap(shape, 7, 4)
    whole, broken = data(counts), data(counts, mask, held_out=0.03)
    place = Field.of(whole, 32)
    modulus, everywhere = place.to_field(whole)
    without, known = place.to_field(broken)
    rows = torch.from_numpy(positions(place)[1])
    inside = (rows > 7) & (rows < 10)
    outside = (rows < 5.5) | (rows > 11.5)
    assert inside.any()
    assert not known[:, inside].any()
    assert torch.equal(known[:, outside], everywhere[:, outside])
    assert chi2((without * broken.scale)[known], (modulus * whole.scale)[known]) < 5e-3
    # gaps do not move the field
    again = Field.of(broken, 32)
    np.testing.assert_allclose(again.pitch, place.pitch, rtol=0.1)
    np.testing.assert_allclose(again.origin, place.origin, atol=0.15)


def test_a_bad_row_is_filled() -> None:
    """A gap of one voxel, where the pattern is oversampled, leaves the field known."""
    shape = (50, 64, 61)
    obj, _ = crystal(shape, [n / 5 for n in shape], seed=3, phase=3)
    counts = noisy(obj, 1e8, 0)
    whole, broken = data(counts), data(counts, gap(shape, 6, 1))
    place = Field.of(whole, 32)
    modulus, everywhere = place.to_field(whole)
    without, known = place.to_field(broken)
    assert torch.equal(known, everywhere)
    assert chi2(without * broken.scale, modulus * whole.scale) < 2e-3


def test_the_field_follows_the_pattern() -> None:
    """A pattern that lies elsewhere gives the same field, and the object its phase ramp back."""
    shape, moved = (45, 64, 50), (3, -5, 4)
    obj, _ = crystal(shape, [n / 4 for n in shape], seed=2, phase=3)
    intensity = diffraction(obj)
    here, there = data(intensity), data(np.roll(intensity, moved, (0, 1, 2)))
    one, other = Field.of(here, 32), Field.of(there, 32)
    np.testing.assert_allclose(np.subtract(other.origin, one.origin), moved, atol=1e-4)
    np.testing.assert_allclose(other.pitch, one.pitch, rtol=1e-5)
    (modulus, known), (shifted, also) = one.to_field(here), other.to_field(there)
    both = known & also
    assert both.float().mean() > 0.5
    assert (modulus - shifted)[both].abs().max() < 1e-4 * modulus.max()
    z, y, x = np.meshgrid(*[numbers(16)] * 3, indexing="ij")
    smooth = np.exp(-(z**2 + y**2 + x**2) / 8) * (1 + 0.3j * z + 0.2 * y - 0.1 * x)
    cube = torch.from_numpy(smooth)[None]  # within the field: no matter where that is cut
    z, y, x = np.meshgrid(
        *(numbers(n) * s / n for n, s in zip(shape, moved, strict=True)), indexing="ij"
    )
    ramp = torch.from_numpy(np.exp(2j * np.pi * (z + y + x)))
    difference = other.to_data(cube) - ramp * one.to_data(cube)
    assert difference.norm() < 1e-3 * one.to_data(cube).norm()


@pytest.mark.parametrize(
    "shape", [(32, 32, 32), (512, 32, 35), (33, 40, 301), (32, 256, 61)], ids=str
)
@pytest.mark.parametrize("field", [32, 48])
def test_any_shape(shape: tuple[int, int, int], field: int) -> None:
    obj, _ = crystal(shape, [max(6, n / 9) for n in shape], seed=0)
    measured = data(noisy(obj, 1e7, 0), gap(shape, 4, 2), held_out=0.03)
    place = Field.of(measured, field)
    modulus, known = place.to_field(measured)
    assert modulus.shape == known.shape == (field,) * 3
    assert bool(modulus.isfinite().all())
    cubes = torch.randn(2, *[field // 2] * 3, dtype=torch.complex64)
    back = place.to_data(cubes)
    assert back.shape == (2, *shape)
    assert torch.allclose(back[1:], place.to_data(cubes[1:]), atol=1e-6)


def test_no_intensity_is_taken_for_half_the_array() -> None:
    measured = data(np.ones((32, 40, 36)))
    dark = replace(measured, amplitude=torch.zeros(32, 40, 36))
    place = Field.of(dark, 32)
    assert extents(dark.amplitude) == (16, 20, 18)
    assert place.pitch == pytest.approx([FILL_AIM] * 3)
    assert place.origin == (0, 0, 0)
    assert not place.to_field(dark)[0].any()
