"""Sums along each axis and the rocking curve, in silx plots."""

from __future__ import annotations

from typing import Any

import numpy as np
from silx.gui import qt
from silx.gui.plot import PlotWidget

from ...data.inspect import Inspection
from ...data.measurement import Measurement
from ..style.curves import COLOURS
from ..style.slices import AXES, PLANES
from .counts import all_along, counts_colours, known
from .fit import Fit

FRAMED = "#56B4E9"  # light on a dark pattern
SUM, BRIGHTEST = COLOURS[:2]
DOUBTFUL = COLOURS[3]
DOT = 4


class Overview:
    """Three projections above the rocking curve; voxels count from 0, as recorded.

    Parameters
    ----------
    backend : str
        Of silx's plots.
    """

    def __init__(self, backend: str) -> None:
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(6, 6, 6, 6)
        upper = qt.QHBoxLayout()
        self.projections = [PlotWidget(backend=backend) for _ in PLANES]
        for plot in self.projections:
            plot.setKeepDataAspectRatio(True)
            plot.getYAxis().setInverted(True)
            plot.setAxesMargins(0.24, 0.09, 0.03, 0.15)
            upper.addWidget(plot)
        self._fits = [Fit(plot) for plot in self.projections]
        self.curve = PlotWidget(backend=backend)
        self.plots = (*self.projections, self.curve)
        self.curve.setGraphXLabel("frame")
        self.curve.setGraphYLabel("counts")
        self.curve.getYAxis().setScale("log")
        self.curve.setActiveCurveHandling(False)
        self.curve.setAxesMargins(0.08, 0.05, 0.02, 0.17)
        self.legend = qt.QLabel()
        layout.addLayout(upper, 3)
        layout.addWidget(self.legend)
        layout.addWidget(self.curve, 2)

    def show(self, m: Measurement, found: Inspection) -> None:
        """Draw a measurement as recorded, and where its peak and the crop are."""
        box = found.box
        for plot, (normal, vertical, horizontal) in zip(self.projections, PLANES, strict=True):
            plot.clear()
            total = known(m.intensity.sum(normal, dtype=np.float64), all_along(m.mask, normal))
            edges: Any = (box[horizontal], box[vertical])
            (left, right), (top, bottom) = ((max(a, 0), b) for a, b in edges)
            highest = float(np.nanmax(total[top:bottom, left:right], initial=1))
            plot.addImage(total, colormap=counts_colours(highest), resetzoom=False)
            plot.addShape(*edges, legend="crop", shape="rectangle", color=FRAMED, fill=False)
            at = found.peak[horizontal] + 0.5, found.peak[vertical] + 0.5
            plot.addMarker(*at, legend="peak", symbol="+", color=FRAMED)
            plot.setGraphTitle(f"sum along {AXES[normal]}")
            plot.setGraphXLabel(f"{AXES[horizontal]} (voxel)")
            plot.setGraphYLabel(f"{AXES[vertical]} (voxel)")
        self.curve.clear()
        frames = np.arange(len(found.frame_counts))
        for values, name, colour in (
            (found.frame_counts, "sum", SUM),
            (found.frame_highest, "brightest voxel", BRIGHTEST),
        ):
            line = np.where(np.asarray(values) > 0, values, np.nan)
            self.curve.addCurve(frames, line, legend=name, color=colour, symbol="o", linewidth=1.5)
            self.curve.getCurve(name).setSymbolSize(DOT)
        doubtful = {*found.lost, *found.empty, *found.stale}
        for frame in doubtful:
            self.curve.addXMarker(frame, legend=f"doubtful {frame}", color=DOUBTFUL)
        for edge in box[0]:
            self.curve.addXMarker(edge - 0.5, legend=f"crop {edge}", color=FRAMED)
        words = [("sum of a frame", SUM), ("its brightest voxel", BRIGHTEST), ("crop", FRAMED)]
        words += [("lost, empty or stale", DOUBTFUL)] * bool(doubtful)
        parts = [f'<font color="{colour}">■</font> {text}' for text, colour in words]
        self.legend.setText("&nbsp; &nbsp; ".join(["<b>Rocking curve</b>", *parts]))
        self.reset_zoom()

    def reset_zoom(self) -> None:
        """Show all of all plots."""
        self.curve.resetZoom()
        for fit in self._fits:
            fit.now()
