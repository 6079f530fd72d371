"""Warnings to the user of a host, which has no place for ours: a line on stderr."""

import sys

_said: set[str] = set()


def say(text: str) -> None:
    """Warn in one line, once in a process."""
    if text not in _said and sys.stderr is not None:
        _said.add(text)
        sys.stderr.write(f"cdi_ml_plugin: {text}\n")
