"""The film of a series: a frame a scan, in the colours of the scale."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from cdi_ml_plugin.view.figures.film import FASTEST, Frame, film
from cdi_ml_plugin.view.style.colours import strain_scale


def frames(count):
    values = np.linspace(-1e-3, 1e-3, count)
    return [
        Frame(f"scan {n}", np.full((20, 30), value, np.float32), float(n), float(value))
        for n, value in enumerate(values)
    ]


def test_each_scan_has_its_colour_and_its_mark():
    shown = frames(5)
    scale = strain_scale(np.array([-1e-3, 1e-3], np.float32))
    with Image.open(BytesIO(film(shown, scale, "temperature", "strain, rms"))) as made:
        assert made.n_frames == 5
        previous = None
        for number, frame in enumerate(shown):
            made.seek(number)
            pixels = np.asarray(made.convert("RGB")) / 255
            height, width = pixels.shape[:2]
            colour = scale.cmap(scale.norm(frame.values[0, 0]))[:3]
            assert np.abs(pixels[int(0.35 * height), int(0.4 * width)] - colour).max() < 0.02
            below = pixels[int(0.7 * height) :]
            if previous is not None:
                assert not np.array_equal(below, previous)  # the mark moves
            previous = below


def test_a_hundred_scans_are_less_than_two_megabytes():
    rng = np.random.default_rng(0)
    noisy = [
        Frame("", (1e-3 * rng.standard_normal((8, 8))).astype(np.float32), n, n) for n in range(100)
    ]
    scale = strain_scale(np.array([-1e-3, 1e-3], np.float32))
    made = film(noisy, scale, "temperature", "strain, rms")
    assert len(made) < 2e6
    with Image.open(BytesIO(made)) as image:
        assert image.info["duration"] >= FASTEST
