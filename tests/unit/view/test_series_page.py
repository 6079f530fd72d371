"""The page of a series: every scan is on it, what failed says why, and it stays small."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin.view.pages.series import EMBEDDED, film_of, page, small
from cdi_ml_plugin.view.style.colours import strain_scale
from support.pages import Page


def content(count):
    rows = []
    for number in range(1, count + 1):
        done = number != 2
        figures = {
            "d_spacing_nm": 0.2368 + 1e-6 * number,
            "strain_rms": 1e-4 * number,
            "chi2": 0.01,
        }
        rows.append(
            {
                "scan": f"{number:04d}",
                "number": number,
                "folder": f"scan_{number:04d}",
                "state": "done" if done else "failed",
                "reason": "" if done else "a.h5: damaged <b>",
                "verdict": "green" if done else "",
                "checks": [{"name": "seeds", "level": "amber", "says": "one start alone"}],
                "aligned": ["aligned.nxs"] if done else [],
                "along": {"temperature": 900.0 - number},
                "figures": figures if done else {},
                "errors": {"strain_rms": 1e-5} if done else {},
                "texts": {},
                "start": "warm from 0001" if number == 3 else "",
                "outliers": {"strain_rms": -4.2} if number == 3 else {},
            }
        )
    return {
        "scans": count,
        "done": count - 1,
        "reference": "0001",
        "along": ["temperature"],
        "outlier_from": 3.5,
        "rows": rows,
    }


@pytest.mark.parametrize("count", [3, 200])
def test_every_scan_is_there_and_linked(count):
    slices = {f"{n:04d}": np.full((20, 30), 1e-4 * n, np.float32) for n in range(1, count + 1)}
    del slices["0002"]
    text = page(content(count), slices, "cdi-ml series a b")
    parsed = Page(text)
    links = [source for source in parsed.sources if source.endswith("report.html")]
    assert len(links) == 2 * (count - 1)  # with its picture, and in the table
    # over a temperature that falls, the last comes first
    assert links[0] == f"scan_{count:04d}/report.html"
    assert "a.h5: damaged <b>" in parsed.text
    assert "strain, rms (−4.2 σ)" in parsed.text
    assert "warm from 0001" in parsed.text
    assert len(text) < 2e6
    assert sum(source.startswith("data:image/png") for source in parsed.sources) == count


def test_what_has_no_number_to_be_drawn_over_is_named():
    held = content(6)
    assert "Not drawn" not in Page(page(held, {})).text
    held["rows"][3]["along"]["temperature"] = "cold"
    held["rows"][4]["along"]["temperature"] = None
    assert "Not drawn, for they have no number there: 0004, 0005." in Page(page(held, {})).text


def test_a_small_film_is_part_of_the_page_and_a_large_one_linked():
    slices = {f"{n:04d}": np.full((20, 30), 1e-4 * n, np.float32) for n in range(1, 4)}
    made = film_of(content(3), slices)
    assert made.startswith(b"GIF89a")
    sources = Page(page(content(3), slices, film=made)).sources
    assert sum(source.startswith("data:image/gif") for source in sources) == 1
    sources = Page(page(content(3), slices, film=bytes(EMBEDDED + 1))).sources
    assert "series.gif" in sources
    assert not any(source.startswith("data:image/gif") for source in sources)
    assert film_of(content(2), slices) is None  # the second failed


def test_a_slice_stands_upright_and_is_clear_outside():
    import base64
    import io

    from matplotlib.image import imread

    values = np.full((2, 3), np.nan, np.float32)
    values[0, 1], values[1, 2] = 1e-3, -1e-3
    address = small(values, strain_scale(values[np.isfinite(values)]))
    image = imread(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    assert (image[..., 3] > 0).tolist() == [[False, False, True], [False, True, False]]
    red, blue = image[1, 1], image[0, 2]
    assert red[0] > red[2]
    assert blue[2] > blue[0]
