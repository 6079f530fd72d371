"""PyNX as Debian packages it, to be asked what it makes of the same numbers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from support import ROOT

PLACE = ROOT / "build" / "pynx"  # kept from run to run
SUITE, PACKAGE = "trixie", "python3-pynx=2025.1-2"
SOURCE = "Types: deb\nURIs: {site}\nSuites: {suite}\nComponents: main\n"
PATIENCE = 30  # seconds
# What the path file of the wheel does as an interpreter starts, that of this checkout and no other's.
HOOK = f"""import site, sys
sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ != "CdiMlPluginWaits"]
site.addsitedir({str(ROOT)!r})
"""


class PyNX:
    """The package in a folder of its own, which runs on the CPU, in the tests' own interpreter."""

    def __init__(self, packages: Path) -> None:
        self.packages = packages

    def variables(self, *more: Path) -> dict[str, str]:
        """Environment in which it is found, on the CPU, and `more` folders of packages with it."""
        places = os.pathsep.join(map(str, (*more, self.packages)))
        return {**os.environ, "PYTHONPATH": places, "PYNX_PU": "cpu", "MPLBACKEND": "Agg"}

    def run(self, script: str, folder: Path, *more: Path, **variables: str) -> Any:
        """Run a script in a folder, where it can read what a test put there; what it prints last as JSON.

        `more` are folders of packages that it finds, `variables` those of its environment.
        """
        return json.loads(self.call(script, folder, *more, **variables).stdout.splitlines()[-1])

    def call(
        self, script: str, folder: Path, *more: Path, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script as `run` does, to its good end; what it printed."""
        head = "import json\nimport numpy as np\n"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", head + script], cwd=folder,
            env=self.variables(*more) | variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
        missing = "ModuleNotFoundError: No module named "
        if missing in done.stderr:  # a dependency of theirs that is none of ours
            pytest.skip(f"PyNX: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture(scope="session")
def pynx() -> PyNX:
    """PyNX, brought by apt from Debian where it is not there yet."""
    PLACE.parent.mkdir(exist_ok=True)
    with FileLock(f"{PLACE}.lock"):
        if not PLACE.is_dir():
            part = PLACE.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            bring(part)
            (part / "root").rename(PLACE)
            shutil.rmtree(part)
    return PyNX(PLACE / "usr" / "lib" / "python3" / "dist-packages")


def bring(part: Path) -> None:
    """Extract the package below a folder, by an apt that leaves the machine's own alone."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        pytest.skip("PyNX is brought by apt-get and dpkg, which are not here")
    for name in ("state/lists/partial", "cache/archives/partial", "root"):
        (part / name).mkdir(parents=True)
    (part / "status").touch()
    targets = call("apt-get", "indextargets", "--format", "$(REPO_URI)")
    sites = [site for site in targets.split() if site.rstrip("/").endswith("/debian")]
    if not sites:
        pytest.skip("PyNX comes from Debian, of which apt knows no mirror")
    sources = part / "debian.sources"
    sources.write_text(SOURCE.format(site=sites[0], suite=SUITE))
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": part / "state",
        "Dir::State::status": part / "status",
        "Dir::Cache": part / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": 0,
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    call(*apt, "update", "--error-on=any")
    call(*apt, "download", PACKAGE, cwd=part)
    (package,) = part.glob("*.deb")
    call("dpkg", "-x", str(package), str(part / "root"))


def call(*words: str, cwd: Path | None = None) -> str:
    """What a command prints; the test is skipped where it fails."""
    try:
        done = subprocess.run(
            words, cwd=cwd, capture_output=True, text=True, check=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"PyNX cannot be had: {words[0]} took more than {PATIENCE} s")
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"PyNX cannot be had: {words[0]}: {reason}")
    return done.stdout
