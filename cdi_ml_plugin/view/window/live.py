"""A reconstruction in a thread of its own, with the window in front of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

from silx.gui import qt

from ...data.measurement import Measurement
from ...data.quantities import QUANTITIES
from ...data.result import Result, Run
from ...engine.progress import Watch
from ...utils.interrupt import ENDING
from .display import going
from .window import Window

LOOK = 20  # ms between looks for news
FRAME = 20  # ms within which Qt begins to draw, at the next refresh of the screen
PATIENCE = 5.0  # s that a drawing may take before the reconstruction goes on without it


class Live:
    """What the thread that computes and the one that draws know of each other.

    They take turns: the reconstruction waits while the window is drawn. Side by side they would hold up
    each other at every step, for Python runs one of them at a time; and the engine, which spends no more
    than a tenth of its time on being watched, sees what drawing takes.

    Parameters
    ----------
    window : Window
    measurement : Measurement
    work : callable(watch)
        The reconstruction; `watch` is to be handed to `cdi_ml_plugin.reconstruct`.

    Attributes
    ----------
    drawings : int
        How often the window was drawn.
    """

    def __init__(
        self, window: Window, measurement: Measurement, work: Callable[[Watch], Result]
    ) -> None:
        self.window, self.measurement, self.work = window, measurement, work
        self.drawings = 0
        self._runs: dict[int, Run] = {}
        self._news = False
        self._seen = threading.Event()
        self._stopped = False
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._compute, daemon=True)
        self._stop_action: Any = None

    def run(self) -> Result:
        """Return when the reconstruction has ended, whether the window was closed or not."""
        bar = self.window.tools
        self._stop_action = bar.addAction(
            bar.style().standardIcon(qt.QStyle.StandardPixmap.SP_MediaStop), "Stop"
        )
        self._stop_action.setToolTip("End after this iteration; the result so far is written")
        self._stop_action.triggered.connect(self.stop)
        timer = qt.QTimer()
        timer.timeout.connect(self._look)
        try:
            with going(self._interrupted):
                self._thread.start()
                timer.start(LOOK)
                self.window.application.exec()
        finally:
            timer.stop()
            bar.removeAction(self._stop_action)
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def stop(self) -> None:
        """End the reconstruction as Ctrl-C does."""
        self._stopped = True
        self._stop_action.setEnabled(False)
        self._stop_action.setText("stopping …")

    def _interrupted(self, *_: Any) -> None:
        self.stop()
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)  # the second one acts

    # in the thread that computes; it touches nothing of Qt

    def _compute(self) -> None:
        try:
            self._result = self.work(self._watch)
        except BaseException as error:
            self._error = error

    def _watch(self, run: Run) -> bool:
        self._runs = {**self._runs, run.seed: run}
        self._seen.clear()
        self._news = True
        self._seen.wait(PATIENCE)
        return self._stopped

    # in the main thread

    def _look(self) -> None:
        if not self._thread.is_alive():
            self.window.application.exit()  # quit() would close the window
        elif self._news:
            self._news = False
            if not self.window.is_open:
                self._seen.set()
                return
            runs = [*self._runs.values()]
            self.window.show_running(self.measurement, runs)
            self.window.show_message(_words(runs[-1]))
            qt.QTimer.singleShot(FRAME, self._drawn)

    def _drawn(self) -> None:
        self.drawings += 1
        self._seen.set()


def _words(run: Run) -> str:
    chi2 = run.history.get("chi2", ())
    name = QUANTITIES["chi2"].name
    return f"seed {run.seed}, iteration {len(chi2)}, {name} {run.metrics['chi2']:.3g}"
