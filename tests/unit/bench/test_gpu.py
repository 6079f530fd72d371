"""``cdi-ml bench gpu``: what it leaves in its folder, how it goes on, and that little but torch is enough."""

from __future__ import annotations

import json
import os
import venv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cdi_ml_plugin.bench.gpu import checks, parts, script, speed, train
from cdi_ml_plugin.bench.gpu.__main__ import main, parser
from cdi_ml_plugin.bench.gpu.scale import QUICK, Task
from cdi_ml_plugin.cli.bench import gpu
from cdi_ml_plugin.errors import ParameterError, ReadError, WriteError
from cdi_ml_plugin.nn import weights
from cdi_ml_plugin.training import checkpoint
from support import ROOT
from support.environments import Environment, borrow

# As their folders are called among the packages; with what only they bring along.
MISSING = (
    "silx", "xrayutilities", "click", "matplotlib", "mpl_toolkits", "tifffile", "skimage", "jinja2",
    "openpyxl", "pyvista", "plotly", "lightning_fabric", "tensorboard", "lightning_utilities", "fabio",
)  # fmt: skip


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / script.ROWS).read_text().splitlines()]


@pytest.fixture
def bare(tmp_path: Path) -> Environment:
    """An interpreter without all that is `MISSING`, and a checkout that nobody installed."""
    venv.create(tmp_path / "venv", symlinks=True)
    made = Environment(tmp_path / "venv" / "bin" / "python")
    borrow(made, tmp_path / "borrowed", *MISSING, "setuptools")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("cdi_ml_plugin", "pyproject.toml"):
        (checkout / name).symlink_to(ROOT / name)
    made.variables["PYTHONPATH"] = str(checkout)
    return made


@pytest.mark.slow
def test_it_runs_where_there_is_little_but_torch(bare: Environment, tmp_path: Path) -> None:
    there = bare.run(
        "from importlib.metadata import distributions\nfrom importlib.util import find_spec\n"
        f"print([name for name in {MISSING} if find_spec(name)])\n"
        "print([d.name for d in distributions() if d.name == 'cdi-ml-plugin'])"
    )
    assert there.stdout.split("\n")[:2] == ["[]", "[]"], there
    out = tmp_path / "out"
    words = ("--quick", "--device", "cpu", "--minutes", "10", "--steps", "3", "--out", out)
    done = bare.call("-m", "cdi_ml_plugin.bench.gpu", *words)
    assert done.returncode == 0, done.stderr
    found = rows(out)
    tables = {row["table"] for row in found}
    assert tables == {
        *(script.MACHINE, checks.DEVICES, checks.SEEDS, speed.ALGORITHMS, speed.PREDICTION),
        *(speed.NETWORKS, speed.REFINE, speed.TRAINING, train.RESULT),
    }
    assert not [row for row in found if script.FAILED in row]
    seeds = [row for row in found if row["table"] == checks.SEEDS]
    assert len(seeds) == len(QUICK.chains)
    assert all(row["to the bit"] == row["seeds"] == 2 for row in seeds)
    short, *_ = (row for row in found if row["table"] == checks.DEVICES)
    assert 0 < short["object error between them"] < 1e-3  # of double precision, before it grows
    for row in found:
        if row["table"] == speed.ALGORITHMS:
            assert (
                min(row["ER"], row["FFT pair"]) > 0
            )  # which takes longer, a busy machine does not tell
        if row["table"] == speed.PREDICTION:
            assert row["all"] > row["there and back alone"] > 0
    page = (out / script.PAGE).read_text()
    assert all(f"## {table}" in page for table in tables)
    assert max(path.stat().st_size for path in out.iterdir()) <= 16 * 2**20
    before = weights.load("fast")[1].samples
    assert weights.load(out / "weights.safetensors")[1].samples == before + 3 * QUICK.trained[0]


def trained(out: Path, **more: Any) -> list[str]:
    """Train alone, as little as can be."""
    return list(script.run(script.Options(out, device="cpu", quick=True, only=("train",), **more)))


@pytest.mark.slow
def test_training_goes_on_from_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    trained(first, steps=2, batch=1)
    with pytest.raises(ParameterError, match=r"first: 2 steps .* are done"):
        trained(second, checkpoint=first)
    with pytest.raises(ParameterError, match="batch = 1"):
        trained(second, checkpoint=first, steps=3, batch=2)
    assert not second.exists()
    trained(second, checkpoint=first, steps=3)
    parts.join(second, tmp_path / checkpoint.NAME)
    facts = checkpoint.facts(tmp_path)
    assert facts is not None
    shipped = weights.load("fast")[1]
    assert (facts["step"], facts["samples"]) == (3, shipped.samples + 3)
    assert facts["start"] == shipped.checksum
    names = [row.get("weights") for row in rows(second)]
    assert names == [None, "shipped", "weights.safetensors"]
    for module in (script, train):
        monkeypatch.setattr(module, "half_pays", lambda device: False)
    lines = trained(second, steps=4)  # from its own
    assert any("trains in float32" in line for line in lines)
    assert weights.load(second / "weights.safetensors")[1].samples == shipped.samples + 4


def test_the_parts_are_one_whole_checkpoint_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART", 1000)
    source, folder, back = tmp_path / "source", tmp_path / "folder", tmp_path / "back"
    folder.mkdir()
    (folder / "other.part00").write_text("mine")
    for size in (2500, 900):
        source.write_bytes(os.urandom(size))
        parts.split(source, folder)
        assert max(path.stat().st_size for path in folder.glob("checkpoint-*")) <= 1000
        assert len(list(folder.glob("checkpoint-*"))) == -(-size // 1000)
        parts.join(folder, back)
        assert back.read_bytes() == source.read_bytes()
    before, staged = source.read_bytes(), parts.staged

    def killed(folder: Path, names: list[str], force: bool) -> Any:
        if names == [parts.MANIFEST]:
            raise WriteError("killed between parts and manifest")
        return staged(folder, names, force=force)

    monkeypatch.setattr(parts, "staged", killed)
    source.write_bytes(os.urandom(3000))
    with pytest.raises(WriteError, match="killed"):
        parts.split(source, folder)
    parts.join(folder, back)
    assert back.read_bytes() == before
    manifest = json.loads((folder / parts.MANIFEST).read_text())
    (folder / manifest["parts"][0]).write_bytes(b"other")
    with pytest.raises(ReadError, match=r"damaged.*copy the whole folder"):
        parts.join(folder, back)
    (folder / parts.MANIFEST).write_text('{"sha256": "", "parts": ["../other"]}')
    with pytest.raises(ReadError, match="not the names of parts"):
        parts.join(folder, back)
    with pytest.raises(ReadError, match="No such file"):
        parts.join(tmp_path, back)
    assert (folder / "other.part00").read_text() == "mine"


def test_what_fails_is_a_row_and_what_is_interrupted_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def figure(name: str, error: BaseException | None = None) -> Task:
        def measure() -> dict[str, Any]:
            calls.append(name)
            if error is not None:
                raise error
            return {"ms": 1.5}

        return Task("Some", {"what": name}, measure)

    def given(*tasks: Task) -> None:
        def tasks_of(*_: object) -> Iterator[Task]:
            return iter(tasks)

        monkeypatch.setattr(checks, "tasks", tasks_of)

    words = ["--out", str(tmp_path / "a" / "out"), "--device", "cpu", "--only", "checks"]
    given(
        figure("one"),
        figure("two", torch.cuda.OutOfMemoryError("all full\nand more")),
        figure("three"),
        figure("four", KeyboardInterrupt()),
        figure("five"),
    )
    assert main(words) == 130
    found = {row["what"]: row for row in rows(tmp_path / "a" / "out") if row["table"] == "Some"}
    assert list(found) == ["one", "two", "three"]
    assert found["two"]["failed"] == "OutOfMemoryError: all full"
    given(figure("one"), figure("two"), figure("three"))
    calls.clear()
    assert main(words) == 0
    assert calls == ["two"]
    page = (tmp_path / "a" / "out" / script.PAGE).read_text()
    assert "| two | 1.5 |" in page
    assert "all full" not in page


@pytest.mark.parametrize(
    ("apart", "chi2", "rounding", "short", "says"),
    [
        (0.005, 0.1, 0.0, True, "the same"),
        (0.05, 0.1, 1.0, True, "NOT the same"),
        (0.05, 0.5, 0.02, False, "as far apart as rounding brings it"),
        (0.30, 0.102, 0.02, False, "another object of the same χ²"),
        (0.30, 0.2, 0.02, False, "NOT the same"),
        (float("nan"), 0.1, 0.02, True, "NOT the same"),
    ],
)
def test_verdicts(apart: float, chi2: float, rounding: float, short: bool, says: str) -> None:
    row = {"object error between them": apart, "χ²": 0.1, "χ², other": chi2}
    assert checks._verdict(row, rounding, short) == says


@pytest.mark.parametrize(("factor", "says"), [(1.0, "the same"), (0.9, checks.OTHER)])
def test_a_gpu_that_computes_otherwise_is_seen(
    monkeypatch: pytest.MonkeyPatch, factor: float, says: str
) -> None:
    """One in whose objects a half is dimmer, stood for by the CPU."""
    run = checks._run

    def on_cpu(data: Any, chain: Any, seeds: Any, device: torch.device, *precision: str) -> Any:
        found = run(data, chain, seeds, torch.device("cpu"), *precision)
        if device.type == "cuda":
            obj = found.runs[0].object.copy()
            obj[:, :, obj.shape[2] // 2 :] *= factor
            found = found._replace(runs=[replace(found.runs[0], object=obj)])
        return found

    monkeypatch.setattr(checks, "_run", on_cpu)
    _, task = [
        task
        for task in checks.tasks(QUICK, torch.device("cuda"))
        if task.table == checks.DEVICES and task.row["chain"] == "short"
    ]
    assert task.row["what"] == "cuda, single, against cpu, single"
    assert task.measure()["verdict"] == says


def test_a_new_training_is_as_long_as_the_minutes_allow(tmp_path: Path) -> None:
    measured = {"table": speed.TRAINING, "batch": 2, "precision": "bf16-mixed"}
    given = [measured | {"batch": 4, "patterns a second": 99.0}]
    given += [measured | {"patterns a second": 200.0}]
    recipe = train.Training(tmp_path, None, None, None)._recipe(
        None, QUICK, "bf16-mixed", 3.0, given
    )
    assert recipe.batch == 2
    assert recipe.steps == int(train.SURE * 3 * 60 * 200 / 2)
    assert recipe.seed == weights.load("fast")[1].samples


def test_both_commands_have_the_same_options() -> None:
    def plain(value: Any) -> Any:
        return None if value in ((), [], False) else value

    bare = {action.dest: action for action in parser()._actions if action.dest != "help"}
    clicked = {option.name: option for option in gpu.params}
    assert bare.keys() == clicked.keys()
    for name, option in clicked.items():
        assert {*bare[name].option_strings} >= {*option.opts}
        assert bare[name].required == option.required
        if not option.required:
            assert plain(bare[name].default) == plain(option.to_info_dict()["default"]), name
    only: Any = clicked["only"].type
    assert tuple(only.choices) == script.PARTS == tuple(bare["only"].choices or ())


def test_wrong_options_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--minutes", "0"], ["--device", "warp"], ["--checkpoint", str(tmp_path)]):
        assert main(["--out", str(tmp_path / "out"), *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
    assert not (tmp_path / "out").exists()
