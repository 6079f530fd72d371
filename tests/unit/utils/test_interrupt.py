"""The first Ctrl-C is a flag, the second acts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from cdi_ml_plugin.utils.interrupt import held_back, interruption, termination


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


def interrupted_start(seen: list[bytes]) -> None:
    """Have Ctrl-C come in the midst of a start, and note whether the process that is started masks it."""
    script = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with held_back():
        os.kill(os.getpid(), signal.SIGINT)
        seen.append(subprocess.check_output([sys.executable, "-c", script]).strip())


def test_ctrl_c_waits_for_a_start_and_what_is_started_never_sees_it() -> None:
    seen: list[bytes] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted_start(seen)
    assert seen == [b"True"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
