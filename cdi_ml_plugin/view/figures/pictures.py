"""The pictures of one result: which there are, and what each shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from ...crystal.analysis import analyse
from ...crystal.crystal import FAINT, Crystal, object_level
from ...crystal.of_result import facets_of, index_of, told_of
from ...data.result import Result
from ...errors import ParameterError, ReadError
from ...geometry.laboratory import fine_voxel, laboratory_shape
from ...utils.values import above_0, instance, whole
from .. import probe
from ..style.quantities import quantities_of
from ..style.sheet import Sheet, save, settle
from ..style.slices import new_figure
from ..surfaces.coloured import phase_on
from .crystal import SHEET as CRYSTAL
from .crystal import draw_crystal_slices
from .detector import draw_diffraction, draw_object
from .facets import draw_facets
from .histograms import SHEET as HISTOGRAMS
from .histograms import draw_histograms
from .history import draw_history
from .spectrum import SHEET as SPECTRUM
from .spectrum import draw_spectrum
from .surfaces import (
    LENGTHS,
    draw_crystal_surface,
    draw_diffraction_surfaces,
    draw_object_surface,
    laboratory_scene,
)

SIZE = 1600  # pixels
DETECTOR_SHEET = Sheet(8.4, 9)
SIZES = (200, 10_000)
CELLS = 3e7  # voxels in the laboratory; more take several GB
HOW_TO_KNOW = "phase the data with --geometry, or frames with --spec and --scan, to have nm"


class Pictures:
    """The pictures of the chosen run of a result.

    Parameters
    ----------
    result : Result
    level : float, optional
        Of the highest amplitude, where the surface of the crystal is; default half of the bulk.
    counts : float, optional
        Where the surface of the diffraction is; default see `surface.diffraction_level`.
    voxel : float, optional
        Edge of the laboratory's voxels in nm; default that of the data, or finer for small crystals.
    size : int
        Pixels along the horizontal side of each picture.
    sheet : Sheet, optional
        Width and letters, for a paper; default those that each picture finds best on a screen.
    reflection : (str, (h, k, l)), optional
        Material and Miller indices, by which facets are indexed.

    Attributes
    ----------
    geometry : Geometry or None
        None where the measurement names none, or one that cannot be read.
    notes : list of str
        What is not as one would expect.

    Raises
    ------
    ParameterError
        The object is 0, or not finite.
    """

    def __init__(
        self,
        result: Result,
        *,
        level: float | None = None,
        counts: float | None = None,
        voxel: float | None = None,
        size: int = SIZE,
        sheet: Sheet | None = None,
        reflection: tuple[str, tuple[int, int, int]] | None = None,
    ) -> None:
        instance("result", result, Result, "a Result")
        for name, value in (("level", level), ("counts", counts), ("voxel", voxel)):
            if value is not None:
                above_0(name, value)
        whole("size", size, *SIZES)
        if level is not None and not FAINT <= level < 1:
            raise ParameterError(
                f"level {level:g}: give a share of the highest amplitude from {FAINT:g} to below 1"
            )
        material, hkl = reflection or (None, None)
        self.result = result
        self.told = told_of(result, level=level, material=material, hkl=hkl)
        self.level: float | None = self.told.get("level")
        self.counts, self.voxel, self.size, self.sheet = counts, voxel, size, sheet
        self.notes: list[str] = []
        if not 0 < float(np.abs(result.object[result.support]).sum()) < np.inf:
            raise ParameterError("the object is 0, or not finite: there is nothing to draw")
        why = "the result names no geometry"
        try:
            self.geometry = result.measurement.geometry
            if self.geometry is not None:
                self.geometry.reciprocal_basis()  # it may not span all three directions
        except (ReadError, ParameterError) as error:
            self.geometry, why = None, str(error)
        if self.geometry is None:
            self.notes.append(f"pictures in voxels of the detector's frame ({why}): {HOW_TO_KNOW}")

    def plan(self, kinds: Sequence[str] = ()) -> list[str]:
        """Which pictures `draw` can make of those wanted, all by default; what is left out becomes a note.

        Raises
        ------
        ParameterError
            An unknown kind.
        """
        for kind in kinds:
            if not (isinstance(kind, str) and kind in KINDS):
                raise ParameterError(f"no picture is called {kind}: use one of {', '.join(KINDS)}")
        wanted = list(dict.fromkeys(kinds or (kind for kind in KINDS if kind not in ASKED)))
        if self.geometry is None:
            lost = [kind for kind in wanted if kind in NM]
            wanted = [kind for kind in wanted if kind not in NM]
            self.notes += [f"no picture of the {kind}, which needs a geometry" for kind in lost]
        solid = [kind for kind in wanted if kind in FLAT]
        problem = probe.no_opengl_for_pictures() if solid else None
        if problem is not None:
            self.notes.append(
                f"slices in place of {', '.join(solid)}, for there is no OpenGL: {problem}"
            )
            wanted = list(dict.fromkeys(FLAT.get(kind, kind) for kind in wanted))
        return wanted

    def draw(self, kind: str) -> Figure:
        """Draw one picture.

        Raises
        ------
        ParameterError
            A level that cuts nothing, or a kind that this result cannot show; see `plan`.
        DisplayError
            A surface, and there is no OpenGL.
        """
        figure = _DRAWN[kind](self)
        figure.set_dpi(self.size / figure.get_figwidth())
        return figure

    def save(self, kind: str, path: Path) -> None:
        """Draw one picture into a file, in the format that its name ends with."""
        figure = self.draw(kind)
        save(figure, path, self.sheet or Sheet(figure.get_figwidth(), 10))

    @cached_property
    def crystal(self) -> Crystal:
        """The crystal in the laboratory, without the support where hardly anything scatters."""
        if self.geometry is None:
            raise ParameterError(f"the result names no geometry: {HOW_TO_KNOW}")
        amplitude = self._amplitude()
        # single voxels far away would make the array in the laboratory many times as large
        support = self.result.support & binary_dilation(amplitude > FAINT, iterations=2)
        basis = self.geometry.direct_basis(self.result.measurement.shape)
        voxel = self.voxel
        if voxel is None:
            voxel = fine_voxel(amplitude >= object_level(amplitude), basis)
        cells = float(np.prod(laboratory_shape(support, basis, voxel), dtype=np.float64))
        if cells > CELLS:
            raise ParameterError(
                f"a voxel of {voxel:g} nm makes {cells:.1g} of them: give a larger one"
            )
        return self._analysed(support, voxel)

    def _analysed(self, support: NDArray[np.bool_], voxel: float | None) -> Crystal:
        """The crystal as what is told of it says, on voxels of a picture."""
        geometry = self.geometry
        assert geometry is not None
        index = index_of(self.told, geometry)
        return analyse(self.result.object, support, geometry, voxel, level=self.level, index=index)

    def phase(self) -> Figure:
        """Surface of the amplitude, coloured by the phase, from two sides."""
        if self.geometry is None:
            return draw_object_surface(self.result, self.level, self.size, self.sheet)
        crystal, drawn = self.crystal, quantities_of(self.crystal)["phase"]
        return draw_crystal_surface(
            crystal, drawn, lambda mesh: phase_on(mesh, crystal, drawn), self.size, self.sheet
        )

    def strain(self) -> Figure:
        """Surface of the amplitude, coloured by the strain, from the same two sides."""
        drawn = quantities_of(self.crystal)["strain"]
        return draw_crystal_surface(
            self.crystal, drawn, lambda mesh: mesh.values(drawn.data), self.size, self.sheet
        )

    def facets(self) -> Figure:
        """Surface coloured by facet, and what facets come to; of the same voxels as every other table of them."""
        if self.geometry is None:
            raise ParameterError(f"the result names no geometry: {HOW_TO_KNOW}")
        crystal = self._analysed(self.result.support, self.voxel)
        found = facets_of(crystal, self.told)
        scene = laboratory_scene(LENGTHS, crystal.q)
        return draw_facets(found, scene, self.size, self.sheet)

    def diffraction(self) -> Figure:
        """Surfaces of measured and calculated intensity at the same counts, coloured by |Q|."""
        return draw_diffraction_surfaces(
            self.result, self.geometry, self.counts, self.size, self.sheet
        )

    def slices(self) -> Figure:
        """Three planes of amplitude and phase; with a geometry, also of displacement and strain."""
        if self.geometry is not None:
            return draw_crystal_slices(self.crystal, self.sheet or CRYSTAL)
        return self._in_detector(partial(draw_object, level=self.level))

    def diffraction_slices(self) -> Figure:
        """Three planes of measured and calculated intensity, through the peak."""
        return self._in_detector(draw_diffraction)

    def histograms(self) -> Figure:
        """Distributions of amplitude, displacement and strain, in the bulk and at the surface."""
        return draw_histograms(self.crystal, self.sheet or HISTOGRAMS)

    def history(self) -> Figure:
        """χ² over the iterations of all runs."""
        sheet = self.sheet or DETECTOR_SHEET
        figure = new_figure(sheet.width, max(0.36 * sheet.width, 18 * sheet.em))
        with sheet.letters():
            draw_history(figure, self.result)
        return settle(figure, sheet)

    def _in_detector(self, draw: Callable[..., None]) -> Figure:
        sheet = self.sheet or DETECTOR_SHEET
        figure = new_figure(sheet.width, (1.25 if sheet.narrow else 0.64) * sheet.width)
        with sheet.letters():
            draw(figure, self.result, sheet=sheet)
        return settle(figure, sheet)

    def spectral_weight(self) -> Figure:
        """Spectral weight of measured and calculated amplitudes over |Q|."""
        basis = None if self.geometry is None else self.geometry.reciprocal_basis()
        return draw_spectrum(self.result, basis, self.sheet or SPECTRUM)

    def _amplitude(self) -> NDArray[np.float32]:
        """Of its highest value, in the detector's frame, 0 outside the support."""
        amplitude = np.where(self.result.support, np.abs(self.result.object), np.float32(0))
        amplitude /= amplitude.max()
        return amplitude


_DRAWN: dict[str, Callable[[Pictures], Figure]] = {
    "phase": Pictures.phase,
    "strain": Pictures.strain,
    "diffraction": Pictures.diffraction,
    "slices": Pictures.slices,
    "spectral-weight": Pictures.spectral_weight,
    "diffraction-slices": Pictures.diffraction_slices,
    "histograms": Pictures.histograms,
    "history": Pictures.history,
    "facets": Pictures.facets,
}
KINDS = tuple(_DRAWN)
ASKED = ("facets",)  # only where they are asked for
NM = ("strain", "histograms", "facets")  # those that only a geometry makes
FLAT = {
    "facets": "slices",
    "phase": "slices",
    "strain": "slices",
    "diffraction": "diffraction-slices",
}
