"""Make the pictures of docs/how-to/gallery.md: ``python examples/gallery/make.py SCAN_54 docs/images``.

SCAN_54 is the folder of scan 54 (frames, example.spec, dark and white field), from the repository
AdvancedPhotonSource/cohere_examples. What is bad is made on purpose, from a virtual scan whose truth is known.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import binary_erosion

from cdi_ml_plugin import Measurement, load, prepare, reconstruct
from cdi_ml_plugin.crystal.beside import beside
from cdi_ml_plugin.data.inspect import inspect
from cdi_ml_plugin.data.result import Result
from cdi_ml_plugin.simulate.scan import write_virtual_scan
from cdi_ml_plugin.view.figures.inspection import draw_inspection
from cdi_ml_plugin.view.figures.pictures import Pictures
from cdi_ml_plugin.view.figures.summary import draw_summary
from cdi_ml_plugin.view.figures.truth import draw_truth
from cdi_ml_plugin.view.style.sheet import Sheet

CROP = (64, 64, 64)
COLUMN = Sheet(3.35, 8)
BAD = 760  # pixels
WIDE = 1200
SUPPORT_STAYS = {"shrink_wrap_trigger": []}


def keep(figure, path: Path, pixels: int) -> None:
    """Write a figure as PNG of few colours: pages load it."""
    figure.savefig(path, dpi=pixels / figure.get_figwidth())
    Image.open(path).convert("RGB").quantize(200, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def good(folder: Path, out: Path) -> None:
    """All kinds of pictures of scan 54."""
    frames = load(
        folder / "Staff20-1a_S0054",
        spec=folder / "example.spec",
        scan=54,
        dark=folder / "dark.tif",
        white=folder / "whitefield.tif",
    )
    keep(draw_inspection(frames, inspect(frames)), out / "scan54_inspection.png", 1000)
    result = reconstruct(prepare(frames, threshold=2, crop=(128, 128, 128)), seeds=5)
    keep(draw_summary(result), out / "scan54_summary.png", 1500)
    pictures = Pictures(result, size=WIDE)
    for kind in pictures.plan():
        keep(pictures.draw(kind), out / f"scan54_{kind.replace('-', '_')}.png", WIDE)
    column = Pictures(result, size=BAD, sheet=COLUMN)
    keep(column.draw("slices"), out / "scan54_slices_column.png", BAD)


def bad(out: Path) -> None:
    """A virtual scan with its truth, and what goes wrong with it."""
    with tempfile.TemporaryDirectory() as folder:
        scan = write_virtual_scan(folder)
        data = prepare(load(scan.data, **scan.options), crop=CROP)
        known = scan.true_object(CROP)
        result = reconstruct(data, seeds=3)
        keep(draw_summary(result), out / "summary.png", 1500)
        assert data.geometry is not None
        keep(draw_truth(beside(result.object, known, data.geometry)), out / "truth.png", WIDE)
        for name, made in spoilt(data, result, known).items():
            picture = Pictures(made, size=BAD, sheet=COLUMN).draw("slices")
            keep(picture, out / f"bad_{name}.png", BAD)


def spoilt(data: Measurement, result: Result, known: np.ndarray) -> dict[str, Result]:
    """Results that should not be believed, by what is wrong with them."""
    twin = np.roll(known[::-1, ::-1, ::-1].conj(), (1, 1, 1), (0, 1, 2))
    body = np.abs(known) > 0.3 * np.abs(known).max()
    tight = binary_erosion(body, iterations=2)
    both = body | (np.abs(twin) > 0.3 * np.abs(twin).max())
    geometry = data.geometry
    assert geometry is not None
    numbers = {**geometry.numbers(), "step": -geometry.numbers()["step"]}
    wrong = Measurement(data.intensity, data.mask, {"geometry": numbers})
    full = 0.02 * float(data.intensity.max())
    about = {"geometry": geometry.numbers()}
    saturated = Measurement(np.minimum(data.intensity, full), data.mask, about)
    return {
        "stuck": reconstruct(data, "150*ER", seeds=1),
        "twins": reconstruct(
            data, "3*ER", start=known + twin, support=both, parameters=SUPPORT_STAYS
        ),
        "tight": reconstruct(data, "60*ER", start=known, support=tight, parameters=SUPPORT_STAYS),
        "geometry": replace(result, measurement=wrong),
        "saturated": reconstruct(saturated, seeds=1),
        "edge": reconstruct(cut(data), seeds=1),
    }


def cut(data: Measurement) -> Measurement:
    """The pattern of a scan that stopped four frames after the peak."""
    intensity = data.intensity.copy()
    intensity[CROP[0] // 2 + 4 :] = 0
    assert data.geometry is not None
    return Measurement(intensity, data.mask, {"geometry": data.geometry.numbers()})


if __name__ == "__main__":
    target = Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    bad(target)
    good(Path(sys.argv[1]), target)
