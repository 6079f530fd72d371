"""What there is of the programs that this package adds its algorithms to."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import NamedTuple

from . import autoload

# Before any room of a host is imported, which installs the hook by hand
AT_START = autoload.installed()


class Host(NamedTuple):
    """A program, and whether the algorithms are in it.

    Attributes
    ----------
    name : str
    version : str or None
        None where it is not installed.
    supported : bool
    active : bool
        Whether its own commands know the algorithms.
    advice : str
        What to do; empty where nothing is to be done.
    """

    name: str
    version: str | None
    supported: bool
    active: bool
    advice: str

    def __str__(self) -> str:
        if self.version is None:
            return f"{self.name}: not found. {self.advice}"
        words = [
            f"{self.name} {self.version}: found",
            "supported" if self.supported else "not supported",
            "active" if self.active else "not active",
        ]
        return ", ".join(words) + (f". {self.advice}" if self.advice else "")


def cohere() -> Host:
    """State of cohere in this interpreter."""
    from .cohere import modules as host

    there = importlib.util.find_spec("cohere_core") is not None
    return _state("cohere", there, "pip install cohere_core cohere_ui", host)


def pynx() -> Host:
    """State of PyNX in this interpreter; where it is active, the words that its runners know."""
    from .pynx import modules as host

    found = _state("PyNX", host.is_there(), "See the documentation of PyNX to install it", host)
    if not found.active:
        return found
    return found._replace(advice=f"Words: {', '.join(sorted(host.offered()))}")


def _state(name: str, there: bool, install: str, host: ModuleType) -> Host:
    """What can be said of any host; its ``modules`` know its version."""
    if not there:
        return Host(name, None, False, False, install)
    version = host.installed_version() or "of unknown version"
    problem = host.unsupported()
    if problem:
        return Host(name, version, False, False, problem)
    if AT_START:
        return Host(name, version, True, True, "")
    if autoload.switched_off():
        advice = f"It is switched off by {autoload.SWITCH}=0: unset that"
    else:
        advice = (
            f"Install cdi-ml-plugin with pip, or import cdi_ml_plugin.hosts.{name.lower()} in your "
            "script"
        )
    return Host(name, version, True, False, advice)


def all_hosts() -> list[Host]:
    """Every host that is known."""
    return [cohere(), pynx()]
