"""A virtual rocking scan of 34-ID-C: frames, SPEC file, dark and white field, and the truth."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray

from .. import fourier
from ..errors import ParameterError
from ..geometry.geometry import Geometry
from ..utils import memory
from ..utils.files import check_folder, staged
from ..utils.values import above_0, number, several, volume, whole
from ..utils.values import path as named
from .particle import Field, Shape, coordinates, strained_crystal

FILES = ("frames", "virtual.spec", "dark.tif", "white.tif", "truth.npz")
SCAN = 1
MOST_FRAMES = 4096
DETECTOR = 512  # pixels along each side of the 34idcTIM2
CHIP = 254  # the read-out region stays on the first chip, clear of the seam at pixel 256
THETA = 0.22  # degrees, where the peak is
STEP = 0.012  # degrees; with 64 frames, voxels about as long in rocking as along the detector
WHITE = 1e4  # mean counts of the white field
RESPONSE = 0.015  # relative spread of the pixels' response
HOT = 200.0  # counts in a hot pixel, each frame
DATE = 1580846903  # seconds since 1970, fixed so that the same seed writes the same bytes


@dataclass(frozen=True)
class VirtualScan:
    """Where a virtual scan lies, and what is in it.

    Attributes
    ----------
    folder, frames, spec, dark, white, truth : Path
        The whole; the folder of TIFF frames; the files.
    scan : int
        Its number in the SPEC file.
    peak : (frame, row, column)
        Voxel of the Bragg peak; not the middle of the frames.
    geometry : Geometry
        Referred to `peak`.
    counts : float
        Expected counts of the pattern over all frames, background and hot pixels aside.
    """

    folder: Path
    frames: Path
    spec: Path
    dark: Path
    white: Path
    truth: Path
    scan: int
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
    crystal: Callable[[Field], NDArray[np.complexfloating]] | None = None,
    force: bool = False,
) -> VirtualScan:
    """Simulate a Au 111 rocking scan of a strained crystal and write it as 34-ID-C would.

    Parameters
    ----------
    folder : path
        Gets ``frames/virtual_S0001_00000.tif`` …, ``virtual.spec``, ``dark.tif``, ``white.tif``
        and ``truth.npz`` (``object``, complex64 in the square root of counts, centred, of the
        scan's shape; ``support``, bool).
    shape : (frames, rows, columns)
        At least 16 each, at most 254 rows and columns (one chip of the detector).
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
    _check(shape, photons, background, phase_range, seed, size, edge)
    check_folder(folder, FILES, force)  # before the work
    rng = np.random.default_rng(seed)
    # n/8 at most, so that a crop about the peak loses little
    offset = tuple(min(o, n // 8) * s for o, n, s in zip((3, 6, 5), shape, (1, -1, 1), strict=True))
    frame, row, column = (n // 2 + o for n, o in zip(shape, offset, strict=True))
    geometry = _geometry(shape, (frame, row, column))
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

    dark, white = _detector(rng, geometry.roi, (row, column))
    roi = (
        slice(geometry.roi[2], geometry.roi[2] + geometry.roi[3]),
        slice(geometry.roi[0], geometry.roi[0] + geometry.roi[1]),
    )
    seen = (expected + background) * (white[roi] / white.mean())
    seen += np.where((dark[roi] > 1) & (white[roi] > 0), HOT, 0.0)
    counts = rng.poisson(seen).astype(np.int32)

    with staged(folder, FILES, force) as stage:
        (stage / "frames").mkdir()
        for number, image in enumerate(counts):
            path = stage / "frames" / f"virtual_S{SCAN:04d}_{number:05d}.tif"
            tifffile.imwrite(path, image, metadata=None)
        tifffile.imwrite(stage / "dark.tif", dark, metadata=None)
        tifffile.imwrite(stage / "white.tif", white, metadata=None)
        (stage / "virtual.spec").write_text(_spec(geometry, counts), encoding="ascii")
        inside = np.sqrt(scale * np.prod(fine) / np.prod(shape))  # amplitude far from the surface
        support = np.abs(truth) > 0.5 * inside
        np.savez_compressed(stage / "truth.npz", object=truth, support=support)
    root = Path(folder)
    frames, spec, dark_file, white_file, truth_file = (root / name for name in FILES)
    return VirtualScan(
        folder=root,
        frames=frames,
        spec=spec,
        dark=dark_file,
        white=white_file,
        truth=truth_file,
        scan=SCAN,
        peak=(frame, row, column),
        geometry=geometry,
        counts=photons,
    )


def _check(
    shape: Shape,
    photons: float,
    background: float,
    phase_range: float,
    seed: int,
    size: float,
    edge: float,
) -> None:
    frames, *others = several("virtual scan: shape", shape, 3, 16, MOST_FRAMES)
    if max(others) > CHIP:
        raise ParameterError(f"virtual scan: shape {shape}: at most {CHIP} rows and columns")
    above_0("virtual scan: photons", photons)
    number("virtual scan: photons", photons, 0, 1e12)
    number("virtual scan: background", background, 0, 1e6)
    number("virtual scan: phase_range", phase_range, 0, 1000)
    whole("virtual scan: seed", seed, 0, 2**63 - 1)
    above_0("virtual scan: size", size)
    number("virtual scan: edge", edge, 0)
    memory.check("a scan", math.prod((frames, *others)), 200, "simulate fewer voxels")


def _geometry(shape: Shape, peak: tuple[int, int, int]) -> Geometry:
    """Return the angles of a Au 111 peak at 9 keV, with the peak at the middle of the chip."""
    _, rows, columns = shape
    first_row = max(0, min(CHIP // 2 - peak[1], CHIP - rows))
    first_column = max(0, min(CHIP // 2 - peak[2], CHIP - columns))
    return Geometry(
        energy=9.0,
        distance=0.5,
        theta=THETA,
        chi=90.0,
        phi=-5.0,
        delta=32.174,
        gamma=12.6346,
        step=STEP,
        reference=peak,
        roi=(first_column, columns, first_row, rows),
    )


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


def _detector(
    rng: np.random.Generator, roi: tuple[int, int, int, int], peak: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Dark field (hot pixels > 1) and white field (dead pixels 0) of the full detector."""
    white = 1 + RESPONSE * rng.standard_normal((DETECTOR, DETECTOR), dtype=np.float32)
    white *= np.float32(WHITE)
    dark = np.zeros((DETECTOR, DETECTOR), dtype=np.int32)
    first_column, columns, first_row, rows = roi
    fields: tuple[tuple[NDArray[Any], int, int], ...] = ((dark, 100, 40), (white, 0, 100))
    for field, value, many in fields:
        at = rng.integers(0, DETECTOR, (many, 2))
        within = np.array([first_row, first_column]) + rng.integers(0, (rows, columns), (6, 2))
        # the brightest pixel stays whole: whoever loses it drives the stage a little and repeats
        centre = np.array([first_row + peak[0], first_column + peak[1]])
        for r, c in np.concatenate([at, within]):
            if max(abs(r - centre[0]), abs(c - centre[1])) > 8:
                field[r, c] = value
    return dark, white


def _spec(g: Geometry, counts: NDArray[np.int32]) -> str:
    frames = len(counts)
    theta = g.angles["theta"] + g.step * (np.arange(frames) - g.reference[0])
    date = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(DATE))
    first_column, columns, first_row, rows = g.roi
    labels = "Theta  Epoch  Seconds  ImageTot  ImageMax  Monitor  Detector"
    lines = [
        "#F virtual.spec",
        f"#E {DATE}",
        f"#D {date}",
        "#C sixc  User = virtual",
        "",
        "#O0 Delta  Theta  Chi  Phi  Mu  Gamma  Sample_X  Sample_Y",
        "#O1 detectorX  camdist  IDEnergy  Energy",
        "#o0 del th chi phi mu gam x y",
        "#o1 detx cam iden en",
        "#J0 Seconds  Monitor  Detector  ImageTot  ImageMax",
        "#j0 sec mon det imtot immax",
        "",
        f"#S {SCAN}  ascan  th {theta[0]:.7g} {theta[-1]:.7g}  {frames - 1} 1",
        f"#D {date}",
        "#T 1  (Seconds)",
        "#P0 {delta} {theta} {chi} {phi} 0 {gamma} 0 0".format(**g.angles),
        f"#P1 0 {1000 * g.distance:g} {g.energy + 0.2:g} {g.energy:g}",
        "#UIMDET 34idcTIM2:",
        "#UIM Image header information from areaDetector",
        "#UIMR Name minX sizeX minY sizeY BgdWidth",
        f"#Readout 0 {DETECTOR} 0 {DETECTOR}",
        f"#UIMR5  {first_column} {columns} {first_row} {rows} 1",
        "#UIMC counter STATS# Value-PV",
        "#UIMC1 imtot 5 Total",
        "#UIMC2 immax 5 MaxValue",
        f"#N {len(labels.split('  '))}",
        f"#L {labels}",
    ]
    for point, (angle, image) in enumerate(zip(theta, counts, strict=True)):
        total, highest = int(image.sum(dtype=np.int64)), int(image.max())
        lines.append(f"{angle:.7g} {point + 1} 1 {total} {highest} 1000 0")
    return "\n".join([*lines, ""])
