"""What can be drawn with here: a display, OpenGL in a window, OpenGL for pictures.

Where one of them does not work, Qt or VTK ends the process; so each is tried in another one first.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys

QT_PATIENCE = 30.0  # s
VTK_PATIENCE = 60.0  # s; a cold disk needs most of it
QT = "from silx.gui import qt; qt.QApplication([])"
# VTK chooses X, EGL or OSMesa by itself.
VTK = """
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


def no_display() -> str | None:
    """Why no window can be opened, in words; None where one can."""
    if sys.platform.startswith("linux"):
        names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
        if not any(os.environ.get(name) for name in names):
            return "no display (DISPLAY is not set)"
    try:
        words = last_words(QT, QT_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return "the display does not answer"
    if words is not None:
        return f"Qt cannot open a window ({next(iter(words.splitlines()), 'no reason given')})"
    return None


def no_opengl_in_a_window() -> str | None:
    """Why silx cannot use OpenGL, in words; None where it can. Takes a second the first time."""
    from silx.gui.utils.glutils import isOpenGLAvailable

    found = isOpenGLAvailable(shareOpenGLContexts=True)
    return None if found else " ".join(found.error.split()) or "no reason given"


@functools.cache
def no_opengl_for_pictures() -> str | None:
    """Why VTK cannot draw off-screen, in words; None where it can. Tried once."""
    if not sys.executable:
        return "it cannot be tried, for the interpreter does not know its own path"
    try:
        words = last_words(VTK, VTK_PATIENCE)
    except subprocess.TimeoutExpired:
        return f"VTK drew nothing within {VTK_PATIENCE:.0f} s"
    except OSError as error:
        return f"it cannot be tried: {error.strerror}"
    if words is None:
        return None
    if "ModuleNotFoundError" in words:
        return "VTK is not installed: pip install pyvista"
    return "VTK finds no X server with OpenGL 3.2, no EGL and no OSMesa: install libegl1, or libosmesa6"


def last_words(program: str, patience: float) -> str | None:
    """What a program wrote to its standard error before it failed; None where it came to its end.

    It runs in a process of its own, with the modules that this one finds.

    Raises
    ------
    OSError, subprocess.TimeoutExpired
        It did not start, or did not end in time (s).
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        timeout=patience,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    return None if done.returncode == 0 else done.stderr.strip()
