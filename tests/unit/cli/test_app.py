"""Help, the list of algorithms, and the demonstration."""

from __future__ import annotations

import functools
import subprocess
import sys

import click
import pytest

from cdi_ml_plugin.cli.app import COMMANDS, cli
from cdi_ml_plugin.simulate import scan as simulation
from cdi_ml_plugin.simulate.scan import write_virtual_scan
from cdi_ml_plugin.utils.plugins import summary
from support import BUILT_IN
from support.commands import assert_refused, assert_written


@pytest.mark.slow
def test_simulate_and_demo(run, tmp_path, monkeypatch):
    smaller = functools.partial(write_virtual_scan, shape=(64, 64, 64))
    monkeypatch.setattr(simulation, "write_virtual_scan", smaller)
    code, out, _ = run("simulate", tmp_path / "scan", "--photons", 1e6)
    assert code == 0
    assert str(tmp_path / "scan" / "virtual.spec") in out
    assert_refused(run("simulate", tmp_path / "scan"), "force")
    words = ("demo", "-a", "2*ER", "--seeds", 1, "--out", tmp_path / "demo")
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert "cdi-ml reconstruct" in out
    assert "against the truth" in out
    assert_written(tmp_path / "demo" / "result")
    assert_refused(run(*words), "force")


def test_algorithms(run):
    code, out, err = run("algorithms")
    assert (code, err) == (0, "")
    names = {line.split()[0] for line in out.splitlines()}
    assert names >= set(BUILT_IN)
    code, out, _ = run("algorithms", "hio")
    assert code == 0
    assert "beta = 0.9    (parameter hio_beta)" in out
    assert_refused(run("algorithms", "HOI"), "unknown algorithm", "Did you mean HIO?")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["algorithms"]])
def test_help_and_list_import_no_torch(words):
    script = (
        "import sys; from cdi_ml_plugin.cli.app import cli; cli(sys.argv[1:], standalone_mode=False); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, *words], check=True, capture_output=True)


def test_without_a_command_there_is_help(run):
    code, _, err = run()
    assert code == 2
    assert "Usage: cdi-ml" in err
    assert "reconstruct" in err


def test_listing_the_commands_imports_none_of_them():
    script = (
        "import sys; from cdi_ml_plugin.cli.app import cli; cli(['--help'], standalone_mode=False); "
        "print(sorted(m for m in sys.modules if m.startswith('cdi_ml_plugin.cli.') or m == 'numpy'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "['cdi_ml_plugin.cli.app']"
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_found_by_its_name(name):
    command = cli.get_command(click.Context(cli), name)
    assert command.name == name
    assert summary(f"cdi_ml_plugin.cli.{COMMANDS[name]}", name.replace("-", "_"))


def test_an_unknown_command_names_the_nearest(run):
    assert_refused(run("recnstruct"), "No such command 'recnstruct'", "Did you mean reconstruct?")
    assert_refused(run("quux"), "No such command 'quux'", "reconstruct")


def test_a_traceback_for_developers(run, tmp_path):
    words = ("reconstruct", tmp_path / "none", "--out", tmp_path / "out")
    code, _, err = run("--traceback", *words)
    assert code == 2
    assert err.startswith("Traceback")
    assert err.splitlines()[-1] == run(*words)[2].strip()
    assert "Traceback" not in run(*words)[2]
