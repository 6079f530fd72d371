"""A crystal as VTK image data (``.vti``), for ParaView and every other program on VTK."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..crystal.crystal import Crystal
from ..utils.nearest import fill_unknown

SHELL = 2.0  # voxels around the inside into which its values are continued


def image_data(crystal: Crystal) -> Any:
    """The crystal as ``vtkImageData``: points at the voxels' centres, in nm along (x, y, z).

    Point arrays: ``amplitude``, ``phase`` (rad), ``displacement_nm``, ``strain`` and ``inside`` (0 or 1).
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
    points.SetActiveScalars("amplitude")
    fields = grid.GetFieldData()
    fields.AddArray(_array("q_per_nm", crystal.q))
    for name, value in crystal.figures.items():
        fields.AddArray(_array(name, np.array([value])))
    return grid


def vti_bytes(crystal: Crystal) -> bytes:
    """The whole file, compressed, with the arrays of `image_data`."""
    from vtkmodules.vtkIOXML import vtkXMLImageDataWriter

    writer = vtkXMLImageDataWriter()
    writer.SetInputData(image_data(crystal))
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
