"""A command that is killed at a step of its writing, or at some moment; run as a script, it starts many.

``killed.py FOLDER WAY MOMENTS`` needs ``counts.npy`` in FOLDER and prints a JSON list of what it saw, an object a
kill. WAY: ``exchange``, ``two-steps`` (of a system that cannot exchange two names) or ``in-place``.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import h5py
from matplotlib.figure import Figure

from cdi_ml_plugin.cli import app
from cdi_ml_plugin.utils import swap
from cdi_ml_plugin.view.figures import summary
from cdi_ml_plugin.view.pages import report
from support.results import contents

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STEPS = 60  # more than a result takes: those that are not reached end well
OTHERS = {"notes.txt": b"mine", "sub/deep.txt": b"mine too"}
FILES = {"result.cxi", "metrics.json", "summary.png", "report.html"}
iterations = iter(range(1, 10_000))


def command(folder: Path, out: str) -> str:
    """Reconstruct by a chain that no other has."""
    chain = f"{next(iterations)}*ER"
    data = folder / "counts.npy"
    sys.argv = ["cdi-ml", "reconstruct", str(data), "-a", chain, "-q", "--force", "--out", out]
    return chain


def started(step: int | None = None, number: int = signal.SIGKILL) -> int:
    """Run the command in a process of its own, which gets a signal after a step of writing."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        left = [step]

        def counted(function):
            def call(*args, **kwargs):
                answer = function(*args, **kwargs)
                if left[0] is not None:
                    left[0] -= 1
                    if left[0] < 0:
                        left[0] = None
                        os.kill(os.getpid(), number)
                        time.sleep(0.001)
                return answer

            return call

        for name in ("rename", "replace", "link", "unlink", "mkdir", "rmdir", "chmod"):
            setattr(os, name, counted(getattr(os, name)))
        swap.exchange = counted(swap.exchange)
        app.main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        os._exit(code)


def seen(out: Path, before: dict[str, bytes], chain: str) -> dict[str, object]:
    """What became of a result: old, new or mixed, and of the files beside it."""
    after = contents(out)
    changed = {name for name in FILES if after.get(name) != before.get(name)}
    state = "old" if not changed else "mixed"
    if changed == FILES and changed <= set(after):
        with h5py.File(out / "result.cxi") as file:
            cxi = file["entry_1/image_1/process_1/algorithm"].asstr()[()]
        if {json.loads(after["metrics.json"])["sequence"], cxi} == {chain}:
            state = "new"
    lost = sorted(name for name in OTHERS if after.get(name) != OTHERS[name])
    return {"state": state, "lost": lost}


def litter(folder: Path) -> list[str]:
    """Names of ours below a folder."""
    return sorted(str(path) for path in folder.rglob("*") if ".cdi-ml-" in path.name)


def kills(folder: Path, way: str, moments: int) -> list[dict[str, object]]:
    """Kill after each step of the writing, then at so many random moments."""
    out = folder / "out"
    target = str(out)
    if way == "in-place":
        os.chdir(out)
        target = "."
    if way == "two-steps":
        swap.exchange = lambda *_: False
    rng = random.Random(0)
    story: list[dict[str, object]] = []
    signals = SIGNALS if way == "exchange" else SIGNALS[:1]
    plan = [
        (step, s) for step in range(STEPS) for s in signals if s != signal.SIGTERM or step % 3 == 0
    ]
    ended, longest = False, 0.0
    for step, number in plan + [(None, s) for s in signals] * moments:
        if step is not None and ended:
            continue
        before = contents(out)
        chain = command(folder, target)
        began = time.perf_counter()
        child = started(step, number)
        if step is None:
            time.sleep(rng.uniform(0, longest))
            os.kill(child, number)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        longest = max(longest, time.perf_counter() - began)
        at_once = seen(out, before, chain)
        swap.recover(target)  # what the next run begins with
        after = {**seen(out, before, chain), "litter": litter(folder)}
        story.append({"step": step, "signal": number, "code": code, "at once": at_once, **after})
        ended = ended or (code == 0 and number == signal.SIGKILL)
    return story


def tiny(result):
    """A picture that tells the chain."""
    figure = Figure((1, 1))
    figure.text(0, 0, result.sequence)
    return figure


def main() -> None:
    folder, where, moments = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    summary.draw_summary = tiny  # they take longest of all, and are not what is tested
    report.page = lambda account, *_: account.result.sequence
    command(folder, str(folder / "out"))
    os.waitpid(started(), 0)
    for name, content in OTHERS.items():
        (folder / "out" / name).parent.mkdir(exist_ok=True)
        (folder / "out" / name).write_bytes(content)
    print(json.dumps(kills(folder, where, moments)))


if __name__ == "__main__":
    main()
