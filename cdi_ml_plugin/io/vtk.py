"""A crystal as VTK image data (``.vti``), for ParaView and every other program on VTK."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..crystal.crystal import Crystal

SHELL = 2.0  # voxels around the inside into which its values are continued


def image_data(crystal: Crystal) -> Any:
    """The crystal as ``pyvista.ImageData``: points at the voxels' centres, in nm along (x, y, z).

    Point arrays: ``amplitude``, ``phase`` (rad), ``displacement_nm``, ``strain`` and ``inside`` (0 or 1).
    Field data: ``q_per_nm`` (3,), and the crystal's figures under their own names.

    Notes
    -----
    Phase, displacement and strain go on outside for two voxels, with the value of the nearest voxel inside,
    so that an isosurface of the amplitude has a colour everywhere; beyond they are NaN.
    """
    import pyvista

    z, y, x = crystal.amplitude.shape
    grid = pyvista.ImageData(
        dimensions=(x, y, z), spacing=(crystal.voxel,) * 3, origin=crystal.origin
    )
    grid.point_data["amplitude"] = _flat(crystal.amplitude)
    grid.point_data["phase"] = _flat(_continued(crystal.phase))
    grid.point_data["displacement_nm"] = _flat(_continued(crystal.displacement))
    grid.point_data["strain"] = _flat(_continued(crystal.strain))
    grid.point_data["inside"] = _flat(crystal.inside.astype(np.uint8))
    grid.set_active_scalars("amplitude")
    grid.field_data["q_per_nm"] = crystal.q
    for name, value in crystal.figures.items():
        grid.field_data[name] = np.array([value])
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


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array).ravel()  # [z, y, x] in memory is VTK's order: x fastest


def _continued(values: NDArray[np.float32]) -> NDArray[np.float32]:
    unknown = np.isnan(values)
    distance, nearest = distance_transform_edt(unknown, return_indices=True)
    result: NDArray[np.float32] = values[tuple(nearest)]
    result[distance > SHELL] = np.nan
    return result
