"""One folder with good and bad files, for all the bad inputs of a test file."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from matplotlib.figure import Figure

from cdi_ml_plugin import save
from cdi_ml_plugin.view.figures import summary
from cdi_ml_plugin.view.pages import report
from support.bad.room import Room, good_result


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    here = os.getcwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary, "draw_summary", lambda result: Figure((1, 1)))
        patch.setattr(report, "page", lambda *_: "")
        folder = tmp_path_factory.mktemp("bad")
        save(good_result(), folder / "result")
        yield Room(folder)
    os.chdir(here)
