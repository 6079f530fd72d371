"""The first Ctrl-C is a flag, the second acts."""

from __future__ import annotations

import signal
import threading

import pytest

from cdi_ml_plugin.utils.interrupt import interruption, termination


def test_the_first_is_a_flag_and_the_second_acts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruption() as stop:
        assert not stop
        signal.raise_signal(signal.SIGINT)
        assert stop
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_is_one_of_them() -> None:
    with interruption() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop
    with pytest.raises(KeyboardInterrupt), termination():
        signal.raise_signal(signal.SIGTERM)


def test_other_signals_that_are_named() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with interruption(signal.SIGTERM) as stop:
        assert signal.getsignal(signal.SIGINT) is before[signal.SIGINT]
        signal.raise_signal(signal.SIGTERM)
        assert stop
    assert signal.getsignal(signal.SIGTERM) is before[signal.SIGTERM]


def test_a_failure_gives_the_signals_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), interruption():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_changes_nothing() -> None:
    seen: list[object] = []

    def work() -> None:
        with interruption() as stop:
            seen.extend([signal.getsignal(signal.SIGINT), stop])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT), []]
