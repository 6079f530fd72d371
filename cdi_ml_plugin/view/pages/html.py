"""Pages that need no other file and no network: one environment, one stylesheet, numbers and pictures in it."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from ...data.quantities import QUANTITIES, number

DPI = 120


def render(template: str, **content: Any) -> str:
    """Fill a template of this folder; whatever text it is given is escaped."""
    return environment().get_template(template).render(content)


@cache
def environment() -> Environment:
    """The environment of all pages."""
    made = Environment(
        loader=PackageLoader("cdi_ml_plugin", "view/pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "range": spread, "percent": percent}
    made.globals |= {
        "metric_names": {key: what.name for key, what in QUANTITIES.items()},
        "plotly": plotly,
    }
    return made


@cache
def plotly() -> Markup:
    """The whole of plotly.js, packed by gzip into letters: 2 MB in place of 5, which a browser unpacks."""
    from plotly.offline import get_plotlyjs  # a few megabytes: only for pages that need it

    packed = gzip.compress(get_plotlyjs().encode(), 9, mtime=0)
    return Markup(base64.b64encode(packed).decode("ascii"))


def picture(figure: Figure, dpi: int = DPI) -> str:
    """A figure as the address of an image."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=dpi)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def percent(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.0f} %"


def spread(values: Mapping[str, Any] | None) -> str:
    """Median (10 – 90 %)."""
    if not values or "median" not in values:
        return "–"
    median, low, high = (number(values[name]) for name in ("median", "low", "high"))
    return f"{median} ({low} – {high})"
