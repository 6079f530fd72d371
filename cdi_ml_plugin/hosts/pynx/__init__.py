"""This package's algorithms as operators of PyNX: ``from cdi_ml_plugin.hosts.pynx import CNN, REFINE``.

Importing this room also adds their names, in lower case, to the algorithm strings of PyNX's runners.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import autoload

if TYPE_CHECKING:
    from .operators import Word

autoload.install()


def __getattr__(name: str) -> type[Word]:
    """Give the operator of a registered algorithm, and of no other name."""
    from ...operators import registry

    if name not in registry.find():
        raise AttributeError(f"{__name__} has no {name}: it has {', '.join(registry.names())}")
    from .operators import word_class

    return word_class(name)


def __dir__() -> list[str]:
    from ...operators import registry

    return sorted([*globals(), *registry.names()])
