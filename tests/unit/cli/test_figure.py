"""``cdi-ml figure``: what it writes, and one line for whatever is wrong."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.cli import app as cli
from cdi_ml_plugin.cli import figure as cli_view
from cdi_ml_plugin.data.result import Result, Run
from cdi_ml_plugin.io.cxi.writer import cxi_bytes
from cdi_ml_plugin.physics.shells import shells, spectral_weight
from cdi_ml_plugin.simulate.scan import write_virtual_scan
from cdi_ml_plugin.view import probe
from cdi_ml_plugin.view.figures import pictures
from cdi_ml_plugin.view.figures.crystal import draw_crystal_slices
from cdi_ml_plugin.view.figures.spectrum import draw_spectrum
from cdi_ml_plugin.workflow.load import read_prepared

WITH_OPENGL = pytest.mark.skipif(
    probe.no_opengl_for_pictures() is not None, reason="there is no OpenGL"
)
SIZE = 240


def result_of(measurement, obj):
    support = np.abs(obj) > 0.2 * np.abs(obj).max()
    history = {"chi2": np.geomspace(1, 0.01, 50, dtype=np.float32)}
    run = Run(0, obj, support, {"chi2": 0.01, "chi2_held_out": 0.02}, history, "completed")
    return Result(measurement, (run,), 0, "40*HIO + 10*ER", {}, "cpu", 1.0)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """The truth of a virtual scan as the result of its reconstruction."""
    folder = tmp_path_factory.mktemp("scan")
    scan = write_virtual_scan(folder, shape=(32, 40, 40), photons=1e7, size=200.0)
    measurement = read_prepared(
        scan.data,
        **scan.options,
        crop=(32,) * 3,
    )
    return result_of(measurement, scan.true_object(measurement.shape))


@pytest.fixture(scope="module")
def nameless(result):
    """The same, of which nobody knows the geometry."""
    m = result.measurement
    return result_of(Measurement(m.intensity, m.mask), result.object)


@pytest.fixture
def folder(result, tmp_path):
    (tmp_path / "result.cxi").write_bytes(cxi_bytes(result))
    return tmp_path


@pytest.fixture
def blind(monkeypatch):
    """A computer without OpenGL."""
    monkeypatch.setattr(probe, "no_opengl_for_pictures", lambda: "none here")


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process: exit code, standard output, standard error."""

    def call(*words):
        monkeypatch.setattr(
            sys, "argv", ["cdi-ml", "figure", *map(str, words), "--size", str(SIZE)]
        )
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return call


def refused(answer, *words):
    code, out, error = answer
    assert (code, error.count("\n")) == (2, 1)
    assert all(word in error for word in words), error
    assert "written" not in out


def test_the_command_knows_every_kind():
    assert cli_view.KINDS == pictures.KINDS


@WITH_OPENGL
def test_every_picture_and_nothing_else(folder, run):
    code, out, error = run(folder)
    assert (code, error) == (0, "")
    assert "note" not in out
    names = {f"{kind}.png" for kind in pictures.KINDS if kind not in pictures.ASKED}
    assert {path.name for path in folder.iterdir()} == names | {"result.cxi"}
    for name in names:
        assert str(folder / name) in out
        image = imread(folder / name)
        assert image.shape[1] == SIZE
        assert (image[0, 0] == 1).all()  # a white ground
        assert image.std() > 0.05


@WITH_OPENGL
def test_one_picture_into_a_file_of_another_kind(folder, run):
    answer = run(folder / "result.cxi", "--kind", "strain", "-o", folder / "new" / "strain.svg")
    assert answer[0] == 0, answer
    assert "<svg" in (folder / "new" / "strain.svg").read_text(encoding="utf-8")[:2000]


def test_what_is_there_already_stays(folder, run):
    (folder / "slices.png").write_text("precious")
    refused(run(folder, "--kind", "slices"), "slices.png already")
    assert (folder / "slices.png").read_text() == "precious"
    assert run(folder, "--kind", "slices", "--force")[0] == 0
    assert imread(folder / "slices.png").shape[1] == SIZE


def test_refusals(folder, run):
    (folder / "notes.txt").write_text("no result")
    refused(run(folder / "absent"), "absent")
    refused(run(folder / "notes.txt"), "not an HDF5 file")
    refused(run(folder, "--kind", "hologram"), "hologram")
    refused(run(folder, "--out", folder / "all.png"), "give one --kind")
    refused(run(folder, "--kind", "slices", "--voxel", "-1"), "voxel")
    refused(run(folder, "--kind", "slices", "--voxel", "0.01"), "0.01 nm")
    for kind in ("phase", "slices"):
        for level in ("0.01", "1", "1.5", "nan"):
            refused(run(folder, "--kind", kind, "--level", level), "level")
    refused(run(folder, "--kind", "diffraction", "--counts", "1e30"), "1e+30 counts")
    assert {path.name for path in folder.iterdir()} == {"result.cxi", "notes.txt"}


