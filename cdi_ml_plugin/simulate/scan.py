"""A virtual rocking scan: the files of a beamline, and the truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .. import fourier
from ..errors import ParameterError
from ..geometry.geometry import Geometry
from ..utils import memory
from ..utils.files import check_folder, staged
from ..utils.values import above_0, number, several, volume, whole
from ..utils.values import path as named
from .layouts.layout import Layout
from .layouts.table import LAYOUTS
from .particle import Field, Shape, coordinates, strained_crystal

TRUTH = "truth.npz"
MOST_FRAMES = 4096


@dataclass(frozen=True)
class VirtualScan:
    """Where a virtual scan lies, and what is in it.

    Attributes
    ----------
    folder, data, truth : Path
        The whole; what a reader is given; the file of the truth.
    options : mapping of str to Path or int
        What `load` takes besides: ``scan``, ``spec`` …
    peak : (frame, row, column)
        Voxel of the Bragg peak in the data; not the middle of the frames.
    geometry : Geometry
        Referred to `peak`.
    counts : float
        Expected counts of the pattern over all frames, background and hot pixels aside.
    """

    folder: Path
    data: Path
    options: Mapping[str, Any]
    truth: Path
    peak: tuple[int, int, int]
    geometry: Geometry
    counts: float

    def true_object(self, shape: Shape | None = None) -> NDArray[np.complex64]:
        """Return the object that data cropped to `shape` can show; see `resample`."""
        with np.load(self.truth, allow_pickle=False) as file:
            truth: NDArray[np.complex64] = file["object"]
        return truth if shape is None else resample(truth, shape)


def resample(obj: NDArray[np.complex64], shape: Sequence[int]) -> NDArray[np.complex64]:
    """Object whose diffraction is that of `obj`, cropped or zero-padded about q = 0 to `shape`.

    Both centred; the field of view stays, the voxels grow or shrink. Σ|object|² remains the sum of
    the intensity in the window.
    """
    fine = torch.from_numpy(np.ascontiguousarray(obj, dtype=np.complex64))
    result: NDArray[np.complex64] = fourier.resample(fine, shape).numpy()
    return result


def write_virtual_scan(
    folder: str | Path,
    *,
    shape: Shape = (72, 128, 128),
    seed: int = 0,
    photons: float = 2e7,
    size: float = 320.0,
    kind: str = "faceted",
    phase_range: float = 2.0,
    edge: float = 25.0,
    background: float = 0.0,
    layout: str = "34idc",
    crystal: Callable[[Field], NDArray[np.complexfloating]] | None = None,
    force: bool = False,
) -> VirtualScan:
    """Simulate a rocking scan of a strained crystal and write it as a beamline would.

    Parameters
    ----------
    folder : path
        Gets the files of the layout (34-ID-C: ``frames/virtual_S0001_00000.tif`` …, ``virtual.spec``,
        ``dark.tif``, ``white.tif``) and ``truth.npz`` (``object``, complex64 in the square root of counts,
        centred, of the pattern's shape; ``support``, bool).
    shape : (frames, rows, columns)
        Of the pattern, at least 16 each, at most 240 rows and columns (one chip of a detector; 254 at
        34-ID-C). Most layouts keep frames of the whole detector, with the pattern in a part of them.
    seed : int
        The same seed writes the same files.
    photons : float
        Expected counts in all frames.
    size : float
        Diameter of the crystal in nm (sphere of the same volume).
    kind : {"faceted", "superellipsoid"}
    phase_range : float
        Lowest to highest phase in the crystal, rad.
    edge : float
        Width of its surface in nm; wider means fewer counts beyond the frames.
    background : float
        Expected counts of each pixel in each frame besides the pattern.
    layout : str
        Whose files: one of `layouts.table.LAYOUTS`.
    crystal : callable, optional
        A crystal of one's own instead of a random one: gets positions in nm in the laboratory frame,
        (3, z, y, x), returns ρ = s·exp(−iG·u), complex (z, y, x); `size`, `kind`, `phase_range` and
        `edge` then mean nothing.
    force : bool
        Replace files that are there already.

    Raises
    ------
    ParameterError
        A number out of range, or a crystal larger than the field of view.
    WriteError
        The folder cannot be written to, or holds such a scan and `force` is not set.
    """
    named("folder", folder)
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise ParameterError(
            f"virtual scan: layout {layout!r:.40} is unknown: use one of {', '.join(LAYOUTS)}"
        )
    beamline = LAYOUTS[layout]()
    _check(beamline, shape, photons, background, phase_range, seed, size, edge)
    files = (*beamline.files, TRUTH)
    check_folder(folder, files, force)  # before the work
    rng = np.random.default_rng(seed)
    # n/8 at most, so that a crop about the peak loses little
    offset = tuple(min(o, n // 8) * s for o, n, s in zip((3, 6, 5), shape, (1, -1, 1), strict=True))
    frame, row, column = (n // 2 + o for n, o in zip(shape, offset, strict=True))
    geometry = beamline.geometry(shape, (frame, row, column))
    # Finer voxels than the data can show, then a window of the pattern: the fringes run out of
    # the frames, as they do, instead of being folded back.
    fine = (_even(shape[0]), _even(shape[1]), _even(shape[2]))
    basis = geometry.direct_basis(fine)
    if crystal is not None:
        if not callable(crystal):
            raise ParameterError(
                f"virtual scan: crystal is of type {type(crystal).__name__}: give a function of positions"
            )
        made = volume("virtual scan: what crystal returns", crystal(coordinates(fine, basis)), fine)
        if not made.any():
            raise ParameterError("virtual scan: crystal is 0 everywhere: it must scatter")
        obj = made.astype(np.complex64)
    else:
        obj = strained_crystal(
            fine, basis, size=size, rng=rng, kind=kind, phase_range=phase_range, edge=edge
        )
    obj = _centre_peak(obj)
    pattern = fourier.diffraction(obj).astype(np.float64)
    starts = [m // 2 - n // 2 - o for m, n, o in zip(fine, shape, offset, strict=True)]
    window = pattern[tuple(slice(s, s + n) for s, n in zip(starts, shape, strict=True))]
    scale = photons / window.sum()
    expected = window * scale
    truth = resample((obj * np.sqrt(scale)).astype(np.complex64), shape)

    with staged(folder, files, force) as stage:
        beamline.write(stage, geometry, expected + background, (row, column), rng)
        inside = np.sqrt(scale * np.prod(fine) / np.prod(shape))  # amplitude far from the surface
        support = np.abs(truth) > 0.5 * inside
        np.savez_compressed(stage / TRUTH, object=truth, support=support)
    root = Path(folder)
    return VirtualScan(
        folder=root,
        data=root / beamline.data,
        options={
            name: root / value if isinstance(value, str) else value
            for name, value in beamline.options.items()
        },
        truth=root / TRUTH,
        peak=geometry.reference,
        geometry=geometry,
        counts=photons,
    )


def _check(
    layout: Layout,
    shape: Shape,
    photons: float,
    background: float,
    phase_range: float,
    seed: int,
    size: float,
    edge: float,
) -> None:
    frames, *others = several("virtual scan: shape", shape, 3, 16, MOST_FRAMES)
    if max(others) > layout.largest:
        raise ParameterError(
            f"virtual scan: shape {shape}: at most {layout.largest} rows and columns"
        )
    above_0("virtual scan: photons", photons)
    number("virtual scan: photons", photons, 0, 1e12)
    number("virtual scan: background", background, 0, 1e6)
    number("virtual scan: phase_range", phase_range, 0, 1000)
    whole("virtual scan: seed", seed, 0, 2**63 - 1)
    above_0("virtual scan: size", size)
    number("virtual scan: edge", edge, 0)
    memory.check("a scan", math.prod((frames, *others)), 200, "simulate fewer voxels")


def _even(n: int) -> int:
    return 2 * round(0.75 * n)


def _centre_peak(crystal: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Choose q = 0, which is free (a ramp of the phase), at the maximum of the pattern."""
    shape = crystal.shape
    for _ in range(3):  # a parabola through the logarithm finds it to a fraction of a voxel
        pattern = np.log(np.maximum(fourier.diffraction(crystal), 1e-30))
        top = np.unravel_index(int(pattern.argmax()), shape)
        away = []
        for axis, at in enumerate(top):
            line = pattern[tuple(slice(None) if a == axis else t for a, t in enumerate(top))]
            left, middle, right = line[at - 1], line[at], line[(at + 1) % line.size]
            curvature = 2 * middle - left - right
            part = 0.5 * (right - left) / curvature if curvature > 0 else 0.0
            away.append(float(at - shape[axis] // 2 + part))
        ramp = fourier.to_centre(fourier.shift_ramp(shape, torch.tensor(away)))
        crystal = crystal * ramp.numpy()
    return crystal
