"""Qt and silx's plots: whether they are installed, and the one application of this process."""

from __future__ import annotations

from typing import Any

from ...errors import DisplayError

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
