"""The network keeps the laws of those that are built in."""

from __future__ import annotations

from cdi_ml_tiny import Tiny

from cdi_ml_plugin.plugin import check_network


def test_it_keeps_the_laws() -> None:
    check_network(Tiny)
