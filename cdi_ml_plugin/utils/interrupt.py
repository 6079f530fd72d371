"""Ctrl-C as a flag that is looked at between iterations."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruption(*signals: signal.Signals) -> Iterator[list[bool]]:
    """Turn the first Ctrl-C (or one of `signals`) into a flag that is looked at between iterations.

    The second one acts. Outside the main thread, where Python takes no signals, nothing changes.
    """
    stop: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handler(number: int, frame: object) -> None:
        if stop:
            raise KeyboardInterrupt
        stop.append(True)

    numbers = signals or (signal.SIGINT,)
    previous = [signal.signal(number, handler) for number in numbers]
    try:
        yield stop
    finally:
        for number, action in zip(numbers, previous, strict=True):
            signal.signal(number, action)
