"""The pages of a window on data before they are phased."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...errors import CdiMlError
from .display import busy
from .mask import MaskEditor
from .overview import Overview
from .recorded import Recorded
from .sheet import Sheet

OVERVIEW, MASK = "Overview", "Mask"


class Before:
    """What was recorded, what is found in it, and the editor of its mask.

    Parameters
    ----------
    backend : str
        Of silx's plots.
    say : callable(text)
        Shows a line.
    masked : callable(recorded)
        Called with the data as they are with a mask that was written.

    Attributes
    ----------
    recorded : Recorded
    overview : Overview
    mask : MaskEditor
    sheet : Sheet
        It stands beside all pages.
    """

    def __init__(
        self,
        backend: str,
        recorded: Recorded,
        say: Callable[[str], None],
        masked: Callable[[Recorded], None],
    ) -> None:
        self._say, self._masked = say, masked
        self.overview, self.sheet = Overview(backend), Sheet()
        self.mask = MaskEditor(backend, recorded.measurement, recorded.mask, say, self._written)
        self.pages = {OVERVIEW: self.overview.widget}
        if recorded.again is not None:
            self.pages[MASK] = self.mask.widget
        self._show(recorded)

    def reset_zoom(self) -> None:
        """Show all of all plots."""
        self.overview.reset_zoom()
        self.mask.reset_zoom()

    def set_mode(self, mode: str) -> None:
        """What dragging does, but in the editor: ``"zoom"`` or ``"pan"``."""
        for plot in self.overview.plots:
            plot.setInteractiveMode(mode)

    def _show(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.overview.show(recorded.measurement, recorded.found)
        self.sheet.show(recorded)

    def _written(self, file: Path) -> None:
        """Look at the data again with that mask; the editor stays as it is."""
        assert self.recorded.again is not None
        here = Path.cwd()
        try:
            with busy():
                name = file.relative_to(here) if here in file.parents else file
                self._show(self.recorded.again(name))
                self._masked(self.recorded)
        except CdiMlError as error:
            self._say(f"{file} is written, but: {error}")
