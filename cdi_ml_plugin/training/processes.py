"""What the processes of one training run do together, as Lightning Fabric starts them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import WriteError
from ..utils.swap import writer


@contextmanager
def without_mpi_library() -> Iterator[None]:
    """Let Fabric, which asks mpi4py for other processes, see where that finds no library of MPI.

    Its wheels then raise RuntimeError, and Fabric expects an ImportError.
    """
    name = "mpi4py.MPI"
    try:
        import_module(name)
        hidden: dict[str, Any] = {}
    except ImportError:
        hidden = {}
    except RuntimeError:
        hidden = {name: None}  # for Python: cannot be imported
    sys.modules.update(hidden)
    try:
        yield
    finally:
        for each in hidden:
            del sys.modules[each]


@contextmanager
def only_writer(folder: Path, fabric: Any) -> Iterator[None]:
    """Let the first of the processes claim the folder for all of them."""
    with ExitStack() as claim:
        failure = None
        if fabric.is_global_zero:
            try:
                claim.enter_context(writer(folder))
            except WriteError as error:
                failure = error
        if all_want(fabric, failure is not None):
            raise failure or WriteError(f"{folder}: another process writes there")
        yield


def all_want(fabric: Any, wanted: bool) -> bool:
    """What the first process wants, all do: their clocks differ, and it alone writes."""
    if fabric.world_size == 1:
        return wanted
    return bool(fabric.broadcast(wanted))
