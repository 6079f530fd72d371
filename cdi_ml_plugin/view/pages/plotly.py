"""A surface as a figure of plotly.js, which turns it in a page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..style.colours import ColourScale
    from ..surfaces.coloured import Surface

EYE = np.array([0.78, 0.51, 0.98])  # from where it is seen, (x, y, z); nearer is larger
SHADES = 33  # colours that a page is given of a map
ARROW = "#D55E00"
LIGHT = {"ambient": 0.75, "diffuse": 0.45, "specular": 0.08, "roughness": 0.7, "fresnel": 0.05}
FONT = 'system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'


def plot(surface: Surface, scales: Mapping[str, ColourScale]) -> dict[str, Any]:
    """A figure as plotly.js takes it, and under ``styles`` what `Plotly.restyle` makes of its first trace."""
    styles = [
        _style(surface, colouring.values, scales[colouring.name])
        for colouring in surface.colourings
    ]
    corners = dict(zip("xyz", surface.mesh.points.T, strict=True))
    faces = dict(zip("ijk", surface.mesh.faces.T, strict=True))
    mesh = {
        "type": "mesh3d",
        **{name: _packed(values) for name, values in (corners | faces).items()},
        "lighting": LIGHT,
        "lightposition": {"x": 600, "y": 2000, "z": 2500},
        **{name: value[0] for name, value in styles[0].items()},
    }
    axis = {"gridcolor": "#d8dee4", "zerolinecolor": "#d8dee4", "showbackground": False}
    scene: dict[str, Any] = {
        f"{letter}axis": {**axis, "title": {"text": f"{name} ({surface.unit})"}}
        for letter, name in zip("xyz", surface.axes, strict=True)
    }
    scene["aspectmode"] = "data"
    scene["camera"] = {
        "up": {"x": 0, "y": 1, "z": 0},
        "eye": dict(zip("xyz", EYE.tolist(), strict=True)),
        "projection": {"type": "orthographic"},
    }
    layout = {
        "scene": scene,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "font": {"family": FONT},
        "showlegend": False,
    }
    return {"data": [mesh, *_arrow(surface)], "layout": layout, "styles": styles}


def _style(surface: Surface, values: NDArray[Any], scale: ColourScale) -> dict[str, list[Any]]:
    """One colouring as `Plotly.restyle` takes it: each value in a list of one, for one trace."""
    ticks = {}
    if scale.ticks is not None:
        ticks = {"tickvals": list(scale.ticks), "ticktext": list(scale.ticks.values())}
    shades = [[float(at), to_hex(scale.cmap(at))] for at in np.linspace(0, 1, SHADES)]
    title = {"text": scale.label, "side": "right"}
    where = "<br>".join(
        f"{name} %{{{letter}:.4~g}} {surface.unit}"
        for letter, name in zip("xyz", surface.axes, strict=True)
    )
    name = scale.label.partition(" ")[0]
    if scale.cyclic:  # between corners on either side of the wrap lie all the other colours
        values = values[surface.mesh.faces[:, 0]]
    return {
        "intensity": [_packed(values)],
        "intensitymode": ["cell" if scale.cyclic else "vertex"],
        "cmin": [float(scale.low)],
        "cmax": [float(scale.high)],
        "colorscale": [shades],
        "colorbar": [{"title": title, "thickness": 14, "len": 0.75, **ticks}],
        "hovertemplate": [f"{name} %{{intensity:.3~g}}<br>{where}<extra></extra>"],
    }


def _arrow(surface: Surface) -> list[dict[str, Any]]:
    """A line along Q, from the middle of the surface to beyond it."""
    if surface.q is None:
        return []
    points = surface.mesh.points
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    reach = np.linalg.norm(points - middle, axis=1).max()
    end = middle + 1.25 * reach * surface.q / np.linalg.norm(surface.q)
    line = {letter: [float(a), float(b)] for letter, a, b in zip("xyz", middle, end, strict=True)}
    return [
        {
            "type": "scatter3d",
            "mode": "lines+text",
            **line,
            "text": ["", "Q"],
            "textfont": {"color": ARROW, "size": 15},
            "line": {"color": ARROW, "width": 5},
            "hoverinfo": "skip",
        }
    ]


def _packed(values: NDArray[Any]) -> dict[str, str]:
    """An array as plotly.js reads it: bytes in base64, little-endian."""
    kind = {"f": "f4", "i": "i4"}[values.dtype.kind]
    data = np.ascontiguousarray(values).astype(f"<{kind}").tobytes()
    return {"dtype": kind, "bdata": base64.b64encode(data).decode("ascii")}
