"""The box around a scene, with ticks, and the compass that shows its directions; drawn by Matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from .camera import Camera

Real = NDArray[np.float64]
LINE = "0.45"
GRID = "0.88"
TEXT = "0.15"
# In heights of the letters:
TICK, NUMBER, NAME = 0.4, 0.7, 3.6  # from the edge of the box
SHORTEST = 1.4  # of an edge that gets ticks
ARROW = 2.5  # the length of an arrow that is not foreshortened
COMPASS = (7.2, -4.2)  # from the upper left corner to where the arrows begin
AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def draw_box(ax: Axes, camera: Camera, box: Real, names: Sequence[str], letter: float) -> None:
    """Draw the three far faces of a box with a grid, and ticks and names along its outline.

    Parameters
    ----------
    ax : Axes
        In the coordinates of `Camera.project`.
    camera : Camera
    box : (2, 3)
        Its lowest and its highest corner.
    names : three str
        Of x, y, z.
    letter : float
        The height of the letters in the unit of the box.
    """
    near = (camera.towards > 0).astype(int)  # which of the two faces across each axis is in front
    middle = camera.project(box.mean(axis=0))
    for axis, name in enumerate(names):
        others = [a for a in range(3) if a != axis]
        edges = [_edge(axis, near, flips) for flips in product((0, 1), repeat=2)]
        # of the four edges along an axis one is in front of everything; that one is not drawn
        for edge in edges[1:]:
            line = camera.project(_ends(box, axis, edge))
            ax.plot(*line.T, color=LINE, linewidth=mpl.rcParams["axes.linewidth"], zorder=1)
        # the two between a near and a far face are the outline
        outline = [camera.project(_ends(box, axis, edge)) for edge in edges[1:3]]
        sideways = 0 if axis == 1 else 1
        line = min(outline, key=lambda ends: float(ends[:, sideways].mean()))
        along = line[1] - line[0]
        length = float(np.linalg.norm(along))
        if length < SHORTEST * letter:  # it is seen from its end
            continue
        outwards = np.array([along[1], -along[0]]) / length
        if outwards @ (line.mean(axis=0) - middle) < 0:
            outwards = -outwards
        low, high = box[:, axis]
        ticks = _ticks(low, high, length / letter)
        for tick in ticks:
            at = line[0] + along * (tick - low) / (high - low)
            ax.plot(
                *np.stack([at, at + TICK * letter * outwards]).T,
                color=LINE,
                linewidth=mpl.rcParams["axes.linewidth"],
                zorder=1,
            )
            ax.text(
                *_place(at + NUMBER * letter * outwards),
                f"{tick:g}".replace("-", "−"),
                **_alignment(outwards),
                color=TEXT,
            )
            for other in others:  # across the far face of each other axis
                index = np.where(near == 1, 0, 1)
                ends = np.array([box[index[a], a] for a in range(3)])
                ends = np.stack([ends, ends])
                ends[:, axis] = tick
                ends[:, other] = box[:, other]
                ax.plot(
                    *camera.project(ends).T,
                    color=GRID,
                    linewidth=0.8 * mpl.rcParams["axes.linewidth"],
                    zorder=0.5,
                )
        turn = np.degrees(np.arctan2(along[1], along[0]))
        turn = (turn + 90) % 180 - 90
        ax.text(
            *_place(line.mean(axis=0) + NAME * letter * outwards),
            name,
            rotation=turn if axis != 1 else 90,
            ha="center",
            va="center",
            color=TEXT,
        )


def draw_compass(
    ax: Axes,
    camera: Camera,
    arrows: Mapping[str, tuple[str, Sequence[float]]],
    letter: float,
) -> None:
    """Draw directions as arrows from one point in the upper left corner: the axes, and more.

    Parameters
    ----------
    arrows : mapping of str to (colour, vector (3,))
        An arrow along one of the axes takes its place.
    """
    shown: dict[str, tuple[str, Sequence[float]]] = {
        name: (LINE, vector)
        for name, vector in AXES.items()
        if not any(np.allclose(v, vector) for _, v in arrows.values())
    }
    shown |= arrows
    corner = np.array([ax.get_xlim()[0], ax.get_ylim()[1]])
    start = corner + letter * np.array(COMPASS)
    # those that point away from who looks first, so that the nearer ones lie over them
    for name, (colour, vector) in sorted(shown.items(), key=lambda i: camera.towards @ i[1][1]):
        flat = camera.project(vector) / np.linalg.norm(vector)
        tip = start + ARROW * letter * flat
        away = flat / max(1e-9, float(np.linalg.norm(flat)))
        main = colour != LINE
        ax.annotate(
            "",
            _place(tip),
            _place(start),
            arrowprops={
                "arrowstyle": "-|>,head_length=0.35,head_width=0.15",
                "color": colour,
                "linewidth": (1.3 if main else 0.7) * mpl.rcParams["lines.linewidth"],
                "shrinkA": 0,
                "shrinkB": 0,
            },
            zorder=3,
        )
        ax.text(
            *_place(tip + 0.5 * letter * away),
            name,
            color=colour,
            fontweight="bold" if main else "normal",
            **_alignment(away),
            zorder=3,
        )


def _ticks(low: float, high: float, length: float) -> Real:
    """Round numbers along an edge of `length` letters, clear of its ends; three or more."""
    inset = min(0.04, 0.6 / length) * (high - low)
    for count in range(max(2, min(6, int(length / 2.6))), 10):
        locator = MaxNLocator(count, steps=[1, 2, 2.5, 5, 10])
        values = np.asarray(locator.tick_values(low, high), dtype=np.float64)
        ticks = values[(values > low + inset) & (values < high - inset)]
        if len(ticks) >= 3:
            break
    return ticks


def _place(point: Real) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def _alignment(outwards: Real) -> dict[str, Any]:
    """How a text is aligned that begins where an arrow ends."""
    x, y = outwards
    return {
        "ha": "left" if x > 0.35 else "right" if x < -0.35 else "center",
        "va": "bottom" if y > 0.8 else "top" if y < -0.8 else "center",
    }


def _edge(axis: int, near: NDArray[np.int_], flips: tuple[int, ...]) -> tuple[int, ...]:
    """Which end of each axis an edge is at: all near where `flips` is 0, far where it is 1."""
    ends = near.copy()
    others = [a for a in range(3) if a != axis]
    for other, flip in zip(others, flips, strict=True):
        ends[other] = near[other] ^ flip
    return tuple(int(e) for e in ends)


def _ends(box: Real, axis: int, edge: tuple[int, ...]) -> Real:
    """Both ends (2, 3) of an edge along an axis."""
    place = np.array([box[end, a] for a, end in enumerate(edge)])
    ends = np.stack([place, place])
    ends[:, axis] = box[:, axis]
    return ends