def test_a_picture_that_fails_leaves_none(folder, run, monkeypatch):
    def fails(*_):
        raise MemoryError("no room")

    monkeypatch.setitem(pictures._DRAWN, "spectral-weight", fails)
    refused(run(folder, "--kind", "slices", "--kind", "spectral-weight"), "no room")
    assert [path.name for path in folder.iterdir()] == ["result.cxi"]


def test_without_opengl_there_are_slices_and_a_line_says_so(folder, run, blind):
    code, out, _ = run(folder)
    assert code == 0
    (note,) = (line for line in out.splitlines() if line.startswith("note"))
    assert "slices in place of phase, strain, diffraction" in note
    assert "none here" in note
    written = {path.stem for path in folder.iterdir()}
    assert written == {"result", *pictures.KINDS} - {"phase", "strain", "diffraction", "facets"}


def test_without_opengl_a_file_gets_its_name(folder, run, blind):
    assert run(folder, "--kind", "phase", "-o", folder / "phase.png")[0] == 0
    assert imread(folder / "phase.png").shape[1] == SIZE


@WITH_OPENGL
def test_without_a_geometry_voxels(nameless, tmp_path, run):
    (tmp_path / "result.cxi").write_bytes(cxi_bytes(nameless))
    code, out, _ = run(tmp_path)
    assert code == 0
    assert "note: pictures in voxels" in out
    assert "--spec and --scan" in out
    written = {path.stem for path in tmp_path.glob("*.png")}
    assert written == set(pictures.KINDS) - {"strain", "histograms", *pictures.ASKED}
    refused(run(tmp_path, "--kind", "strain"), "strain")


def test_a_geometry_that_cannot_be_read_is_none(result):
    m = result.measurement
    lost = Measurement(m.intensity, m.mask, {"spec": "/absent.spec", "scan": 1, "peak": (1, 2, 3)})
    made = pictures.Pictures(result_of(lost, result.object))
    assert made.geometry is None
    assert "absent.spec" in made.notes[0]


def test_an_object_that_is_not(result):
    for value in (0, np.nan, np.inf):
        obj = np.full_like(result.object, value)
        with pytest.raises(pictures.ParameterError, match="nothing to draw"):
            pictures.Pictures(result_of(result.measurement, obj))


def test_the_support_far_away_costs_nothing(result):
    """Voxels at the end of the array in which nothing scatters do not make the laboratory larger."""
    support = result.support.copy()
    support[0, 0, 0] = support[-1, -1, -1] = True
    run = Run(0, result.object, support, {}, {}, "completed")
    far = Result(result.measurement, (run,), 0, "ER", {}, "cpu", 1.0)
    one, other = pictures.Pictures(result).crystal, pictures.Pictures(far).crystal
    assert one.amplitude.shape == other.amplitude.shape
    np.testing.assert_allclose(one.phase, other.phase, atol=1e-4)


# -- on paper


def on_paper(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["cdi-ml", "figure", *map(str, words)])
    code = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


@WITH_OPENGL
@pytest.mark.parametrize("kind", [k for k in pictures.KINDS if k not in pictures.ASKED])
@pytest.mark.parametrize(("width", "points"), [("85mm", 240.945), ("178mm", 504.567)])
def test_a_figure_has_the_width_and_the_letters_that_were_asked_for(
    folder, monkeypatch, capsys, kind, width, points
):
    file = folder / "figure.svg"
    words = ("--kind", kind, "--width", width, "--font-size", "7.5", "--dpi", "60", "-o", file)
    code, _, error = on_paper(monkeypatch, capsys, folder, *words)
    assert code == 0, error
    text = file.read_text(encoding="utf-8")
    (found,) = re.findall(r'<svg [^>]*?width="([\d.]+)pt"', text)
    assert float(found) == pytest.approx(points, abs=0.01)
    sizes = re.findall(r"font-size: ([\d.]+)px", text)  # 1 px of the file is 1 pt
    assert len(sizes) > 5
    # indices and powers of ten are smaller, nothing else is
    assert {float(size) for size in sizes} <= {7.5, 5.25}
    assert sum(float(size) == 7.5 for size in sizes) > len(sizes) / 2


