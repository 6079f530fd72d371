"""A series as a film: the same slice of each crystal in the same colours, and where it stands among the others.

GIF is what every browser and every program for slides plays; its 256 colours are those of the scale, of greys, and of
the two curves. What does not move is drawn once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from ..style.colours import CHOSEN, ColourScale
from ..style.curves import GREY, plain, whole_ticks
from ..style.sheet import Sheet, settle
from ..style.slices import short, verbatim

SHEET = Sheet(4.4, 9)
DPI = 100
LENGTH = 20.0  # seconds of a whole film, between frames of
SLOWEST, FASTEST = 800, 80  # milliseconds
COLOURS, GREYS, SHADES = (
    176,
    32,
    16,
)  # of the palette: of the scale, and of each curve down to white


@dataclass(frozen=True, eq=False)
class Frame:
    """What is shown of a scan.

    Attributes
    ----------
    title : str
    values : float (row, column)
        The first row lowest, NaN outside the crystal; of one shape for all.
    across, height : float
        Where its mark stands in the trend; NaN for nowhere.
    """

    title: str
    values: NDArray[np.floating]
    across: float
    height: float


def film(frames: Sequence[Frame], scale: ColourScale, label: str, name: str) -> bytes:
    """Draw a film as an animated GIF, which goes on forever.

    Parameters
    ----------
    frames : sequence of Frame
    scale : ColourScale
        Of the values.
    label, name : str
        Along the trend, and above it.
    """
    palette = _palette(scale)
    images = [Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE)
              for pixels in _drawn(frames, scale, label, name)]  # fmt: skip
    each = min(SLOWEST, max(FASTEST, 10 * round(100 * LENGTH / len(images))))
    buffer = BytesIO()
    first, *others = images
    first.save(
        buffer,
        "GIF",
        save_all=True,
        append_images=others,
        duration=each,
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


def _drawn(
    frames: Sequence[Frame], scale: ColourScale, label: str, name: str
) -> Iterator[NDArray[np.uint8]]:
    """The frames as pixels (row, column, 3)."""
    with SHEET.letters():
        figure = SHEET.figure(42)
        figure.set_dpi(DPI)
        title, image, mark = _parts(figure, frames, scale, label, name)
        settle(figure, SHEET)
        canvas: Any = figure.canvas
        canvas.draw()
        still = canvas.copy_from_bbox(figure.bbox)
        for frame in frames:
            canvas.restore_region(still)
            title.set_text(frame.title)
            image.set_data(np.ma.masked_invalid(frame.values))
            mark.set_data([frame.across], [frame.height])
            for part in (title, image, mark):
                part.axes.draw_artist(part)
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _parts(
    figure: Figure, frames: Sequence[Frame], scale: ColourScale, label: str, name: str
) -> tuple[Any, Any, Any]:
    """Draw what stays, and return what changes: title, picture and mark."""
    top = figure.add_axes((0.04, 0.35, 0.72, 0.58))
    top.set_axis_off()
    title = top.set_title(" ", loc="left", animated=True)
    image = top.imshow(
        np.zeros_like(frames[0].values),
        scale.cmap,
        scale.norm,
        origin="lower",
        interpolation="nearest",
        animated=True,
    )
    bar = scale.bar(figure, cax=figure.add_axes((0.78, 0.39, 0.035, 0.5)))
    bar.set_label(scale.label)
    below = figure.add_axes((0.15, 0.105, 0.81, 0.16))
    across, heights = ([getattr(f, key) for f in frames] for key in ("across", "height"))
    below.plot(across, heights, "o", color=GREY, markersize=3 if len(frames) < 60 else 1.6)
    (mark,) = below.plot([], [], "o", color=CHOSEN, markersize=7, animated=True)
    below.set_xlabel(short(label))
    below.set_title(verbatim(name), loc="left")
    below.ticklabel_format(axis="y", useOffset=True, scilimits=(-3, 4), useMathText=True)
    below.locator_params(axis="y", nbins=3)
    below.margins(0.05, 0.2)
    plain(below)
    whole_ticks(below, across)
    return title, image, mark


def _palette(scale: ColourScale) -> Image.Image:
    """The colours of the film, as the image whose palette Pillow takes."""
    shades = [np.linspace(to_rgb(colour), (1, 1, 1), SHADES) for colour in (GREY, CHOSEN)]
    greys = np.repeat(np.linspace(0, 1, GREYS)[:, None], 3, axis=1)
    every = np.concatenate([scale.cmap(np.linspace(0, 1, COLOURS))[:, :3], greys, *shades])
    made = Image.new("P", (1, 1))
    made.putpalette(np.round(255 * every).astype(np.uint8).tobytes())
    return made
