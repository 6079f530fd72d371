"""A crystal as VTK image data (``.vti``), its facets as a surface (``.vtp``): for ParaView and all else on VTK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..crystal.crystal import Crystal
from ..crystal.facets import Facets
from ..utils.nearest import fill_unknown, sampled

SHELL = 2.0  # voxels around the inside into which its values are continued


def image_data(crystal: Crystal) -> Any:
    """The crystal as ``vtkImageData``: points at the voxels' centres, in nm along (x, y, z).

    Point arrays: ``amplitude``, ``phase`` (rad), ``displacement_nm``, ``strain`` and ``inside`` (0 or 1); of several
    runs also ``amplitude_uncertainty``, ``phase_uncertainty``, ``displacement_uncertainty_nm``, ``strain_uncertainty``.
    Field data: ``q_per_nm`` (3,), and the crystal's figures under their own names.

    Notes
    -----
    Phase, displacement and strain go on outside for two voxels, with the value of the nearest voxel inside,
    so that an isosurface of the amplitude has a colour everywhere; beyond they are NaN.
    """
    from vtkmodules.vtkCommonDataModel import vtkImageData

    grid = vtkImageData()
    grid.SetDimensions(*crystal.amplitude.shape[::-1])
    grid.SetSpacing(*(crystal.voxel,) * 3)
    grid.SetOrigin(*crystal.origin)
    points = grid.GetPointData()
    for name, values in (
        ("amplitude", crystal.amplitude),
        ("phase", fill_unknown(crystal.phase, SHELL)),
        ("displacement_nm", fill_unknown(crystal.displacement, SHELL)),
        ("strain", fill_unknown(crystal.strain, SHELL)),
        ("inside", crystal.inside.astype(np.uint8)),
    ):
        points.AddArray(_array(name, values))
    for name, values in _uncertainties(crystal):
        points.AddArray(_array(name, fill_unknown(values, SHELL)))
    points.SetActiveScalars("amplitude")
    fields = grid.GetFieldData()
    fields.AddArray(_array("q_per_nm", crystal.q))
    for name, value in crystal.figures.items():
        fields.AddArray(_array(name, np.array([value])))
    return grid


def vti_bytes(crystal: Crystal) -> bytes:
    """The whole file, compressed, with the arrays of `image_data`."""
    from vtkmodules.vtkIOXML import vtkXMLImageDataWriter

    return _written(vtkXMLImageDataWriter(), image_data(crystal))


def facet_surface(crystal: Crystal, facets: Facets) -> Any:
    """The crystal's surface as ``vtkPolyData``: triangles with corners in nm, (x, y, z) of the laboratory.

    Point arrays: ``facet`` (the number of one of `facets`, 0 for none), ``displacement_nm``, ``strain``, ``normals``,
    and the uncertainties that `image_data` has.
    Field data: ``q_per_nm`` (3,).
    """
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    surface = facets.surface
    corners = vtkPoints()
    corners.SetData(numpy_to_vtk(surface.points, deep=True))
    triangles = vtkCellArray()
    ends = np.ascontiguousarray(surface.faces, dtype=np.int64).ravel()
    triangles.SetData(3, numpy_to_vtkIdTypeArray(ends, deep=True))
    mesh = vtkPolyData()
    mesh.SetPoints(corners)
    mesh.SetPolys(triangles)
    points = mesh.GetPointData()
    for name, values in (
        ("facet", facets.numbers),
        ("displacement_nm", sampled(crystal.displacement, surface.voxels)),
        ("strain", sampled(crystal.strain, surface.voxels)),
    ):
        points.AddArray(_array(name, values))
    for name, values in _uncertainties(crystal):
        points.AddArray(_array(name, sampled(values, surface.voxels)))
    points.SetActiveScalars("facet")
    normals = numpy_to_vtk(surface.normals, deep=True)
    normals.SetName("normals")
    points.SetNormals(normals)
    mesh.GetFieldData().AddArray(_array("q_per_nm", crystal.q))
    return mesh


def vtp_bytes(crystal: Crystal, facets: Facets) -> bytes:
    """The whole file, compressed, with the arrays of `facet_surface`."""
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    return _written(vtkXMLPolyDataWriter(), facet_surface(crystal, facets))


def _uncertainties(crystal: Crystal) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Those of the voxels, (z, y, x), by what files call them."""
    for name, values in crystal.uncertainties.items():
        yield f"{name}_uncertainty{'_nm' if name == 'displacement' else ''}", values


def _written(writer: Any, data: Any) -> bytes:
    writer.SetInputData(data)
    writer.SetCompressorTypeToZLib()
    # Into memory: on a full disk VTK's own files end without an error. As text, for it is one.
    writer.SetWriteToOutputString(True)
    writer.EncodeAppendedDataOn()
    writer.Write()
    return str(writer.GetOutputString()).encode()


def _array(name: str, values: NDArray[Any]) -> Any:
    """A copy for VTK; [z, y, x] in memory is its order of points: x fastest."""
    from vtkmodules.util.numpy_support import numpy_to_vtk

    array = numpy_to_vtk(np.ascontiguousarray(values).ravel(), deep=True)
    array.SetName(name)
    return array
