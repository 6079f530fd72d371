"""The path file of the wheel: a fresh environment, its interpreter's start, and pip uninstall."""

from __future__ import annotations

import os
import statistics
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from support.environments import Environment, fresh

TABLE = (
    "import cohere_core.controller.op_flow as f; print([n for n in f.algs if 'nn' in n.lower()])"
)
KNOWN = "['CNN', 'CNNpc', 'cnn', 'cnnpc']"


@pytest.fixture(params=["wheel", "editable"])
def python(request: pytest.FixtureRequest) -> Environment:
    """Each way to install: a fresh environment, and the one that the tests run in."""
    if request.param == "wheel":
        return request.getfixturevalue("environment")
    if not (Path(sysconfig.get_path("purelib")) / "cdi_ml_plugin.pth").is_file():
        pytest.skip("this environment has not installed the package with pip")
    pytest.importorskip("cohere_core", reason="cohere_core is not installed")
    return Environment(Path(sys.executable))


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
    done = python.call(tmp_path / "spawn.py")
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
        "import cdi_ml_plugin.operators.registry as r; r.find = lambda: 1 / 0",
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
    wheel: Path, tmp_path: Path
) -> None:
    pytest.importorskip("cohere_core", reason="cohere_core is not installed")
    environment = fresh(tmp_path / "venv", wheel)

    def files() -> list[str]:
        return [path.name for path in environment.site.iterdir() if "cdi_ml" in path.name]

    assert len(files()) == 3
    hosts = environment.run("from cdi_ml_plugin.cli.app import main; main()", "hosts")
    assert "found, supported, active" in hosts.stdout
    off = environment.run(
        "from cdi_ml_plugin.cli.app import main; main()", "hosts", CDI_ML_PLUGIN_AUTOLOAD="0"
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

    done = environment.pip("uninstall", "--yes", "cdi_ml_plugin")
    assert done.returncode == 0, done.stderr
    assert files() == []
    assert environment.run("import sys").stderr == ""
