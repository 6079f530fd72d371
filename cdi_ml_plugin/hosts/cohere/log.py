"""cohere's log."""

from __future__ import annotations

import sys


def log(text: str) -> None:
    """Write to cohere's log, which is what it prints; that may be no terminal that knows Greek."""
    plain = text.replace("χ²", "chi2").encode("ascii", "replace").decode()
    sys.stdout.write(f"cdi_ml_plugin: {plain}\n")
    sys.stdout.flush()
