"""The window, in a real Qt application without a screen: what it shows is what it was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cdi_ml_plugin import Geometry, Measurement, reconstruct
from cdi_ml_plugin.crystal.account import account_of
from cdi_ml_plugin.crystal.analysis import analyse
from cdi_ml_plugin.crystal.of_result import crystal_of
from cdi_ml_plugin.data.quantities import QUANTITIES
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.view.style.colours import BRIGHT
from cdi_ml_plugin.view.style.volumes import object_volumes, relative_amplitude, solid_window
from cdi_ml_plugin.view.window.window import DETECTOR, DIFFRACTION, LABORATORY, SURFACE, Window
from support.windows import (
    CHAIN,
    SHAPE,
    assert_shows,
    click,
    drag,
    make_measurement,
    opened,
    page,
    same,
    settle,
)

# steps that make voxels of about 20 nm
GEOMETRY = {
    "energy": 9.0, "distance": 1.0, "theta": 0.2, "chi": 90.0, "phi": -5.0, "delta": 32.174,
    "gamma": 12.6346, "step": 0.025, "reference": (12, 300, 300), "binning": (1, 4, 4),
}  # fmt: skip


@pytest.fixture(scope="module")
def measurement():
    return make_measurement()


@pytest.fixture(scope="module")
def result(measurement):
    return reconstruct(measurement, CHAIN, seeds=3, device="cpu")


@pytest.fixture(scope="module")
def placed(result):
    """The same of a known geometry."""
    measured = result.measurement
    known = Measurement(measured.intensity, measured.mask, {"geometry": GEOMETRY})
    return replace(result, measurement=known)


@pytest.fixture
def window():
    with opened() as window:
        yield window


# measured data


def test_data(window, measurement):
    window.show_data(measurement)
    settle(window)
    shown = [
        name for name, p in window.pages.items() if window.tabs.isTabVisible(window.tabs.indexOf(p))
    ]
    assert shown == [DIFFRACTION, SURFACE]
    assert not window.runs.widget.isVisible()
    measured, calculated = window.diffraction.rows
    assert not calculated.widget.isVisible()
    known = np.where(measurement.mask, np.nan, measurement.intensity)
    assert_shows(measured, known, (12, 14, 16))
    colormap = measured.plots[0].getImage("slice").getColormap()
    assert colormap.getNormalization() == "log"
    # a few hot voxels do not set it
    assert colormap.getVMax() == np.sort(known[np.isfinite(known)])[-BRIGHT]
    assert "masked" in measured.volume.label
    titles = [plot.getGraphTitle() for plot in measured.plots]
    assert titles == ["rocking = 0", "row = 0", "column = 0"]
    labels = [(plot.getGraphXLabel(), plot.getGraphYLabel()) for plot in measured.plots]
    assert labels[0] == ("column (voxels)", "row (voxels)")
    assert labels[2] == ("row (voxels)", "rocking (voxels)")


def test_masked_voxels_are_grey_and_named(window, measurement):
    window.show_data(measurement)
    window.diffraction.move((12, 20, 16))
    settle(window)
    measured = window.diffraction.rows[0]
    assert measured.value.text() == "measured intensity: masked"
    colours = measured.plots[1].getImage("slice").getRgbaImageData()
    assert set(map(tuple, colours.reshape(-1, 4))) == {(0xB8, 0xB8, 0xB8, 0xFF)}


def test_a_click_moves_the_other_planes(window, measurement):
    window.show_data(measurement)
    settle(window)
    known = np.where(measurement.mask, np.nan, measurement.intensity)
    measured = window.diffraction.rows[0]
    click(measured.plots[0], 5.0, -3.0)  # column and row from the centre
    assert window.diffraction.index == (12, 11, 21)
    assert_shows(measured, known, (12, 11, 21))
    click(measured.plots[1], -4.0, 2.0)  # column, rocking
    assert window.diffraction.index == (14, 11, 12)
    assert_shows(measured, known, (14, 11, 12))
    lines = [marker.getPosition() for marker in measured.crosses[2]]
    assert (lines[0][0], lines[1][1]) == (-3.0, 2.0)
    assert measured.value.text() == f"measured intensity {known[14, 11, 12]:.4g} counts"


def test_a_slider_and_a_drag_move_a_plane(window, measurement):
    window.show_data(measurement)
    settle(window)
    measured = window.diffraction.rows[0]
    window.diffraction.sliders[0].setValue(3)
    assert window.diffraction.index == (3, 14, 16)
    drag(measured.plots[0], (0, 9), (6.4, 9))  # the upright line of the cross-hair
    assert window.diffraction.index == (3, 14, 22)
    assert window.diffraction.sliders[2].value() == 22


def test_the_pointer_tells_what_is_below(window, measurement):
    window.show_data(measurement)
    settle(window)
    plot = window.diffraction.rows[0].plots[0]
    plot.sigPlotSignal.emit({"event": "mouseMoved", "x": 2.2, "y": 1.0})
    counts = measurement.intensity[12, 15, 18]
    text = f"rocking = 0, row = 1, column = 2:  measured intensity {counts:.4g} counts"
    assert window.widget.statusBar().currentMessage() == text


def test_the_stack(window, measurement):
    window.show_data(measurement)
    view = window.diffraction.rows[0].open_stack()
    same(view.getStack(copy=False)[0], np.where(measurement.mask, np.nan, measurement.intensity))
    assert view.getLabels() == ["rocking (voxels)", "row (voxels)", "column (voxels)"]
    view.close()


# results


def test_runs(window, result):
    window.show_result(result)
    settle(window)
    table = window.runs.table
    cells = [[table.item(row, column).text() for column in range(5)] for row in range(3)]
    for row, run in enumerate(result.runs):
        figures = [
            QUANTITIES[name].text(run.metrics[name])
            for name in ("chi2", "chi2_held_out", "free_llk")
        ]
        assert cells[row] == [str(run.seed), *figures, "chosen" if row == result.best else ""]
    assert window.runs.row == result.best
    curves = {curve.getName(): curve for curve in window.runs.curves.getAllCurves()}
    assert curves.keys() == {"seed 0", "seed 1", "seed 2"}
    same(curves["seed 1"].getYData(), result.runs[1].history["chi2"])
    assert window.runs.curves.getYAxis().getScale() == "log"


def test_a_run_is_selected(window, result):
    window.show_result(result)
    settle(window)
    other = (result.best + 1) % 3
    window.objects.move((10, 13, 17))
    drag(window.objects.rows[1].plots[0], (-5, -6), (7, 6))  # a rectangle to zoom to
    settle(window)
    zoom = pytest.approx(window.objects.rows[1].plots[0].getXAxis().getLimits())
    assert window.objects.rows[0].plots[0].getXAxis().getLimits() == zoom  # zoomed together
    window.runs.table.setCurrentCell(other, 0)
    settle(window)
    run = result.runs[other]
    assert window.run is run
    assert window.objects.index == (10, 13, 17)
    assert window.objects.rows[1].plots[0].getXAxis().getLimits() == zoom
    amplitude = np.where(True, relative_amplitude(run), 0)
    assert_shows(window.objects.rows[0], amplitude, (10, 13, 17))
    page(window, DIFFRACTION)
    assert_shows(window.diffraction.rows[1], diffraction(run.object), (12, 14, 16))
    in_front = max(window.runs.curves.getAllCurves(), key=lambda curve: curve.getZValue())
    assert in_front.getName() == f"seed {run.seed}"


def test_what_it_zooms_to_stays_in_sight(window, result):
    """In all planes alike, whatever the size of the window, until the user zooms."""
    window.show_result(result)
    settle(window)
    (z, y, x), _ = solid_window(object_volumes(result.run)[0])
    assert window.objects.index == (z, y, x)
    for width, height in ((1500, 900), (1300, 1000), (1700, 800)):
        window.widget.resize(width, height)
        settle(window)
        for row in window.objects.rows:
            for plot in row.plots:
                (x0, x1), (y0, y1) = plot.getXAxis().getLimits(), plot.getYAxis().getLimits()
                assert min(x1 - x0, y1 - y0) == pytest.approx(14, abs=4)  # the particle has 10
    window.tools.actions()[0].trigger()  # reset zoom
    settle(window)
    left, right = window.objects.rows[0].plots[0].getXAxis().getLimits()
    assert left <= -16 < 16 <= right + 1


def test_a_run_without_an_object(window, result):
    lost = replace(
        result.runs[0],
        object=np.zeros(SHAPE, np.complex64),
        reason="not finite",
        metrics=dict.fromkeys(result.runs[0].metrics, np.nan),
    )
    window.show_result(replace(result, runs=(lost, *result.runs[1:]), best=1))
    window.runs.table.setCurrentCell(0, 0)
    settle(window)
    assert [window.runs.table.item(0, c).text() for c in range(5)] == ["0", *"–––", "not finite"]
    assert not window.objects.rows[0].data(0).any()


def test_the_laboratory(window, placed):
    window.show_result(placed)
    settle(window)
    crystal = analyse(placed.object, placed.support, Geometry(**GEOMETRY))
    assert window.frames.currentText() == LABORATORY
    upper, lower = window.objects.rows
    index = window.objects.index
    z, y, x = index
    same(upper.data(0), crystal.amplitude[z])
    same(upper.data(1), crystal.amplitude[:, y])
    same(upper.data(2), crystal.amplitude[:, :, x].T)  # y stays upright
    places = [position[at] for position, at in zip(crystal.axes(), index, strict=True)]
    titles = [
        f"{name} = {at:.1f} nm".replace("-", "−") for name, at in zip("zyx", places, strict=True)
    ]
    assert [plot.getGraphTitle() for plot in upper.plots] == titles
    assert not upper.plots[0].getYAxis().isInverted()
    assert upper.plots[2].getGraphXLabel() == "z (nm)"
    names = [lower.choice.itemText(n).partition(" (")[0] for n in range(4)]
    assert names == ["amplitude", "phase", "displacement along Q", "strain along Q"]
    lower.choice.setCurrentIndex(3)
    power = {"10⁻³": 1e-3, "10⁻⁴": 1e-4, "10⁻⁵": 1e-5}[lower.volume.unit]
    solid = crystal.solid[z]  # beyond the surface nothing is drawn
    strain = np.where(solid, crystal.strain[z], np.nan)
    np.testing.assert_allclose(lower.data(0), strain / power, rtol=1e-6)
    lower.choice.setCurrentIndex(2)
    moved = np.where(solid, crystal.displacement[z], np.nan)
    assert "(pm)" in lower.volume.label
    np.testing.assert_allclose(lower.data(0), 1e3 * moved, rtol=1e-6)
    told = account_of(placed, crystal_of(placed)).headline()
    text = window.runs.figures.text()
    for entry in told:  # what all files of the result say
        assert f"<td>{entry.what.name}&nbsp;</td><td>{entry.text}</td>" in text


def test_the_detector_where_the_laboratory_is_known(window, placed):
    window.show_result(placed)
    window.frames.setCurrentText(DETECTOR)
    settle(window)
    amplitude = relative_amplitude(placed.run)
    assert_shows(window.objects.rows[0], amplitude, window.objects.index)
    assert window.objects.rows[0].plots[0].getYAxis().isInverted()  # as on the detector


def test_without_a_geometry_there_is_only_the_detector(window, result):
    window.show_result(result)
    settle(window)
    assert not window.frames.isVisible()
    assert_shows(window.objects.rows[0], relative_amplitude(result.run), window.objects.index)


def test_a_geometry_that_cannot_be_read_is_said(window, result):
    measured = result.measurement
    broken = Measurement(measured.intensity, measured.mask, {"geometry": GEOMETRY | {"step": 0}})
    window.show_result(replace(result, measurement=broken))
    assert "step is 0" in window.widget.statusBar().currentMessage()
    settle(window)
    assert_shows(window.objects.rows[0], relative_amplitude(result.run), window.objects.index)


def test_no_opengl_is_one_line(window, result):
    window.show_result(result)
    page(window, SURFACE)
    if window.isosurface.window is None:
        assert window.isosurface.message.text().startswith("No isosurface without OpenGL")


def test_it_fits_on_the_screen(window):
    another = Window("as it comes").widget
    screen = window.application.primaryScreen().availableGeometry()
    assert another.width() <= max(screen.width(), another.minimumSizeHint().width())
    another.deleteLater()
