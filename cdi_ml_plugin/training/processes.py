"""What the processes of one training run do together, as Lightning Fabric starts them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import ParameterError, WriteError
from ..utils.swap import writer


def launched(folder: Path, accelerator: str, devices: int, nodes: int, precision: str) -> Any:
    """Start Lightning Fabric's processes, with their log in a folder.

    Raises
    ------
    ParameterError
        It is not installed, or finds no such devices.
    """
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.loggers.tensorboard import TensorBoardLogger

        logger = TensorBoardLogger(folder, name="log", version="")
    except ImportError as error:
        raise ParameterError(
            f"training: {error.name or 'a package'} is not installed: "
            "pip install 'cdi-ml-plugin[train]'"
        ) from error
    try:
        with without_mpi_library():
            fabric = Fabric(
                accelerator=accelerator,
                devices=devices,
                num_nodes=nodes,
                precision=precision,  # type: ignore[arg-type]
                loggers=logger,
            )
    except (ValueError, RuntimeError) as error:
        raise ParameterError(f"training: {str(error).partition(chr(10))[0]}") from error
    fabric.launch()
    return fabric


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
