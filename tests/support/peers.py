"""The released packages whose readers and conventions ours are held against, beside the tests' own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from filelock import FileLock

RELEASES = (
    *("cdiutils==0.2.1", "bcdi==0.2.3", "mmg_toolbox==0.7.0"),
    *("colorcet==3.1.0", "tabulate==0.9.0", "hdfmap==1.4.0"),  # what they need, and we do not
)


@cache
def installed() -> Path:
    """Folder with the packages alone: what else they need is in the tests' own environment.

    It is made once for all processes.
    """
    folder = Path(gettempdir()) / f"cdi_ml_peers_{'_'.join(RELEASES[:3])}"
    with FileLock(f"{folder}.lock"):
        if not (folder / "whole").exists():
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
            subprocess.run([*command, "--target", str(folder), *RELEASES], check=True)
            (folder / "whole").touch()
    return folder


def ask(script: str, *words: str | Path) -> Any:
    """Run lines of Python with the packages; what they print last, as JSON, is returned."""
    # cohere's torch backend sets SCIPY_ARRAY_API, and cdiutils does not run with it
    environment = {key: value for key, value in os.environ.items() if key != "SCIPY_ARRAY_API"}
    environment["MPLBACKEND"] = "Agg"
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [environment.get("PYTHONPATH", ""), str(installed())])
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *map(str, words)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])
