"""Qt: whether it is installed, the one application of this process, its cursor and its errors."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import DisplayError
from ...utils.interrupt import handled

INSTALL = "pip install 'cdi-ml-plugin[gui]'"


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


@contextmanager
def busy() -> Iterator[None]:
    """Show the waiting cursor meanwhile."""
    from silx.gui import qt

    qt.QApplication.setOverrideCursor(qt.Qt.CursorShape.WaitCursor)
    try:
        yield
    finally:
        qt.QApplication.restoreOverrideCursor()


@contextmanager
def going(on_interrupt: Any) -> Iterator[None]:
    """What Ctrl-C and SIGTERM do while Qt has the main thread, and what becomes of an error in a slot.

    Qt would end the process at the first error; here it is written to the terminal.
    """
    hook = sys.excepthook
    sys.excepthook = lambda *error: traceback.print_exception(*error)
    try:
        with handled(on_interrupt):
            yield
    finally:
        sys.excepthook = hook
