"""The report of a result: what it says, that it needs nothing else, and what a browser makes of it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from cdi_ml_plugin.crystal.account import account_of
from cdi_ml_plugin.crystal.of_result import crystal_or_note
from cdi_ml_plugin.data.result import Run
from cdi_ml_plugin.view.pages import report
from cdi_ml_plugin.view.pages.html import plotly
from support.pages import Page
from support.results import GEOMETRY, SHAPE, make_result, with_provenance

EVIL = "<script>alert(1)<script>.tif"
GREY = 0.02  # standard deviation of the pixels of a picture that is not blank


def page_of(result, command="cdi-ml reconstruct & more"):
    crystal, result = crystal_or_note(result)
    return report.page(account_of(result, crystal), crystal, command)


@pytest.fixture(scope="module")
def result():
    provenance = {
        "source": f"/data/{EVIL}",
        "steps": ("crop", "bin"),
        "geometry": GEOMETRY.numbers(),
    }
    return replace(with_provenance(make_result(), **provenance), notes=("a <b>note</b>",))


@pytest.fixture(scope="module")
def crystal(result):
    return crystal_or_note(result)[0]


@pytest.fixture(scope="module")
def text(result):
    return page_of(result)


@pytest.fixture(scope="module")
def path(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


# -- what it says ---------------------------------------------------------------------------------


def test_it_stands_alone_and_escapes_what_it_is_given(text):
    page = Page(text)
    assert len(page.scripts) == 3  # the surface, plotly.js, and what draws the one by the other
    assert json.loads(page.scripts[0])["data"][0]["type"] == "mesh3d"
    assert "alert(1)" not in "".join(page.scripts)
    outside = text.replace(plotly(), "")
    for address in ("http:", "https:", "url(", "//cdn"):
        assert address not in outside
    assert "default-src 'none'" in text
    assert len(page.sources) == 5
    for source in page.sources:
        head, _, data = source.partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
    assert f"Reconstruction of {EVIL}" in page.text
    assert "a <b>note</b>" in page.text
    assert "cdi-ml reconstruct & more" in page.text


def test_it_says_what_and_how(text, result, crystal):
    said = Page(text).text
    for expected in (
        "24 × 32 × 28",
        "χ²",
        "0.01000",  # of the run that was not chosen
        "0.005000",
        "1, chosen",
        "the support grew",
        "20*ER",
        "shrink_wrap_trigger = [1, 1]",
        "hio_beta = 0.9",
        "9 keV",
        "delta 30",
        next(e.text for e in account_of(result, crystal).crystal if e.key == "d_spacing_nm"),
        "torch",
    ):
        assert expected in said, expected
    for words in ("shares of the Nyquist", "no geometry"):
        assert words not in said


def test_without_a_geometry_it_is_in_voxels():
    page = Page(page_of(make_result()))
    assert "The object" in page.text
    assert "shares of the Nyquist" in page.text
    plot = json.loads(page.scripts[0])
    assert plot["layout"]["scene"]["zaxis"]["title"]["text"] == "rocking (voxels)"
    assert len(plot["styles"]) == 1


def test_a_geometry_that_cannot_be_read_is_a_note():
    page = Page(
        page_of(with_provenance(make_result(), spec="/none/such.spec", scan=7, peak=(1, 2, 3)))
    )
    assert "Reconstruction of scan 7 of such.spec" in page.text
    assert "no crystal in the laboratory: /none/such.spec" in page.text


@pytest.mark.parametrize("finite", [False, True])
def test_it_says_what_went_wrong_too(finite):
    broken = make_result(finite=finite)
    lost = Run(0, broken.object, np.zeros(SHAPE, bool), {}, {}, "not finite", ("lost",))
    page = Page(page_of(replace(broken, runs=(lost,), best=0)))
    assert "no object to show" in page.text
    assert "1 of 1 runs: not finite" in page.text
    assert not page.scripts


# -- in a browser ---------------------------------------------------------------------------------


def test_a_browser_shows_it(path, browser):
    browser.open(path)
    assert browser.wait("document.documentElement.dataset.surfaces") == "1"
    drawn = browser.picture(".surface .plot")
    middle = drawn[tuple(slice(n // 3, 2 * n // 3) for n in drawn.shape[:2])]
    assert middle.std() > GREY
    assert not browser.find(".surface .still")[0].is_displayed()

    phase, strain = browser.find(".choice button")
    strain.click()
    browser.wait("document.querySelector('.plot').data[0].cmax < 0.1")
    assert strain.get_attribute("aria-pressed") == "true"
    assert phase.get_attribute("aria-pressed") == "false"
    other = browser.picture(".surface .plot")
    assert np.abs(other - drawn).max() > 0.2
    assert "strain along Q (10" in browser.find(".plot")[0].text

    rows = [row.text for row in browser.find(".tall tr")]
    assert len(rows) == 3
    assert "0.005000" in rows[2]
    assert browser.overflow() <= 0
    assert browser.errors() == []
    assert browser.requests() == [path.as_uri()]


def test_a_narrow_one_too(path, browser):
    browser.width(400)
    try:
        browser.open(path)
        browser.wait("document.documentElement.dataset.surfaces")
        assert browser.overflow() <= 0
        assert browser.picture(".surface .plot").std() > GREY
        assert browser.errors() == []
    finally:
        browser.width(1200)


def test_without_webgl_it_shows_a_picture(path, browser):
    with browser.without_webgl():
        browser.open(path)
        assert browser.wait("document.readyState === 'complete'")
    still = browser.find(".surface .still")[0]
    assert still.is_displayed()
    assert "A still picture" in still.text
    assert browser.picture(".surface .still img").std() > GREY
    assert not browser.find(".surface .plot")[0].is_displayed()
    assert not browser.find(".choice")[0].is_displayed()
    assert browser.errors() == []
