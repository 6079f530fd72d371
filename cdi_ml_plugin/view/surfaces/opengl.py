"""VTK's OpenGL: that it is there, and that it keeps quiet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import DisplayError
from .. import probe


def require() -> None:
    """Make sure that VTK can draw off-screen.

    Raises
    ------
    DisplayError
        It cannot.
    """
    reason = probe.no_opengl_for_pictures()
    if reason is not None:
        raise DisplayError(f"no OpenGL: {reason}")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep VTK from telling on stderr which of X, EGL and OSMesa it tried in vain."""
    from vtkmodules.vtkCommonCore import vtkLogger

    before = vtkLogger.GetCurrentVerbosityCutoff()
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtkLogger.SetStderrVerbosity(vtkLogger.ConvertToVerbosity(before))
