"""Ctrl-C, and what SLURM sends, as a flag that is looked at between iterations."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM)  # from the keyboard; from a scheduler, which kills later


@contextmanager
def interruption(*signals: signal.Signals) -> Iterator[list[bool]]:
    """Turn the first of `signals` (default: `ENDING`) into a flag that is looked at between iterations.

    The second one acts. Outside the main thread, where Python takes no signals, nothing changes.
    """
    stop: list[bool] = []

    def handler(number: int, frame: object) -> None:
        if stop:
            raise KeyboardInterrupt
        stop.append(True)

    with handled(handler, signals or ENDING):
        yield stop


@contextmanager
def termination() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does, through every ``finally``."""

    def handler(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    with handled(handler, (signal.SIGTERM,)):
        yield


@contextmanager
def held_back() -> Iterator[None]:
    """Let Ctrl-C wait until this is over, and keep it for good from the processes that are started meanwhile.

    A terminal sends it to all of them, and each would say so in a traceback. They inherit the mask of the thread that
    starts them, as do the threads that are started meanwhile; Windows has none.
    """
    late: list[bool] = []
    masks = hasattr(signal, "pthread_sigmask")
    if masks:
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # its start unblocks the signal in the thread that needs it first
    with handled(lambda *_: late.append(True), (signal.SIGINT,)):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else set()
        try:
            yield
        finally:
            if masks:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if late:
        raise KeyboardInterrupt


@contextmanager
def handled(
    handler: Callable[..., Any], numbers: tuple[signal.Signals, ...] = ENDING
) -> Iterator[None]:
    """Have signals handled so for a while; outside the main thread nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, action in zip(numbers, previous, strict=True):
            signal.signal(number, signal.SIG_DFL if action is None else action)
