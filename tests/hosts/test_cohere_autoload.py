"""The path file of the wheel: a fresh environment, its interpreter's start, and pip uninstall."""

from __future__ import annotations

import os
import subprocess
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


LOADED = "import sys; print([m for m in sys.modules if m.startswith('cdi_ml_plugin')])"


def test_an_interpreter_starts_without_the_package(python: Environment) -> None:
    assert python.run(LOADED).stdout.strip() == "[]"
    unrelated = f"import json, importlib.util; importlib.util.find_spec('cohere'); {LOADED}"
    assert python.run(unrelated).stdout.strip() == "[]"


def test_no_finder_is_passed_over(python: Environment) -> None:
    """Python goes on in the list of finders, whatever the one that waits does to it."""
    script = (
        "import sys\nseen = []\n"
        "class Look:\n def find_spec(self, name, *more): seen.append(name)\n"
        "place = [type(f).__name__ for f in sys.meta_path].index('CdiMlPluginWaits')\n"
        "sys.meta_path.insert(place + 1, Look())\nimport cohere_core\nprint(seen.count('cohere_core'))"
    )
    for switch in ("0", ""):
        assert python.run(script, CDI_ML_PLUGIN_AUTOLOAD=switch).stdout.strip() == "1"


def test_the_checkout_that_one_stands_in_comes_first(python: Environment, tmp_path: Path) -> None:
    """As without the path file: the folder of `python -c`, or of pytest, before what is installed."""
    package = tmp_path / "cdi_ml_plugin"
    package.mkdir()
    (package / "__init__.py").write_text("import sys; sys.stdout.write('a checkout')\n")
    script = f"import os; os.chdir({str(tmp_path)!r}); import cdi_ml_plugin"
    assert python.run(script).stdout == "a checkout"
    # an empty part of PYTHONPATH is the folder that Python is started in: nothing of it runs
    done = subprocess.run(
        [python.python, "-c", "pass"], cwd=tmp_path, env=python.variables | {"PYTHONPATH": ":/none"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == done.stderr == ""


def test_the_start_costs_next_to_nothing(python: Environment) -> None:
    text = (python.site / "cdi_ml_plugin.pth").read_text()
    comment, line = text.splitlines()  # Python runs each line by itself
    assert comment.startswith("# ")
    timed = (
        f"import sys, time\nline = {line!r}\ntimes = []\nfor _ in range(30):\n"
        "    sys.meta_path[:] = [f for f in sys.meta_path if not f.__class__.__name__.startswith('Cdi')]\n"
        "    began = time.perf_counter()\n    exec(line)\n    times.append(time.perf_counter() - began)\n"
        "print(sorted(times)[15])"
    )
    assert float(python.run(timed).stdout) < 0.5e-3


def test_the_path_file_may_run_twice(python: Environment) -> None:
    line = (python.site / "cdi_ml_plugin.pth").read_text()
    finders = "[f for f in sys.meta_path if type(f).__name__ in ('CdiMlPluginWaits', 'Finder')]"
    script = f"exec({line!r})\nimport sys\nprint(len({finders}))\n{TABLE}\nprint(len({finders}))"
    assert python.run(script).stdout.split("\n")[:3] == ["1", KNOWN, "2"]


@pytest.mark.parametrize(
    "damage",
    [
        "import cdi_ml_plugin.operators.registry as r; r.ALGORITHMS.find = lambda: 1 / 0",
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
    assert (done.stdout, done.stderr) == ("runs\n", "")
    done = environment.run(f"import cohere_core\n{TABLE}")
    assert done.stdout == "[]\n"
    assert len(done.stderr.splitlines()) == 1
    assert "SyntaxError" in done.stderr
    module.write_text(text)
    os.utime(module, (time.time() + 2, time.time() + 2))
    assert environment.run(TABLE).stdout.strip() == KNOWN

    done = environment.pip("uninstall", "--yes", "cdi_ml_plugin")
    assert done.returncode == 0, done.stderr
    assert files() == []
    assert environment.run("import sys").stderr == ""
