"""Networks of somebody else, installed for a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint

import pytest

from cdi_ml_plugin.nn import kinds, weights
from cdi_ml_plugin.utils import plugins


@contextmanager
def installed(**values: str) -> Iterator[None]:
    """Have entry points of networks, name = module:class, beside those that are there."""
    found = plugins.entry_points

    def more(group: str) -> list[EntryPoint]:
        own = [EntryPoint(name, value, group) for name, value in values.items()]
        return [*found(group=group), *(own if group == kinds.NETWORKS.name else [])]

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plugins, "entry_points", more)
            _refresh()
            yield
    finally:
        _refresh()


def _refresh() -> None:
    kinds.refresh()
    weights._read.cache_clear()
