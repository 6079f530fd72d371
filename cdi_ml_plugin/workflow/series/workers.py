"""Who does the work of a series: this process alone, or whatever else has the same way of doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol


class Workers(Protocol):
    """What does many tasks.

    Attributes
    ----------
    about : str
        What they are, in a line.
    """

    about: str

    @property
    def count(self) -> int:
        """How many tasks at once."""

    def run(
        self, function: Callable[[Any], Any], items: Sequence[Any]
    ) -> Iterator[tuple[int, Any]]:
        """Call a function of a module with each item; yield its place and what came of it, as each ends.

        A worker that died with an item more than a few times yields the error.
        """


class Alone:
    """This process, one task after the other."""

    count = 1
    about = "one process"

    def run(
        self, function: Callable[[Any], Any], items: Sequence[Any]
    ) -> Iterator[tuple[int, Any]]:
        """See `Workers`."""
        for place, item in enumerate(items):
            yield place, function(item)
