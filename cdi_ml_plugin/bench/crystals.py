"""Crystals of all kinds for ``cdi-ml bench solve``: drawn fine, measured coarse, the truth kept.

Each number is a crystal. A test takes numbers that no choice of a default was made on; see `TUNING`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .. import fourier
from ..data.measurement import Measurement
from ..simulate.particle import Field, coordinates, correlated_field, faceted, superellipsoid
from ..simulate.scan import resample

TUNING = range(1000)  # numbers that choices are made on; a test begins behind them
FINE = 2  # times finer than the data show is what a crystal is drawn on
SIZE = 100.0  # nm, diameter of every crystal; the grid decides how many voxels that are
SIDES = (45, 48, 50, 54, 60, 63, 64, 70, 72, 75, 80)  # voxels of a pattern along an axis
LATTICE = 2.9  # nm, of the atom-by-atom crystals: coarse, so that there are some 10^5 atoms

Rho = NDArray[np.complex64]
Draw = Callable[[Field, np.random.Generator, "Grid"], tuple[Field, Field]]


class Grid(NamedTuple):
    """Fine voxels: how many, and (3, 3) nm per voxel."""

    shape: tuple[int, int, int]
    basis: NDArray[np.float64]

    @property
    def edge(self) -> float:
        """Width of a surface: a fine voxel."""
        return float(abs(np.linalg.det(self.basis)) ** (1 / 3))


class Crystal(NamedTuple):
    """A measurement, what it came from, and of what kind it is."""

    number: int
    kind: str
    measurement: Measurement
    truth: Rho
    counts: float
    oversampling: float
    gap: bool
    visibility: float


def crystal(number: int) -> Crystal:
    """Draw the crystal of that number: kinds take turns, all else is random."""
    rng = np.random.default_rng([20261127, number])
    kind = list(KINDS)[number % len(KINDS)]
    shape = _shape(rng)
    oversampling = rng.uniform(2.3, 6.0, 3)
    grid = _grid(shape, oversampling, rng)
    points = coordinates(grid.shape, grid.basis)
    if kind == "atoms":
        obj = _atoms(rng, grid)
    else:
        amplitude, phase = KINDS[kind](points, rng, grid)
        obj = (amplitude * np.exp(1j * (phase + _strain(amplitude, rng, grid)))).astype(
            np.complex64
        )
    truth = resample(_peaked(obj), shape)
    intensity = fourier.diffraction(truth).astype(np.float64)
    visibility = float(rng.uniform(0.6, 0.95)) if rng.random() < 0.2 else 1.0
    if visibility < 1:
        intensity = blurred(intensity, np.asarray(shape) / oversampling, visibility)
    counts = 10 ** rng.uniform(6, 9)
    scale = counts / intensity.sum()
    intensity = rng.poisson(np.maximum(intensity, 0) * scale).astype(np.float32)
    mask = np.zeros(shape, dtype=bool)
    gap = bool(rng.random() < 0.25)
    if gap:
        axis = int(rng.integers(1, 3))
        first = shape[axis] // 2 + int(rng.choice((-1, 1)) * rng.integers(3, 9))
        where: list[slice] = [slice(None)] * 3
        where[axis] = slice(first, first + int(rng.integers(1, 4)))
        mask[tuple(where)] = True
    truth = (truth * np.float32(scale**0.5)).astype(np.complex64)
    return Crystal(
        number, kind, Measurement(np.where(mask, 0, intensity), mask), truth,
        float(intensity.sum()), float(oversampling.min()), gap, visibility,
    )  # fmt: skip


def _peaked(obj: Rho) -> Rho:
    """Move the maximum of an object's pattern to q = 0, as whoever prepares data does."""
    intensity = fourier.diffraction(obj)
    peak = np.unravel_index(int(intensity.argmax()), obj.shape)
    ramp = np.ones((1, 1, 1), dtype=np.complex128)
    for axis, n in enumerate(obj.shape):
        view = [1, 1, 1]
        view[axis] = n
        turns = -(peak[axis] - n // 2) * (np.arange(n) - n // 2) / n
        ramp = ramp * np.exp(2j * np.pi * turns).reshape(view)
    return (obj * ramp).astype(np.complex64)


def blurred(
    intensity: NDArray[np.float64], extent: NDArray[np.float64], visibility: float
) -> NDArray[np.float64]:
    """Intensity (z, y, x), centred, in a beam whose coherence falls to `visibility` over `extent` voxels."""
    lags = fourier.to_direct(fourier.to_corner(torch.from_numpy(intensity)))
    exponent = torch.zeros((), dtype=torch.float64)
    for axis, (n, width) in enumerate(zip(intensity.shape, extent, strict=True)):
        view = [1, 1, 1]
        view[axis] = n
        exponent = exponent + (
            torch.fft.fftfreq(n, dtype=torch.float64) * n / width
        ).square().reshape(view)
    seen = fourier.to_reciprocal(lags * visibility**exponent).real
    result: NDArray[np.float64] = fourier.to_centre(seen).clamp_min(0).numpy()
    return result


def _shape(rng: np.random.Generator) -> tuple[int, int, int]:
    """Voxels of a pattern: some 64³ in all, even and odd, long and flat."""
    z, y, x = (int(n) for n in rng.choice(SIDES, 3))
    return z, y, x


def _grid(
    shape: tuple[int, int, int], oversampling: NDArray[np.float64], rng: np.random.Generator
) -> Grid:
    """A sheared grid whose field of view is `oversampling` times the crystal along each axis."""
    fine = tuple(FINE * n for n in shape)
    shear = np.eye(3) + np.triu(rng.normal(0, 0.15, (3, 3)), 1)
    turn = Rotation.random(random_state=rng).as_matrix()
    return Grid(
        (fine[0], fine[1], fine[2]), turn @ shear @ np.diag(SIZE * oversampling / np.array(fine))
    )


def _body(points: Field, rng: np.random.Generator, grid: Grid) -> Field:
    """Amplitude of an even crystal, faceted or rounded."""
    if rng.random() < 0.7:
        return faceted(points, SIZE, rng, grid.edge)
    a, b, c = SIZE / 2 * rng.uniform(0.75, 1.2, 3)
    e, n = rng.uniform(0.3, 1.2, 2)
    turn = Rotation.random(random_state=rng).as_matrix()
    return superellipsoid(points, (a, b, c), e, n, turn, grid.edge)


def _strain(amplitude: Field, rng: np.random.Generator, grid: Grid) -> Field:
    """Phase of a smooth random displacement: 1 to 16 rad from the lowest to the highest inside."""
    wide = rng.uniform(0.2, 0.5) * SIZE
    phase = correlated_field(grid.shape, grid.basis, wide, rng)
    inside = phase[amplitude > 0.5]
    scaled: Field = phase * np.float32(
        np.exp(rng.uniform(0, np.log(16))) / (inside.max() - inside.min())
    )
    return scaled


def _direction(rng: np.random.Generator) -> Field:
    vector = rng.normal(size=3)
    unit: Field = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def _along(points: Field, rng: np.random.Generator, off: float) -> Field:
    """Distance in nm from a random plane that passes the centre within `off` radii."""
    distance: Field = np.tensordot(_direction(rng), points, 1) - np.float32(
        rng.uniform(-off, off) * SIZE / 2
    )
    return distance


def _even(points: Field, rng: np.random.Generator, grid: Grid) -> tuple[Field, Field]:
    body = _body(points, rng, grid)
    return body, np.zeros_like(body)


def _uneven(points: Field, rng: np.random.Generator, grid: Grid) -> tuple[Field, Field]:
    """Amplitude that varies by half, or hot inside, or dim towards one side."""
    body = _body(points, rng, grid)
    smooth = correlated_field(grid.shape, grid.basis, rng.uniform(0.15, 0.4) * SIZE, rng)
    return body * np.clip(1 + 0.35 * smooth, 0.25, 2.5), np.zeros_like(body)


def _void(points: Field, rng: np.random.Generator, grid: Grid) -> tuple[Field, Field]:
    body = _body(points, rng, grid)
    middle = (rng.uniform(-0.2, 0.2, 3) * SIZE).astype(np.float32)
    away = np.linalg.norm(points - middle[:, None, None, None], axis=0)
    hole = np.clip(0.5 + (away - rng.uniform(0.08, 0.2) * SIZE) / grid.edge, 0, 1)
    return body * hole.astype(np.float32), np.zeros_like(body)


def _wall(points: Field, rng: np.random.Generator, grid: Grid) -> tuple[Field, Field]:
    """A domain wall, or a stacking fault: the phase steps across a plane."""
    body = _body(points, rng, grid)
    step = np.float32(rng.choice((np.pi, 2 * np.pi / 3)))
    return body, step * (_along(points, rng, 0.5) > 0)


def _grains(points: Field, rng: np.random.Generator, grid: Grid) -> tuple[Field, Field]:
    """Two grains: one dimmer, and turned a little, which is a slope of its phase."""
    body = _body(points, rng, grid)
    beyond = _along(points, rng, 0.5) > 0
    slope = np.tensordot(_direction(rng), points, 1) * np.float32(rng.uniform(2, 8) / SIZE)
    dim = np.float32(rng.uniform(0.3, 0.9))
    return np.where(beyond, dim * body, body), np.where(beyond, slope, 0).astype(np.float32)


def _dislocation(points: Field, rng: np.random.Generator, grid: Grid) -> tuple[Field, Field]:
    """One or two lines about which the phase winds once, with less amplitude near each."""
    body = _body(points, rng, grid)
    phase = np.zeros_like(body)
    for _ in range(int(rng.integers(1, 3))):
        frame = Rotation.random(random_state=rng).as_matrix().astype(np.float32)
        a, b = (
            np.tensordot(frame[i], points, 1) - np.float32(rng.uniform(-0.2, 0.2) * SIZE)
            for i in (0, 1)
        )
        phase += np.arctan2(a, b)
        body = body * (1 - 0.7 * np.exp(-(a**2 + b**2) / (2 * (0.03 * SIZE) ** 2)))
    return body, phase


def _atoms(rng: np.random.Generator, grid: Grid) -> Rho:
    """An fcc crystal summed atom by atom: F(q) = Σ exp(−iG·u) exp(−iq·r), u from a relaxed surface,
    a dislocation or a shell under misfit.

    Each atom is spread over fine voxels by a cubic B-spline, whose own transform is divided out.
    """
    n = int(SIZE / LATTICE * 0.8)
    cells = np.stack(np.meshgrid(*[np.arange(-n, n + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    base = np.array([(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)])
    frame = Rotation.random(random_state=rng).as_matrix()
    atoms = ((cells[:, None] + base).reshape(-1, 3) * LATTICE).astype(np.float32)
    points = atoms.T.reshape(3, -1, 1, 1)
    atoms = atoms[faceted(points, SIZE, rng).ravel() > 0]
    radius = np.linalg.norm(atoms, axis=1)
    burgers = int(rng.integers(0, 3))
    phase = rng.uniform(1, 6) * np.exp(
        (radius - radius.max()) / (0.15 * SIZE)
    )  # the surface relaxes
    if burgers == 1:
        off = rng.uniform(-0.15, 0.15, 2) * SIZE
        phase += np.arctan2(atoms[:, 1] - off[1], atoms[:, 0] - off[0])
    elif burgers == 2:
        core = rng.uniform(0.2, 0.35) * SIZE
        phase += rng.uniform(2, 8) * np.minimum(1, (core / np.maximum(radius, core)) ** 3)
    phase += rng.uniform(0, 4) * np.sin(
        2 * np.pi * atoms @ _direction(rng) / (rng.uniform(0.8, 2) * SIZE)
    )
    place = np.linalg.solve(grid.basis, (atoms @ frame.T).T)  # fine voxels from the centre
    obj = np.zeros(grid.shape, dtype=np.complex128)
    whole = np.floor(place).astype(int)
    part = place - whole
    weights = np.stack(
        [(1 - part) ** 3, 3 * part**3 - 6 * part**2 + 4,
         -3 * part**3 + 3 * part**2 + 3 * part + 1, part**3]
    ) / 6  # fmt: skip
    wave = np.exp(1j * phase)
    size = int(np.prod(grid.shape))
    for i, j, k in np.ndindex(4, 4, 4):
        index = [
            (whole[a] + o - 1 + grid.shape[a] // 2) % grid.shape[a] for a, o in enumerate((i, j, k))
        ]
        flat = np.ravel_multi_index(tuple(index), grid.shape)
        value = weights[i, 0] * weights[j, 1] * weights[k, 2] * wave
        obj += (
            np.bincount(flat, value.real, size) + 1j * np.bincount(flat, value.imag, size)
        ).reshape(grid.shape)
    spectrum = np.fft.fftn(np.fft.ifftshift(obj))
    for axis, m in enumerate(grid.shape):
        view = [1, 1, 1]
        view[axis] = m
        spectrum /= (np.sinc(np.fft.fftfreq(m)) ** 4).reshape(view)
    return np.fft.fftshift(np.fft.ifftn(spectrum)).astype(np.complex64)


KINDS: dict[str, Draw] = {
    "even": _even,
    "uneven": _uneven,
    "void": _void,
    "wall": _wall,
    "grains": _grains,
    "dislocation": _dislocation,
    "atoms": _even,  # has a way of its own
}
