"""What does many tasks: this process alone, or whatever else has the same way of doing it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from ...errors import CdiMlError, ClusterError

PAUSE = 0.05  # s between two looks for what comes in


Kind = TypeVar("Kind")


def taken(came: Any, kind: type[Kind], what: str) -> Kind:
    """What came of an item, of that kind.

    Raises
    ------
    CdiMlError
        As from this process, where the function raised it.
    ClusterError
        Anything else came instead.
    """
    if isinstance(came, CdiMlError):
        raise came
    if not isinstance(came, kind):
        raise ClusterError(f"{what}: the worker died: {came}")
    return came


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
        self, function: Callable[..., Any], items: Iterable[Any], shared: Any = None
    ) -> Iterator[tuple[int, Any]]:
        """Call a function of a module with each item; yield its place and what came of it, as each ends.

        `items` may come in bit by bit: None is no item, and says that there is none at the moment. What is `shared` by
        all items, and large, goes to each worker once; the function gets it first. A worker that died with an item
        more than a few times yields the error.
        """


class Alone:
    """This process, one task after the other."""

    count = 1
    about = "one process"

    def run(
        self, function: Callable[..., Any], items: Iterable[Any], shared: Any = None
    ) -> Iterator[tuple[int, Any]]:
        """See `Workers`."""
        given = () if shared is None else (shared,)
        place = 0
        for item in items:
            if item is None:
                time.sleep(PAUSE)
                continue
            yield place, function(*given, item)
            place += 1
