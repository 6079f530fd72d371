"""Whether there is a display, Qt and OpenGL: asked before Qt is, which ends the process where it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from ...errors import DisplayError

INSTALL = "pip install 'cdi-ml-plugin[gui]'"
PROBE = "from silx.gui import qt; qt.QApplication([])"
PATIENCE = 30  # seconds for Qt to start


def need_qt() -> None:
    """Import silx's plots and a Qt binding.

    Raises
    ------
    DisplayError
        One of them is not installed.
    """
    try:
        import silx.gui.plot  # noqa: F401
    except ImportError as error:
        reason = str(error).splitlines()[0]
        raise DisplayError(f"a window needs Qt and silx's plots ({reason}): {INSTALL}") from error


def no_display() -> str | None:
    """Why no window can be opened, in words; None where one can."""
    if sys.platform.startswith("linux"):
        names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
        if not any(os.environ.get(name) for name in names):
            return "no display (DISPLAY is not set)"
    # a display that does not answer, or a library that Qt misses, ends the process: try it in another
    try:
        probe = subprocess.run(
            [sys.executable, "-c", PROBE],
            capture_output=True,
            timeout=PATIENCE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    except (OSError, subprocess.TimeoutExpired):
        return "the display does not answer"
    if probe.returncode:
        lines = probe.stderr.decode(errors="replace").strip().splitlines()
        return f"Qt cannot open a window ({lines[0] if lines else 'no reason given'})"
    return None


def application() -> Any:
    """The Qt application: the one that there is, or a new one."""
    from silx.gui import qt

    existing = qt.QApplication.instance()
    if existing is not None:
        return existing
    # several OpenGL widgets in one window, which may move between screens
    qt.QApplication.setAttribute(qt.Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    application = qt.QApplication(["cdi-ml"])
    application.setQuitOnLastWindowClosed(False)
    return application


def no_opengl() -> str | None:
    """Why OpenGL cannot be used, in words; None where it can. Takes a second the first time."""
    from silx.gui.utils.glutils import isOpenGLAvailable

    found = isOpenGLAvailable(shareOpenGLContexts=True)
    return None if found else " ".join(found.error.split()) or "no reason given"
