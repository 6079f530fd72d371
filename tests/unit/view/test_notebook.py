"""What a notebook shows of each object, and the example notebook, run as Jupyter runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cdi_ml_plugin import Measurement, crystal_of
from cdi_ml_plugin.crystal.account import account_of, entries_of, shown
from cdi_ml_plugin.errors import WriteError
from support import ROOT
from support.pages import Browser, Page
from support.results import GEOMETRY, make_result, with_provenance

EXAMPLE = ROOT / "examples" / "notebook" / "first_steps.ipynb"


def said(html: str) -> str:
    return " ".join(Page(html).text.split())


def test_a_result_shows_its_figures_and_a_picture() -> None:
    result = make_result()
    html = result._repr_html_()
    for entry in account_of(result).headline():
        assert f"{entry.what.name}{entry.text}" in said(html)
    assert html.count('src="data:image/png') == 1
    assert len(html) < 300_000  # it stays in the notebook


def test_a_crystal_shows_what_the_account_says() -> None:
    crystal = crystal_of(with_provenance(make_result(), geometry=GEOMETRY.numbers()))
    assert crystal is not None
    html = crystal._repr_html_()
    for entry in shown(entries_of(crystal)):
        assert " ".join(f"{entry.what.name}{entry.text}".split()) in said(html)
    assert repr(crystal).startswith("Crystal(")
    assert len(repr(crystal)) < 1000


def test_a_measurement_shows_its_notes() -> None:
    m = make_result().measurement
    noted = Measurement(m.intensity, m.mask, {"notes": ("<b>3 frames</b> are empty",)})
    html = noted._repr_html_()
    assert "&lt;b&gt;3 frames" in html
    assert "24 × 32 × 28" in said(html)
    assert f"{int(m.mask.sum())} voxels" in said(html)


def test_a_report_lies_in_a_frame_of_its_own(tmp_path: Path, browser: Browser) -> None:
    result = make_result()
    page = result.report()
    (tmp_path / "cell.html").write_text(f"<!DOCTYPE html>{page._repr_html_()}", encoding="utf-8")
    browser.open(tmp_path / "cell.html")
    heading = "document.querySelector('iframe').contentDocument.querySelector('h1')"
    assert "Reconstruction of" in browser.wait(f"{heading} && {heading}.textContent")
    assert browser.requests() == [(tmp_path / "cell.html").as_uri()]
    saved = page.save(tmp_path / "report.html")
    assert saved.read_text(encoding="utf-8") == page.html
    with pytest.raises(WriteError):
        page.save(tmp_path / "report.html")


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(EXAMPLE, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    printed = "".join(o["text"] for o in outputs if o["output_type"] == "stream")
    shown = [o["data"]["text/html"] for o in outputs if "text/html" in o.get("data", {})]
    error = float(printed.split("object error ")[1].split()[0])
    assert error < 0.1  # the crystal was solved
    assert "report.html" in printed
    assert sum("<iframe" in html for html in shown) == 1
    assert sum("lattice spacing" in html for html in shown) >= 2
    assert "nan" not in printed
