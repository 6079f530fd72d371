"""Interpreters beside the one that runs the tests: what a user has who installed the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from shutil import copytree, ignore_patterns

from support import ROOT

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
OURS = ("cdi_ml_plugin", "__editable__")  # the package, and an editable install of it


class Environment:
    """An interpreter by its path, and how its processes are started."""

    def __init__(self, python: Path) -> None:
        self.bin, self.python = python.parent, python
        base = {"base": str(self.bin.parent), "platbase": str(self.bin.parent)}
        self.site = Path(sysconfig.get_path("purelib", "venv", base))
        self.variables = dict(os.environ)

    def call(self, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the interpreter, in a folder that holds no package."""
        return subprocess.run(
            [str(self.python), "-W", "ignore", *map(str, words)], cwd=self.bin,
            env=self.variables | variables, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def run(
        self, script: str, *words: str | Path, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a few lines of Python."""
        return self.call("-c", script, *words, **variables)

    def pip(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the pip of the tests' own interpreter on this environment."""
        command = [*PIP, "--python", str(self.python), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def fresh(folder: Path, wheel: Path, *without: str) -> Environment:
    """A virtual environment with the wheel in it, made where there is none.

    It borrows the packages of the tests' own one, which are large, but neither this package nor those
    whose names begin as `without` says.
    """
    there = folder.exists()
    if not there:
        venv.create(folder, symlinks=True)
    made = Environment(folder / "bin" / "python")
    made.variables.pop("PYTHONPATH", None)
    # cohere calls python and mpiexec by name; the latter is not in the new environment
    places = [made.bin, Path(sys.executable).parent, made.variables["PATH"]]
    made.variables["PATH"] = os.pathsep.join(map(str, places))
    if not there:
        borrow(made, folder / "borrowed", *without)
        done = made.pip("install", "--no-deps", "--no-index", "--ignore-installed", wheel)
        assert done.returncode == 0, done.stderr
    return made


def borrow(made: Environment, folder: Path, *without: str) -> None:
    """Show an environment the packages of the tests' own one by a folder of links."""
    folder.mkdir()
    for place in (Path(p) for p in sys.path if p.endswith("-packages")):
        for path in place.iterdir():
            link = folder / path.name
            if not path.name.startswith((*OURS, *without)) and not link.exists():
                link.symlink_to(path)
    (made.site / "zz_borrowed.pth").write_text(f"{folder}\n")


def build_wheel(folder: Path) -> Path:
    """Build this package's wheel from a copy of the sources: setuptools builds in place."""
    hidden = ignore_patterns(".*", "tests", "examples", "docs", "demo", "build", "*.egg-info")
    source = copytree(ROOT, folder / "source", ignore=hidden)
    options = ["--no-deps", "--no-build-isolation", "--no-index"]
    build = [*PIP, "wheel", *options, "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel
