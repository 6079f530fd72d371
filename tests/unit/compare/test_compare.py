"""Chains compared over many seeds: statistics, agreement, what is kept, and the page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.cli import app as cli
from cdi_ml_plugin.cli.compare import by_name
from cdi_ml_plugin.compare.comparison import PAGES, Comparison
from cdi_ml_plugin.compare.run import compare
from cdi_ml_plugin.compare.statistics import (
    agreement,
    common_bins,
    common_box,
    distribution,
    in_array,
    placed,
    rank_sum,
)
from cdi_ml_plugin.engine.loop import Job
from cdi_ml_plugin.errors import (
    AlgorithmError,
    ParameterError,
    ReadError,
    SequenceError,
    WriteError,
)
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.geometry.geometry import Geometry
from cdi_ml_plugin.physics.metrics import crossing, prtf, shells, spectral_weight
from cdi_ml_plugin.simulate.particle import strained_crystal
from cdi_ml_plugin.view.pages import comparison as view
from cdi_ml_plugin.view.pages.html import plotly
from support.pages import Browser, Page

SHAPE = (32, 32, 32)
CHAINS = {"<slow> & steady": "4*ER + 3*HIO + 4*ER", "HIO at the end": "2*ER + 5*HIO"}


def crystal(seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return strained_crystal(shape, np.eye(3), size=10, rng=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    obj = crystal()
    obj = obj * np.sqrt(1e7 / np.sum(np.abs(obj) ** 2))
    counts = np.random.default_rng(0).poisson(diffraction(obj)).astype(float)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 3] = True
    return Measurement(counts, mask, {"source": "simulated"})


@pytest.fixture(scope="module")
def compared(
    measurement: Measurement, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Comparison]:
    """A finished comparison that no test changes, and its folder."""
    out = tmp_path_factory.mktemp("compared") / "out"
    comparison = compare(measurement, CHAINS, out, seeds=3, command="cdi-ml compare again")
    comparison.write(out)
    return out, comparison


@pytest.fixture
def plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty figures, for tests that are not about them: the real ones take longest of all."""
    for name in ("histograms", "transfer", "weights", "best", "spread"):
        monkeypatch.setattr(view, f"draw_{name}", lambda comparison: Figure((1, 1)))
    monkeypatch.setattr(view, "_surfaces", lambda *_: [])


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is run from here on: chain and seed."""
    seen: list[tuple[str, int]] = []
    run = Job.run

    def counted(job: Job, seeds: Any, *given: Any) -> Any:
        seen.extend((str(job.step), seed) for seed in seeds)
        return run(job, seeds, *given)

    monkeypatch.setattr(Job, "run", counted)
    return seen


def kept(objects: list[np.ndarray]) -> list[Any]:
    """Runs as they are kept, but in memory."""
    runs = []
    for obj in objects:
        window, centre = _window(obj)
        about = {
            "first": [piece.start for piece in window],
            "shape": [piece.stop - piece.start for piece in window],
            "centre": centre,
        }
        crop = obj[window]
        runs.append(SimpleNamespace(about=about, object=lambda crop=crop: crop))
    return runs


def _window(obj: np.ndarray) -> tuple[tuple[slice, ...], list[int]]:
    inside = np.argwhere(np.abs(obj) > 0)
    first, last = inside.min(0), inside.max(0) + 1
    centre = np.average(inside, axis=0, weights=np.abs(obj)[tuple(inside.T)])
    return tuple(map(slice, first, last)), [round(c) for c in centre]


def moved(obj: np.ndarray, shift: tuple[float, ...], angle: float) -> np.ndarray:
    grids = np.meshgrid(*map(np.fft.fftfreq, obj.shape), indexing="ij")
    ramp = np.exp(-2j * np.pi * sum(g * s for g, s in zip(grids, shift, strict=True)))
    return np.fft.ifftn(np.fft.fftn(obj) * ramp) * np.exp(1j * angle)


def agreed(objects: list[np.ndarray]) -> Any:
    runs = kept(objects)
    return agreement(runs, placed(runs[0], common_box(runs, objects[0].shape)))


# --- shells -------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(16, 16, 16), (15, 20, 12)])
def test_shells_without_geometry_are_shares_of_nyquist(shape: tuple[int, int, int]) -> None:
    parts = shells(shape)
    assert parts.unit == "Nyquist"
    assert parts.complete == pytest.approx(1)
    width = parts.q[1] - parts.q[0]
    assert parts.q[-1] + width / 2 == pytest.approx(1)
    offsets = [2 * (i - n // 2) / n for i, n in zip(np.indices(shape), shape, strict=True)]
    radius = np.sqrt(np.sum(np.square(offsets), axis=0))
    inside = radius < 1 - 1e-9
    assert (np.abs(parts.q[parts.index[inside]] - radius[inside]) <= width / 2 + 1e-9).all()
    assert (parts.index[radius > 1 + 1e-9] == len(parts.q)).all()
    assert parts.sums(np.ones(shape)).sum() == (parts.index < len(parts.q)).sum()


def test_shells_with_geometry_are_in_its_unit() -> None:
    basis = np.diag([0.01, 0.02, 0.02])
    basis[0, 2] = 0.005  # not orthogonal
    parts = shells((20, 20, 20), basis)
    assert parts.unit == "1/nm"
    assert parts.q[-1] < 10 * np.hypot(0.02, 0.005) <= parts.q[-1] + parts.q[0] * 1.001
    q = float(np.linalg.norm(basis @ [2, -3, 1]))
    assert abs(parts.q[parts.index[12, 7, 11]] - q) <= parts.q[0] * 1.001
    # 10 planes from the centre to the first face, of which shear changes the distance
    assert parts.complete == pytest.approx(10 / np.linalg.norm(np.linalg.inv(basis)[0]))


def test_spectral_weight_is_a_sum_over_known_voxels() -> None:
    amplitude = np.random.default_rng(0).random(SHAPE)
    mask = np.random.default_rng(1).random(SHAPE) < 0.3
    parts = shells(SHAPE)
    weight = spectral_weight(amplitude, parts, mask)
    for shell in (0, 5, len(parts.q) - 1):
        expected = amplitude[(parts.index == shell) & ~mask].sum()
        assert weight[shell] == pytest.approx(expected)
    assert (spectral_weight(amplitude, parts) >= weight).all()


def test_prtf_of_agreement_is_1_and_of_random_phases_1_over_root_n() -> None:
    obj = crystal()
    parts = shells(SHAPE)
    amplitude = np.sqrt(diffraction(obj))
    np.testing.assert_allclose(prtf(amplitude, diffraction(obj), parts), 1, rtol=1e-5)
    rng = np.random.default_rng(0)
    number = 25
    total = sum(amplitude * np.exp(2j * np.pi * rng.random(SHAPE)) for _ in range(number))
    curve = prtf(np.abs(total) / number, diffraction(obj), parts)
    np.testing.assert_allclose(curve[4:], number**-0.5, rtol=0.2)
    assert np.mean(curve[4:]) == pytest.approx(number**-0.5, rel=0.05)


def test_prtf_sees_no_masked_voxel_and_no_bias_where_counts_are_rare() -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :10] = True
    parts = shells(SHAPE)
    mean = np.full(SHAPE, 0.05)  # counts a voxel
    counts = rng.poisson(mean).astype(float)
    counts[mask] = 1e6
    curve = prtf(np.sqrt(mean), counts, parts, mask)
    np.testing.assert_allclose(curve[8:], 1, rtol=0.15)
    assert np.isnan(prtf(np.sqrt(mean), np.zeros(SHAPE), parts)).all()


def test_crossing() -> None:
    q = np.array([0.0, 1, 2, 3])
    assert crossing(q, np.array([1, 0.8, 0.4, 0.9]), 0.5) == pytest.approx(1.75)
    assert crossing(q, np.array([1, np.nan, 0.4, 0.1]), 0.7) == pytest.approx(1)
    assert crossing(q, np.array([1, 0.8, 0.7, 0.6]), 0.5) is None
    assert crossing(q, np.array([0.3, 0.8, 0.7, 0.6]), 0.5) == 0


# --- distributions ------------------------------------------------------------------------------
def test_distribution_leaves_out_what_is_not_finite() -> None:
    found = distribution(np.array([3.0, 1, 2, np.nan]))
    assert found is not None
    assert (found["number"], found["median"], found["low"]) == (3, 2, pytest.approx(1.2))
    assert distribution(np.array([np.nan])) is None


@pytest.mark.parametrize("values", [[1e-3, 2e-3], [1e-3, 0.5], [0.7, 0.7], [0.0, 3.0], [-1.0, 1.0]])
def test_bins_hold_every_value(values: list[float]) -> None:
    edges = common_bins([np.array(values), np.array([np.nan])])
    assert (np.diff(edges) > 0).all()
    assert np.histogram(values, edges)[0].sum() == len(values)


def test_rank_sum_knows_which_side_is_better() -> None:
    low, high = np.arange(10.0), np.arange(10.0) + 7
    found = rank_sum(low, high, lower_is_better=True)
    assert found is not None
    assert found["p"] < 0.01
    assert found["better"] > 0.9
    other = rank_sum(low, high, lower_is_better=False)
    assert other is not None
    assert other["better"] == pytest.approx(1 - found["better"])
    same = rank_sum(np.ones(4), np.ones(5), True)
    assert same == {"p": 1.0, "better": 0.5}
    assert rank_sum(np.array([np.nan]), high, True) is None


# --- agreement ----------------------------------------------------------------------------------
def test_spread_is_blind_to_what_diffraction_cannot_see() -> None:
    first, second = crystal(0), crystal(0) + 0.2 * crystal(1)
    plain = agreed([first, second])
    assert plain.between_seeds > 0.01
    changed = 3 * np.conj(second[::-1, ::-1, ::-1]) * np.exp(2j)
    hidden = agreed([np.roll(first, (2, -1, 3), (0, 1, 2)) * 1j, changed])
    assert hidden.between_seeds == pytest.approx(plain.between_seeds, rel=0.02)


def test_spread_of_the_same_object_is_nothing() -> None:
    obj = crystal()
    versions = [obj, 2 * np.roll(obj, 4, 1), np.conj(obj[::-1, ::-1, ::-1]), obj * np.exp(1j)]
    found = agreed(versions)
    assert found.between_seeds < 1e-5
    np.testing.assert_allclose(found.distances, 0, atol=1e-5)
    # and in parts of a voxel: but for what the support cuts off
    wave = moved(obj, (0.5, 0.25, -0.4), 1.0)
    wave[np.abs(wave) < 0.02 * np.abs(wave).max()] = 0
    assert agreed([obj, wave]).between_seeds < 0.05


def test_spread_is_the_rms_distance_from_the_mean() -> None:
    objects = [crystal(0) + 0.1 * crystal(seed) for seed in (0, 1, 2)]
    objects = [obj / np.linalg.norm(obj) for obj in objects]
    found = agreed(objects)
    assert found.between_seeds is not None
    distance = np.sqrt(np.square(found.spread).sum()) / np.linalg.norm(found.mean)
    assert found.between_seeds == pytest.approx(distance)
    direct = [np.linalg.norm(obj - np.mean(objects, 0)) for obj in objects]
    limit = np.sqrt(np.mean(np.square(direct))) / np.linalg.norm(np.mean(objects, 0))
    assert found.between_seeds == pytest.approx(limit, rel=0.02)  # alignment finds little to gain
    assert agreed(objects[:1]).between_seeds is None


def test_the_common_box_changes_no_diffraction() -> None:
    obj = np.roll(crystal(), (3, -5, 2), (0, 1, 2))
    runs = kept([obj, crystal(1)])
    box = common_box(runs, SHAPE)
    assert max(box) < 32
    model = diffraction(in_array(placed(runs[0], box), SHAPE))
    np.testing.assert_allclose(model, diffraction(obj), atol=1e-5 * model.max())
    # one that fills the array: the box is the array
    everywhere = np.random.default_rng(0).random(SHAPE) + 0j
    (run,) = kept([everywhere])
    assert common_box([run], SHAPE) == SHAPE
    model = diffraction(in_array(placed(run, SHAPE), SHAPE))
    np.testing.assert_allclose(model, diffraction(everywhere), atol=1e-5 * model.max())


# --- the comparison -----------------------------------------------------------------------------
def test_every_number_is_in_the_json(compared: tuple[Path, Comparison]) -> None:
    out, comparison = compared
    content = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    assert content == comparison.content()
    assert content["complete"]
    assert content["command"] == "cdi-ml compare again"
    assert content["versions"].keys() >= {"cdi_ml_plugin", "torch"}
    assert content["hardware"]
    assert content["data"]["provenance"] == {"source": "simulated"}
    assert [chain["label"] for chain in content["chains"]] == list(CHAINS)
    count = len(content["shells"]["q"])
    for chain in content["chains"]:
        assert [run["seed"] for run in chain["runs"]] == [0, 1, 2]
        assert len(chain["prtf"]) == len(chain["spectral_weight"]) == count
        assert 0 < chain["spread_between_seeds"] < 10
        for name, figure in chain["figures"].items():
            values = [run["metrics"][name] for run in chain["runs"]]
            assert figure["median"] == pytest.approx(np.median(values))
            assert sum(figure["histogram"]) == 3
        best = min(chain["runs"], key=lambda run: run["metrics"]["chi2_held_out"])
        assert chain["best_seed"] == best["seed"]
        assert best["distance_to_best"] == pytest.approx(0, abs=1e-6)
    assert content["chains"][0]["figures"]["chi2"]["rank_sum"] is None
    assert 0 < content["chains"][1]["figures"]["chi2"]["rank_sum"]["p"] <= 1


def test_kept_runs_are_those_of_reconstruct(
    compared: tuple[Path, Comparison], measurement: Measurement
) -> None:
    """An ER end as it is; an HIO end within its support, and its figures are of that."""
    _, comparison = compared
    for member, chain in zip(comparison.members, CHAINS.values(), strict=True):
        result = reconstruct(measurement, chain, seeds=[1])
        own = member.runs[1]
        first, size = own.about["first"], own.about["shape"]
        window = tuple(slice(f, f + n) for f, n in zip(first, size, strict=True))
        inside = np.where(result.support, result.object, 0)
        np.testing.assert_array_equal(own.object(), inside[window])
        assert np.count_nonzero(inside) == np.count_nonzero(own.object())
    er, hio = comparison.members
    er_result = reconstruct(measurement, CHAINS[er.label], seeds=[1])
    assert er.runs[1].about["metrics"]["chi2"] == pytest.approx(er_result.metrics["chi2"], rel=1e-4)
    assert hio.runs[1].about["metrics"]["chi2"] != pytest.approx(result.metrics["chi2"], rel=0.01)


def test_the_page_stands_alone(compared: tuple[Path, Comparison]) -> None:
    out, _ = compared
    text = (out / "compare.html").read_text(encoding="utf-8")
    page = Page(text)
    outside = text.replace(plotly(), "")
    assert "http:" not in outside
    assert "https:" not in outside
    assert "url(" not in outside
    for label in CHAINS:
        assert label in page.text  # escaped in the source
    assert "cdi-ml compare again" in page.text
    assert "Interrupted" not in page.text
    assert len(page.sources) == 5 + len(CHAINS)  # a still picture of each surface
    for source in page.sources:
        head, _, data = source.partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")


def test_all_surfaces_turn_together(compared: tuple[Path, Comparison], browser: Browser) -> None:
    out, _ = compared
    browser.open(out / "compare.html")
    assert browser.wait("document.documentElement.dataset.surfaces") == str(len(CHAINS))
    camera = "[...document.querySelectorAll('.plot')].map(p => p.layout.scene.camera.eye.x)"
    browser.run(
        "const [plot] = document.querySelectorAll('.plot'), camera = plot.layout.scene.camera;"
        "Plotly.relayout(plot, {'scene.camera': {...camera, eye: {x: 0.25, y: 1, z: 0.5}}})"
    )
    browser.wait(f"{camera}.every(x => x === 0.25)")
    assert browser.errors() == []
    assert browser.requests() == [(out / "compare.html").as_uri()]
    assert browser.overflow() <= 0


def test_surfaces_in_the_laboratory(measurement: Measurement, tmp_path: Path) -> None:
    numbers = {"energy": 9.0, "distance": 0.5, "step": 0.01, "reference": (16, 128, 130)}
    angles = {"theta": 0.2, "chi": 90.0, "phi": -5.0, "delta": 30.0, "gamma": 15.0}
    geometry = Geometry(**numbers, **angles)  # type: ignore[arg-type]
    known = Measurement(measurement.intensity, provenance={"geometry": geometry.numbers()})
    basis = geometry.reciprocal_basis()
    comparison = compare(known, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2, basis=basis)
    found = view._surfaces(comparison, view._geometry(comparison))
    assert [surface["title"] for surface in found] == ["a", "b"]
    for surface in found:
        assert surface["names"] == ["phase", "strain"]
        assert surface["plot"]["layout"]["scene"]["xaxis"]["title"]["text"] == "x (nm)"
    (first, other) = (surface["plot"]["looks"] for surface in found)
    assert [look["cmax"] for look in first] == [look["cmax"] for look in other]


def test_nothing_held_out(measurement: Measurement, tmp_path: Path) -> None:
    bare = Measurement(measurement.intensity)  # nor mask or provenance
    comparison = compare(bare, CHAINS, tmp_path, seeds=2, held_out=0)
    assert comparison.figures() == ["chi2", "pearson"]
    comparison.write(tmp_path)
    assert "no voxel held out" in (tmp_path / "compare.html").read_text(encoding="utf-8")


# --- going on -----------------------------------------------------------------------------------
def test_nothing_is_computed_twice(
    measurement: Measurement, tmp_path: Path, calls: list[tuple[str, int]]
) -> None:
    chains = {"a": "2*ER", "b": "3*ER"}
    first = compare(measurement, chains, tmp_path, seeds=2)
    # in turn, so that an interruption or a busy moment hits both
    assert calls == [("2*ER", 0), ("3*ER", 0), ("2*ER", 1), ("3*ER", 1)]
    calls.clear()
    again = compare(measurement, {"other name": "2*ER", "b": "3*ER"}, tmp_path, seeds=2)
    assert not calls
    for before, after in zip(first.content()["chains"], again.content()["chains"], strict=True):
        assert before["figures"] == after["figures"]
        assert before["prtf"] == pytest.approx(after["prtf"], rel=1e-6)
    compare(measurement, {**chains, "c": "ER"}, tmp_path, seeds=3)
    assert calls == [("ER", 0), ("ER", 1), ("2*ER", 2), ("3*ER", 2), ("ER", 2)]
    calls.clear()
    fewer = compare(measurement, chains, tmp_path, seeds=2)
    assert not calls
    assert [len(member.runs) for member in fewer.members] == [2, 2]


@pytest.mark.parametrize(
    "change",
    [{"held_out": 0.05}, {"precision": "double"}, {"parameters": {"support_threshold": 0.3}}],
)
def test_other_runs_are_other_runs(
    change: dict[str, Any],
    measurement: Measurement,
    tmp_path: Path,
    calls: list[tuple[str, int]],
) -> None:
    chains = {"a": "ER", "b": "2*ER"}
    compare(measurement, chains, tmp_path, seeds=2)
    calls.clear()
    compare(measurement, chains, tmp_path, seeds=2, **change)
    assert len(calls) == 4


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let Ctrl-C come in the run after so many."""
    run = Job.run
    left = iter(range(after))

    def stopped(job: Job, seeds: Any, start: Any, stop: list[bool], bar: Any) -> Any:
        if next(left, None) is None:
            stop.append(True)
        return run(job, seeds, start, stop, bar)

    monkeypatch.setattr(Job, "run", stopped)


@pytest.mark.usefixtures("plain_figures")
def test_interrupted_and_resumed(
    measurement: Measurement,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calls: list[tuple[str, int]],
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, after=3)
        part = compare(measurement, CHAINS, tmp_path, seeds=3)
    assert not part.complete
    assert [len(member.runs) for member in part.members] == [2, 1]
    part.write(tmp_path)
    assert "Interrupted" in (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert part.content()["chains"][1]["spread_between_seeds"] is None
    calls.clear()
    whole = compare(measurement, CHAINS, tmp_path, seeds=3)
    assert [seed for _, seed in calls] == [1, 2, 2]
    assert whole.complete
    assert [len(member.runs) for member in whole.members] == [3, 3]
    whole.write(tmp_path)
    assert "Interrupted" not in (tmp_path / "compare.html").read_text(encoding="utf-8")


def test_interrupted_before_there_is_anything_to_compare(
    measurement: Measurement,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calls: list[tuple[str, int]],
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, after=1)
        with pytest.raises(KeyboardInterrupt):
            compare(measurement, CHAINS, tmp_path, seeds=2)
    calls.clear()
    compare(measurement, CHAINS, tmp_path, seeds=2)
    assert len(calls) == 3


def lose(monkeypatch: pytest.MonkeyPatch, lost: list[int]) -> None:
    run = Job.run

    def losing(job: Job, seeds: Any, *given: Any) -> Iterator[Any]:
        return [
            replace(r, reason="not finite", object=0 * r.object, notes=("lost",))
            if r.seed in lost
            else r
            for r in run(job, seeds, *given)
        ]

    monkeypatch.setattr(Job, "run", losing)


@pytest.mark.usefixtures("plain_figures")
def test_runs_that_are_not_finite_are_counted_and_left_out(
    measurement: Measurement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        lose(patch, [1])
        comparison = compare(measurement, CHAINS, tmp_path, seeds=3)
    chain = comparison.content()["chains"][0]
    assert (chain["finished"], chain["not_finite"]) == (3, 1)
    assert chain["figures"]["chi2"]["number"] == 2
    assert chain["runs"][1]["distance_to_best"] is None
    comparison.write(tmp_path)
    assert "1 of 3 runs ended in NaN" in (tmp_path / "compare.html").read_text(encoding="utf-8")
    lose(monkeypatch, [0, 1])
    with pytest.raises(AlgorithmError, match="every run of a became NaN or infinite: lost"):
        compare(measurement, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2)


# --- refusals -----------------------------------------------------------------------------------
def test_wrong_requests(measurement: Measurement, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ParameterError, match="two or more"):
        compare(measurement, {"a": "ER"}, out)
    with pytest.raises(ParameterError, match="'a' and 'b' are the same"):
        compare(measurement, {"a": "2*HIO", "b": "2*hio(beta=0.9)"}, out)
    for seeds in (1, 0, 2.5, True):
        with pytest.raises(ParameterError, match="whole number from 2"):
            compare(measurement, CHAINS, out, seeds=seeds)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="random starts"):
        compare(measurement, CHAINS, out, parameters={"init_guess": "continue"})
    with pytest.raises(SequenceError):
        compare(measurement, {"a": "ER", "b": "2*NOPE"}, out)
    assert not out.exists()


def test_a_foreign_folder_is_left_alone(measurement: Measurement, tmp_path: Path) -> None:
    (tmp_path / "compare.html").write_text("precious")
    with pytest.raises(WriteError, match=r"holds other files \(compare.html\)"):
        compare(measurement, CHAINS, tmp_path, seeds=2)
    assert [path.name for path in tmp_path.iterdir()] == ["compare.html"]
    (tmp_path / "runs").mkdir()
    with pytest.raises(WriteError, match="name another folder"):
        compare(measurement, CHAINS, tmp_path, seeds=2)
    with pytest.raises(WriteError, match="no folder"):
        compare(measurement, CHAINS, tmp_path / "compare.html", seeds=2)


def test_other_data_need_another_folder(
    compared: tuple[Path, Comparison], measurement: Measurement
) -> None:
    out, _ = compared
    other = Measurement(measurement.intensity + 1, measurement.mask)
    with pytest.raises(WriteError, match="other data"):
        compare(other, CHAINS, out, seeds=2)


def test_a_damaged_run_is_named(measurement: Measurement, tmp_path: Path) -> None:
    compare(measurement, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2)
    one, other = sorted((tmp_path / "runs").glob("*.npz"))[:2]
    whole = one.read_bytes()
    one.write_bytes(whole[:100])
    with pytest.raises(ReadError, match=f"{one.name}: is damaged: delete it"):
        compare(measurement, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2)
    one.write_bytes(whole)
    other.with_name("f" * 16 + "-0000.npz").write_bytes(whole)  # of no chain here: no harm
    compare(measurement, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2)


@pytest.mark.usefixtures("plain_figures")
def test_pages_are_written_both_or_neither(
    measurement: Measurement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = compare(measurement, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2)
    for name in PAGES:
        (tmp_path / name).write_text("older")
    write = Path.write_text

    def full(path: Path, *given: Any, **more: Any) -> int:
        if path.name == PAGES[1]:
            raise OSError(28, "No space left on device")
        return write(path, *given, **more)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(WriteError, match="No space"):
        comparison.write(tmp_path)
    assert {(tmp_path / name).read_text() for name in PAGES} == {"older"}
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*PAGES, "runs"])


# --- the command --------------------------------------------------------------------------------
def test_names_of_chains() -> None:
    long = " + ".join(["20*ER + 30*HIO(beta=0.8)"] * 3)
    path = "CNN(weights='C:/w.safetensors')"
    found = by_name(["fast: CNN + 3*ER", "2 * HIO(beta=0.9)", long, path])
    assert found == {
        "fast": "CNN + 3*ER",
        "2 * HIO(beta=0.9)": "2 * HIO(beta=0.9)",
        "chain 3": long,
        path: path,
    }
    for wrong, word in (
        (["ER"], "twice or more"),
        ([": ER", "2*ER"], "no name"),
        (["a: ER", "a: 2*ER"], "otherwise"),
    ):
        with pytest.raises(ParameterError, match=word):
            by_name(wrong)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["cdi-ml", "compare", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return call


@pytest.mark.usefixtures("plain_figures")
def test_the_command(measurement: Measurement, tmp_path: Path, run: Any) -> None:
    data, out = tmp_path / "data.npy", tmp_path / "out"
    np.save(data, measurement.intensity)
    words = [data, "-a", "short: 2*ER", "-a", "3*ER + 2*HIO", "--seeds", 2, "-o", out, "-q"]
    code, text, _ = run(*words, "--set", "hio_beta=0.8")
    assert code == 0
    assert "short: 2 run(s)" in text
    assert f"written: {out / 'compare.html'}" in text
    content = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    assert content["parameters"] == {"hio_beta": 0.8}
    assert content["command"].startswith("cdi-ml compare ")
    assert "'short: 2*ER'" in content["command"]
    assert content["chains"][1]["sequence"] == "3*ER + 2*HIO(beta=0.8)"


@pytest.mark.usefixtures("plain_figures")
def test_the_command_interrupted(
    measurement: Measurement, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = tmp_path / "data.npy", tmp_path / "out"
    np.save(data, measurement.intensity)
    words = [data, "-a", "2*ER", "-a", "3*ER", "--seeds", 2, "-o", out]
    with monkeypatch.context() as patch:
        interrupt(patch, after=1)
        code, text, _ = run(*words)
    assert code == 130
    assert "goes on from there" in text
    assert not (out / "compare.html").exists()
    with monkeypatch.context() as patch:
        interrupt(patch, after=2)
        code, text, _ = run(*words)
    assert code == 0
    assert "goes on where it stopped" in text
    assert (out / "compare.html").exists()


def test_the_command_refuses_in_one_line(
    measurement: Measurement, tmp_path: Path, run: Any
) -> None:
    data, foreign = tmp_path / "data.npy", tmp_path / "foreign"
    np.save(data, measurement.intensity)
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("precious")
    out = tmp_path / "out"
    for words, said in (
        ([data, "-a", "ER", "-o", out], "twice or more"),
        ([data, "-a", "ER", "-a", "a: ER", "-o", out], "the same"),
        ([data, "-a", "ER", "-a", "2*NO", "-o", out], "NO"),
        ([data, "-a", "ER", "-a", "2*ER", "--seeds", 1, "-o", out], "seeds"),
        ([data, "-a", "ER", "-a", "2*ER", "-o", foreign], "thesis.tex"),
        ([data, "-a", "ER", "-a", "2*ER"], "out"),
    ):
        code, _, err = run(*words)
        assert code == 2
        assert len(err.strip().splitlines()) == 1
        assert said in err
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]
