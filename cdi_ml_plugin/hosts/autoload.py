"""Adapts cohere and PyNX as they are imported: what the path file calls, and the loader behind that.

`cdi_ml_plugin.pth` in the wheel waits in every interpreter, in forked, spawned and ``mpiexec`` processes
as in any other, for the first import of a host, and calls `at_start` then: nothing of this package is
imported before. What comes of it is one more entry in ``sys.meta_path``, which looks each imported name
up in `WATCHED`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .say import say

SWITCH = "CDI_ML_PLUGIN_AUTOLOAD"
# The hosts' modules that are adapted: the room whose `modules` does it, and the function there
WATCHED = {
    "cohere_core.controller.op_flow": ("cohere", "op_flow"),
    "cohere_core.controller.phasing": ("cohere", "phasing"),
    "cohere_core.utilities.config_verifier": ("cohere", "config_verifier"),
    "cohere_ui.cohere_gui": ("cohere", "qt_form"),
    "cohere_ui.jupyter_gui._validation": ("cohere", "validation"),
    "cohere_ui.jupyter_gui.tabs.rec": ("cohere", "notebook_form"),
    "pynx.cdi.runner.runner": ("pynx", "runner"),
}
CALLED = {"cohere": "cohere", "pynx": "PyNX"}
# By its name the entry of the path file is known, which is of no module.
WAITING = "CdiMlPluginWaits"


def at_start() -> None:
    """Install the hook, unless the environment says ``CDI_ML_PLUGIN_AUTOLOAD=0``."""
    if not switched_off():
        install()


def switched_off() -> bool:
    """Whether the environment says ``CDI_ML_PLUGIN_AUTOLOAD=0``."""
    return os.environ.get(SWITCH) == "0"


def install() -> None:
    """Adapt the hosts' modules as they are imported, and those that are there already."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    for name in WATCHED:
        module = sys.modules.get(name)
        half = getattr(getattr(module, "__spec__", None), "_initializing", False)
        if module is not None and not half:  # else the hook is about to see to it
            adapt(module)


def installed() -> bool:
    """Whether modules are adapted as they come: the hook is in place, or waits for a host."""
    waiting = any(type(f).__name__ == WAITING and getattr(f, "waits", False) for f in sys.meta_path)
    hooked = any(isinstance(finder, Finder) for finder in sys.meta_path)
    return hooked or (waiting and not switched_off())


def adapt(module: ModuleType) -> None:
    """Add to one of a host's modules what it lacks; where that fails, it stays as it is."""
    room, function = WATCHED[module.__name__]
    try:
        # by name, as a loader does: the rooms of the hosts import this module
        modules = import_module(f"{__package__}.{room}.modules")
        problem = modules.unsupported()
        if problem:
            say(problem)
            return
        getattr(modules, function)(module)
    except Exception as error:  # whatever is wrong with us, the host has to go on
        text = " ".join(str(error).split())
        say(f"CNN and REFINE are not available in {CALLED[room]}: {text}")


class Finder:
    """Finds nothing itself: hands a watched module's loader out with `adapt` behind it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Spec of a watched module from the other finders; None for any other name."""
        if name not in WATCHED:
            return None
        for finder in sys.meta_path:
            if isinstance(finder, Finder):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
                return spec
        return None


class _Loader:
    """A module's own loader, and `adapt` after it; the module never sees this one."""

    def __init__(self, loader: Any) -> None:
        self._own = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._own
        if module.__spec__ is not None:
            module.__spec__.loader = self._own
        self._own.exec_module(module)
        adapt(module)
