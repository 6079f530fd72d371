"""What every interpreter runs at its start: it waits for cohere, and costs nothing until that comes.

`cdi_ml_plugin.pth` in the wheel calls `at_start`, in forked, spawned and ``mpiexec`` processes as in
any other. All that happens then is one more entry in ``sys.meta_path``, which looks each imported name up
in `WATCHED`. So this module, and the packages above it, import nothing that
is not there already.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

SWITCH = "CDI_ML_PLUGIN_AUTOLOAD"
WATCHED = frozenset(
    {
        "cohere_core.controller.op_flow",
        "cohere_core.controller.phasing",
        "cohere_core.utilities.config_verifier",
        "cohere_ui.cohere_gui",
        "cohere_ui.jupyter_gui._validation",
        "cohere_ui.jupyter_gui.tabs.rec",
    }
)
_said: set[str] = set()


def at_start() -> None:
    """Install the hook, unless the environment says ``CDI_ML_PLUGIN_AUTOLOAD=0``."""
    if os.environ.get(SWITCH) != "0":
        install()


def install() -> None:
    """Adapt cohere's modules as they are imported, and those that are there already."""
    if not installed():
        sys.meta_path.insert(0, Finder())
    for name in WATCHED:
        module = sys.modules.get(name)
        half = getattr(getattr(module, "__spec__", None), "_initializing", False)
        if module is not None and not half:  # else the hook is about to see to it
            adapt(module)


def installed() -> bool:
    """Whether the hook is in place."""
    return any(isinstance(finder, Finder) for finder in sys.meta_path)


def adapt(module: "ModuleType") -> None:
    """Add to one of cohere's modules what it lacks; where that fails, it stays as it is."""
    try:
        from .cohere import modules as cohere

        cohere.adapt(module)
    except Exception as error:  # whatever is wrong with us, cohere has to go on
        say(f"CNN and REFINE are not available in cohere: {' '.join(str(error).split())}")


def say(text: str) -> None:
    """Warn in one line, once in a process."""
    if text not in _said and sys.stderr is not None:
        _said.add(text)
        sys.stderr.write(f"cdi_ml_plugin: {text}\n")


class Finder:
    """Finds nothing itself: hands a watched module's loader out with `adapt` behind it."""

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
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

    def __init__(self, loader: "Any") -> None:
        self._own = loader

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._own, name)

    def exec_module(self, module: "ModuleType") -> None:
        module.__loader__ = self._own
        if module.__spec__ is not None:
            module.__spec__.loader = self._own
        self._own.exec_module(module)
        adapt(module)