def test_pixels_are_width_times_dpi(folder, monkeypatch, capsys):
    file = folder / "figure.png"
    words = (folder, "--kind", "slices", "--width", "3.4in", "--dpi", "100", "-o", file)
    assert on_paper(monkeypatch, capsys, *words)[0] == 0
    assert imread(file).shape[1] == 340


def test_a_folder_of_another_format(folder, monkeypatch, capsys):
    words = (folder, "--kind", "history", "--kind", "spectral-weight", "--format", "pdf")
    assert on_paper(monkeypatch, capsys, *words)[0] == 0
    for name in ("history.pdf", "spectral-weight.pdf"):
        assert (folder / name).read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--width", "85"), "85mm"),
        (("--width", "-85mm"), "85mm"),
        (("--width", "1e9mm"), "85mm"),
        (("--width", "nanmm"), "85mm"),
        (("--width", "5mm"), "width"),
        (("--width", "3m"), "85mm"),
        (("--width", "2000mm"), "width"),
        (("--width", "85mm", "--font-size", "3"), "font-size"),
        (("--width", "85mm", "--font-size", "nan"), "font"),
        (("--width", "85mm", "--font-size", "12"), "at most 10.0"),
        (("--width", "85mm", "--dpi", "1201"), "dpi"),
        (("--width", "900mm", "--dpi", "1200"), "10000"),
        (("--width", "85mm", "--size", "300"), "give one"),
        (("--font-size", "8"), "--width"),
        (("--dpi", "300"), "--width"),
        (("--format", "jpg"), "jpg"),
        (("-o", "figure.jpg"), ".svg"),
        (("-o", "figure.tiff"), ".svg"),
        (("-o", "figure.pdf", "--format", "svg"), "give one"),
    ],
)
def test_what_paper_cannot_be(folder, monkeypatch, capsys, words, said):
    refused(on_paper(monkeypatch, capsys, folder, "--kind", "slices", *words), said)
    assert [path.name for path in folder.iterdir()] == ["result.cxi"]


# -- the pictures themselves


def test_slices_are_where_the_numbers_say(result):
    crystal = pictures.Pictures(result).crystal
    figure = draw_crystal_slices(crystal)
    grid = np.reshape([ax for ax in figure.axes if ax.images][:12], (3, 4))
    values = (crystal.amplitude, crystal.phase, crystal.displacement, crystal.strain)
    names = ("x", "y", "z")
    place = dict(zip("zyx", crystal.axes(), strict=True))
    for row, normal in zip(grid, names, strict=True):
        for ax, volume in zip(row, values, strict=True):
            drawn = (
                volume if volume is crystal.amplitude else np.where(crystal.solid, volume, np.nan)
            )
            across, up = (label[0] for label in (ax.get_xlabel(), ax.get_ylabel()))
            assert {across, up, normal} == set(names)
            image = ax.images[0]
            left, right, bottom, top = image.get_extent()
            assert left < right
            assert bottom < top
            assert image.origin == "lower"
            at = float(ax.get_title().split("=")[1].split()[0].replace("−", "-"))
            # a voxel off the centre, looked up by its position in nm
            where = {across: 35.0, up: -40.0, normal: at}
            index = tuple(int(np.abs(place[axis] - where[axis]).argmin()) for axis in "zyx")
            rows, columns = image.get_array().shape
            column = int((where[across] - left) / (right - left) * columns)
            line = int((where[up] - bottom) / (top - bottom) * rows)
            assert image.get_array()[line, column] == drawn[index]
            assert np.isfinite(drawn[index])
            assert np.ma.is_masked(image.get_array()[0, 0]) == (volume is not crystal.amplitude)
    phase, displacement, strain = (grid[0, column].images[0] for column in (1, 2, 3))
    for image in (phase, displacement, strain):
        assert image.norm.vmin == -image.norm.vmax


def test_the_spectral_weight_is_the_one_of_metrics(result):
    geometry = result.measurement.geometry
    figure = draw_spectrum(result, geometry.reciprocal_basis())
    upper, lower = figure.axes
    parts = shells(result.measurement.shape, geometry.reciprocal_basis())
    m = result.measurement
    measured = spectral_weight(np.sqrt(m.intensity), parts, m.mask)
    lines = {line.get_label(): line for line in upper.lines}
    np.testing.assert_allclose(lines["measured"].get_xdata(), parts.q)
    np.testing.assert_allclose(lines["measured"].get_ydata(), measured)
    assert "1/nm" in lower.get_xlabel()
    ratio = lines["calculated"].get_ydata() / measured
    np.testing.assert_allclose(ratio[:4], 1, atol=0.05)  # the truth, where there are many counts
    assert "Nyquist" in draw_spectrum(result).axes[1].get_xlabel()
