"""The path file of the wheel: a fresh environment, its interpreter's start, and pip uninstall."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import sysconfig
import time
import venv
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).resolve().parents[1]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
TABLE = (
    "import cohere_core.controller.op_flow as f; print([n for n in f.algs if 'nn' in n.lower()])"
)
KNOWN = "['CNN', 'CNNpc', 'cnn', 'cnnpc']"


class Environment:
    """A virtual environment that sees the packages of this one, but for what is installed in it."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.python = folder / "bin" / "python"
        self.site = Path(
            sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
        )
        (self.site / "zz_host.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def pip(self, *words: str) -> None:
        command = [*PIP, "--python", str(self.python), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def run(self, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), "-W", "ignore", "-c", script, *words],
            env={**os.environ, **variables}, capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Where the wheel is installed."""
    if find_spec("setuptools") is None or find_spec("pip") is None:
        pytest.skip("building a wheel needs pip and setuptools")
    pytest.importorskip("cohere_core", reason="cohere_core is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    hidden = ignore_patterns(".*", "tests", "examples", "docs", "demo", "build", "*.egg-info")
    source = copytree(ROOT, folder / "source", ignore=hidden)  # setuptools builds in place
    options = ["--no-deps", "--no-build-isolation", "--no-index"]
    build = [*PIP, "wheel", *options, "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    found = Environment(folder / "venv")
    (wheel,) = folder.glob("*.whl")
    found.pip("install", "--no-deps", "--no-index", "--ignore-installed", str(wheel))
    return found


@pytest.fixture(params=["wheel", "editable"])
def python(request: pytest.FixtureRequest) -> Environment:
    """Each way to install: a fresh environment, and the one that the tests run in."""
    if request.param == "wheel":
        return request.getfixturevalue("environment")
    if not (Path(sysconfig.get_path("purelib")) / "cdi_ml_plugin.pth").is_file():
        pytest.skip("this environment has not installed the package with pip")
    pytest.importorskip("cohere_core", reason="cohere_core is not installed")
    here = Environment.__new__(Environment)
    here.python = Path(sys.executable)
    return here


def test_cohere_knows_the_algorithms(python: Environment) -> None:
    done = python.run(TABLE)
    assert done.stdout.strip() == KNOWN
    assert done.stderr == ""
    off = python.run(TABLE, CDI_ML_PLUGIN_AUTOLOAD="0")
    assert off.stdout.strip() == "[]"
    by_hand = f"import cdi_ml_plugin.hosts.cohere\n{TABLE}"
    late = f"import cohere_core.controller.phasing\n{by_hand}"
    for script in (by_hand, late):
        assert python.run(script, CDI_ML_PLUGIN_AUTOLOAD="0").stdout.strip() == KNOWN


SPAWN = """
import multiprocessing

def known(queue):
    import cohere_core.controller.op_flow as flow
    queue.put("REFINE" in flow.algs)

if __name__ == "__main__":
    for kind in ("spawn", "fork"):
        context = multiprocessing.get_context(kind)
        queue = context.Queue()
        process = context.Process(target=known, args=(queue,))
        process.start()
        print(queue.get(timeout=60))
        process.join()
"""
# the package of the notebook needs ipywidgets, its validation does not
VALIDATE = """
import cohere_ui, os, sys, types
package = types.ModuleType("cohere_ui.jupyter_gui")
package.__path__ = [os.path.join(cohere_ui.__path__[0], "jupyter_gui")]
sys.modules[package.__name__] = package
from cohere_ui.jupyter_gui._validation import parse_algorithm_sequence as parse
print(parse("1*CNN+3*(20*ER+180*HIO)+200*refine+20*ER"), parse("1*CMN"))
"""


def test_so_do_spawned_processes_and_the_notebook(python: Environment, tmp_path: Path) -> None:
    (tmp_path / "spawn.py").write_text(SPAWN)  # a spawned process imports it again
    command = [str(python.python), "-W", "ignore", str(tmp_path / "spawn.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "True"], done.stderr
    pytest.importorskip("cohere_ui", reason="cohere_ui is not installed")
    done = python.run(VALIDATE)
    assert "('refine', 200)" in done.stdout, done.stderr
    assert "did you mean 'CNN'" in done.stdout


def test_start_of_an_interpreter(python: Environment) -> None:
    loaded = "import sys; print(sorted(m for m in sys.modules if m.startswith('cdi_ml_plugin')))"
    names = ["cdi_ml_plugin", "cdi_ml_plugin.hosts", "cdi_ml_plugin.hosts.autoload"]
    assert python.run(loaded).stdout.strip() == str(names)
    # its own time, with the byte code that pip or the first run left
    timed = (
        "import sys, time\nbegan = time.perf_counter()\n"
        "from cdi_ml_plugin.hosts import autoload\nautoload.at_start()\n"
        "print(time.perf_counter() - began)"
    )
    clean = "import sys\nfor n in [n for n in sys.modules if n.startswith('cdi_ml')]: del sys.modules[n]\n"
    variables = {"PYTHONDONTWRITEBYTECODE": "", "CDI_ML_PLUGIN_AUTOLOAD": "0"}
    times = [float(python.run(clean + timed, **variables).stdout) for _ in range(7)]
    assert statistics.median(times) < 1e-3


@pytest.mark.parametrize(
    "damage",
    [
        "import cdi_ml_plugin.registry as r; r.find = lambda: 1 / 0",
        "import cdi_ml_plugin.hosts as h, sys; sys.modules['cdi_ml_plugin.hosts.cohere'] = None",
    ],
)
def test_cohere_goes_on_whatever_is_wrong_with_us(python: Environment, damage: str) -> None:
    use = "import cohere_core.controller.phasing as p; p.Rec({'algorithm_sequence': '1*ER'}, '', 'np')"
    done = python.run(f"{damage}\n{TABLE}\n{use}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("cdi_ml_plugin: CNN and REFINE are not available in cohere: ")


def test_a_broken_package_costs_one_line_and_uninstall_leaves_nothing(
    environment: Environment,
) -> None:
    def files() -> list[str]:
        return [path.name for path in environment.site.iterdir() if "cdi_ml" in path.name]

    assert len(files()) == 3
    hosts = environment.run("from cdi_ml_plugin.cli import main; main()", "hosts")
    assert "found, supported, active" in hosts.stdout
    off = environment.run(
        "from cdi_ml_plugin.cli import main; main()", "hosts", CDI_ML_PLUGIN_AUTOLOAD="0"
    )
    assert "not active. It is switched off by CDI_ML_PLUGIN_AUTOLOAD=0" in off.stdout
    module = environment.site / "cdi_ml_plugin" / "hosts" / "autoload.py"
    text = module.read_text()
    module.write_text("this is no Python\n")
    done = environment.run("print('runs')")
    assert done.stdout == "runs\n"
    assert len(done.stderr.splitlines()) == 1
    assert "SyntaxError" in done.stderr
    module.write_text(text)
    os.utime(module, (time.time() + 2, time.time() + 2))
    assert environment.run(TABLE).stdout.strip() == KNOWN

    environment.pip("uninstall", "--yes", "cdi_ml_plugin")
    assert files() == []
    assert environment.run("import sys").stderr == ""
