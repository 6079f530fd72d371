"""Whether there is an OpenGL to draw with, found out before it can end the interpreter."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import DisplayError

PATIENCE = 60.0  # s; a cold disk needs most of it
# VTK chooses X, EGL or OSMesa by itself; where none of them works, it ends the process by a
# segmentation fault as soon as it draws. So something is drawn in another process first.
_PROBE = """
from vtkmodules.vtkCommonCore import vtkLogger
vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow
window = vtkRenderWindow()
window.SetOffScreenRendering(1)
window.SetSize(8, 8)
window.AddRenderer(vtkRenderer())
window.Render()
"""


@functools.cache
def problem() -> str | None:
    """What is wrong with OpenGL here, in words, or None; asked once, in a process of its own."""
    if not sys.executable:
        return "it cannot be tried, for the interpreter does not know its own path"
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, timeout=PATIENCE, text=True
        )
    except subprocess.TimeoutExpired:
        return f"VTK drew nothing within {PATIENCE:.0f} s"
    except OSError as error:
        return f"it cannot be tried: {error.strerror}"
    if done.returncode == 0:
        return None
    if "ModuleNotFoundError" in done.stderr:
        return "VTK is not installed: pip install pyvista"
    return "VTK finds no X server with OpenGL 3.2, no EGL and no OSMesa: install libegl1, or libosmesa6"


def require() -> None:
    """Make sure that VTK can draw off-screen.

    Raises
    ------
    DisplayError
        It cannot.
    """
    reason = problem()
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
