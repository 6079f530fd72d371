"""What there is of the programs that this package adds its algorithms to."""

from __future__ import annotations

import importlib.util
from typing import NamedTuple

from . import autoload


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
    at_start = autoload.installed()  # before the next line, which installs it by hand
    from .cohere import modules as host

    if importlib.util.find_spec("cohere_core") is None:
        return Host("cohere", None, False, False, "pip install cohere_core cohere_ui")
    version = host.installed_version() or "of unknown version"
    problem = host.unsupported()
    if problem:
        return Host("cohere", version, False, False, problem)
    if at_start:
        return Host("cohere", version, True, True, "")
    if autoload.switched_off():
        advice = f"It is switched off by {autoload.SWITCH}=0: unset that"
    else:
        advice = (
            "Install cdi-ml-plugin with pip, or import cdi_ml_plugin.hosts.cohere in your script"
        )
    return Host("cohere", version, True, False, advice)


def all_hosts() -> list[Host]:
    """Every host that is known."""
    return [cohere()]
