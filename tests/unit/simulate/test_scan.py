"""Simulated particles and scans against what physics asks of them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from cdi_ml_plugin import fourier
from cdi_ml_plugin.errors import ParameterError, WriteError
from cdi_ml_plugin.geometry.geometry import Geometry
from cdi_ml_plugin.simulate import particle
from cdi_ml_plugin.simulate.layouts.aps_34idc import Frames34IDC
from cdi_ml_plugin.simulate.scan import TRUTH, resample, write_virtual_scan

SHEARED = np.array([[9.0, 1.5, 2.0], [0.5, -8.0, 0.0], [-3.0, 1.0, 10.0]])  # nm per voxel
GRID = (64, 72, 60)
BOTH = pytest.mark.parametrize("kind", particle.SHAPES)


def crystal(kind="faceted", seed=0, basis=SHEARED, shape=GRID, **options):
    rng = np.random.default_rng(seed)
    return particle.strained_crystal(shape, basis, size=250.0, rng=rng, kind=kind, **options)


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_a_particle_has_the_size_in_nm_asked_for(kind, seed):
    voxel = abs(np.linalg.det(SHEARED))
    volume = np.abs(crystal(kind, seed)).sum(dtype=np.float64) * voxel
    assert (6 * volume / np.pi) ** (1 / 3) == pytest.approx(250.0, rel=0.01)


def test_the_shape_is_the_same_on_every_grid():
    """A sphere drawn in the laboratory frame keeps its radius along the axes of a sheared grid."""
    points = particle.coordinates(GRID, SHEARED)
    ball = particle.superellipsoid(points, (120.0, 120.0, 120.0)) > 0.5
    radii = np.sqrt((points**2).sum(axis=0))
    assert radii[ball].max() <= 120.0 < radii[~ball].min()
    turn = particle.random_rotation(np.random.default_rng(1))
    rod = particle.superellipsoid(points, (60.0, 60.0, 180.0), rotation=turn) > 0.5
    moments = np.linalg.eigvalsh(np.cov(points[:, rod]))
    np.testing.assert_allclose(np.sqrt(5 * moments), [60, 60, 180], rtol=0.02)


def test_superellipsoid_is_the_formula_of_the_paper():
    points = particle.coordinates((40, 40, 40), 8.0 * np.eye(3))
    (a, b, c), e, n = (90.0, 70.0, 110.0), 0.6, 0.8
    x, y, z = np.abs(points.astype(float))
    inside = ((x / a) ** (2 / e) + (y / b) ** (2 / e)) ** (e / n) + (z / c) ** (2 / n) <= 1
    ours = particle.superellipsoid(points, (a, b, c), e, n) > 0
    assert (inside != ours).mean() < 1e-4
    volume = particle.superellipsoid_volume((a, b, c), e, n)
    assert ours.sum() * 8.0**3 == pytest.approx(volume, rel=0.02)


@BOTH
def test_phase_and_amplitude(kind):
    obj = crystal(kind, phase_range=1.5)
    inside = np.abs(obj) > 0
    assert obj.dtype == np.complex64
    assert np.abs(obj).max() == pytest.approx(1.0)
    phase = np.angle(obj[inside])
    assert np.ptp(phase) == pytest.approx(1.5, abs=1e-3)
    assert np.average(phase, weights=np.abs(obj[inside])) == pytest.approx(0, abs=1e-4)
    np.testing.assert_array_equal(obj, crystal(kind, phase_range=1.5))
    assert not np.array_equal(obj, crystal(kind, seed=1, phase_range=1.5))


def test_an_edge_is_as_wide_as_asked():
    points = particle.coordinates((80, 80, 80), 4.0 * np.eye(3))
    ball = particle.superellipsoid(points, (100.0, 100.0, 100.0), edge=24.0)
    radius = np.sqrt((points**2).sum(axis=0))
    fading = (ball > 0) & (ball < 1)
    assert radius[fading].min() == pytest.approx(88, abs=4)
    assert radius[fading].max() == pytest.approx(112, abs=4)


def test_noise_is_correlated_over_the_length_asked_for():
    """White noise through exp(−x²/2L²) has the autocorrelation exp(−x²/4L²), on any grid."""
    shape, length = (64, 64, 64), 40.0
    rng = np.random.default_rng(3)
    measured = np.mean(
        [
            np.fft.fftn(
                np.abs(np.fft.ifftn(particle.correlated_field(shape, SHEARED, length, rng))) ** 2
            )
            for _ in range(4)
        ],
        axis=0,
    ).real
    assert measured[0, 0, 0] == pytest.approx(1, rel=0.15)
    for axis in range(3):
        step = np.linalg.norm(SHEARED[:, axis])
        line = measured.take(range(6), axis=axis)[
            tuple(slice(None) if a == axis else 0 for a in range(3))
        ]
        expected = np.exp(-((np.arange(6) * step) ** 2) / (4 * length**2))
        np.testing.assert_allclose(line / line[0], expected, atol=0.08)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "cube"},
        {"phase_range": -1.0},
        {"correlation": -5.0},
        {"basis": np.zeros((3, 3))},
        {"shape": (16, 16, 16)},
    ],
)
def test_impossible_particles_are_refused(wrong):
    with pytest.raises(ParameterError, match="particle"):
        crystal(**wrong)


def test_parseval():
    obj = crystal()
    energy = np.sum(np.abs(obj) ** 2, dtype=np.float64)
    assert fourier.diffraction(obj).sum(dtype=np.float64) == pytest.approx(energy, rel=1e-5)


def test_resampling_crops_the_pattern():
    obj = crystal()
    small = (48, 50, 40)
    cut = tuple(
        slice(n // 2 - m // 2, n // 2 - m // 2 + m) for n, m in zip(GRID, small, strict=True)
    )
    wanted = fourier.diffraction(obj)[cut]
    np.testing.assert_allclose(
        fourier.diffraction(resample(obj, small)), wanted, rtol=1e-3, atol=1e-6 * wanted.max()
    )
    back = resample(resample(obj, (96, 96, 96)), GRID)
    np.testing.assert_allclose(back, obj, atol=1e-5)


# -- the virtual scan -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return write_virtual_scan(tmp_path_factory.mktemp("scan"), shape=(48, 80, 96), photons=5e6)


@pytest.fixture(scope="module")
def frames(scan):
    return np.stack([tifffile.imread(path) for path in sorted(scan.data.iterdir())])


def region(scan):
    column, columns, row, rows = scan.geometry.roi
    return slice(row, row + rows), slice(column, column + columns)


def test_frames_and_fields(scan, frames):
    assert frames.shape == (48, 80, 96)
    assert frames.dtype == np.int32
    dark, white = tifffile.imread(scan.options["dark"]), tifffile.imread(scan.options["white"])
    assert dark.shape == white.shape == (512, 512)
    assert (dark.dtype, white.dtype) == (np.int32, np.float32)
    assert white.mean() == pytest.approx(1e4, rel=0.01)
    part = region(scan)
    assert max(part[0].stop, part[1].stop) <= 254  # clear of the seam between the chips
    assert (dark[part] > 1).sum() >= 2
    assert (white[part] == 0).sum() >= 2
    assert not frames[:, white[part] == 0].any()
    hot = (dark[part] > 1) & (white[part] > 0)
    assert (frames[:, hot].mean(axis=0) > 150).all()
    # the readers' rule, three standard deviations below the mean, kills what is dead and no more
    white[255:257, :255] = 0
    killed = white < white.mean() - 3 * white.std()
    assert (white[killed] == 0).all()


def test_spec_file_agrees_with_the_frames(scan, frames):
    from silx.io.specfile import SpecFile

    spec = SpecFile(str(scan.options["spec"]))[f"{scan.options['scan']}.1"]
    np.testing.assert_array_equal(spec.data_column_by_name("ImageTot"), frames.sum(axis=(1, 2)))
    np.testing.assert_array_equal(spec.data_column_by_name("ImageMax"), frames.max(axis=(1, 2)))
    assert "34idcTIM2:" in " ".join(spec.scan_header)
    geometry = Geometry.from_spec(scan.options["spec"], scan.options["scan"], reference=scan.peak)
    np.testing.assert_allclose(
        geometry.reciprocal_basis(), scan.geometry.reciprocal_basis(), rtol=1e-6, atol=1e-12
    )


def test_intensity_is_the_transform_of_the_truth_within_poisson(scan, frames):
    """Frames, corrected as the beamline does, against |FT truth|²: reduced χ² of 1."""
    dark, white = (
        tifffile.imread(scan.options["dark"])[region(scan)],
        tifffile.imread(scan.options["white"]),
    )
    response = white[region(scan)] / white.mean()
    good = (response > 0) & (dark <= 1)
    peak = np.array(scan.peak)
    assert (peak != np.array(frames.shape) // 2).all()  # so that centring matters
    window = tuple(slice(p - 16, p + 16) for p in peak)
    truth = fourier.diffraction(scan.true_object((32, 32, 32)))
    assert np.unravel_index(truth.argmax(), truth.shape) == (16, 16, 16)
    expected = truth * response[window[1:]]
    used = np.broadcast_to(good[window[1:]], truth.shape) & (expected > 20)
    measured = frames[window]
    chi2 = np.mean((measured[used] - expected[used]) ** 2 / expected[used])
    assert used.sum() > 500
    assert chi2 == pytest.approx(1, abs=6 * np.sqrt(2 / used.sum()))
    uncorrected = np.mean((measured[used] - truth[used]) ** 2 / truth[used])
    assert uncorrected > 1.06 * chi2  # the white field matters


def test_truth(scan):
    with np.load(scan.truth) as file:
        obj, support = file["object"], file["support"]
    assert obj.shape == support.shape == (48, 80, 96)
    assert (obj.dtype, support.dtype) == (np.complex64, bool)
    voxel = abs(np.linalg.det(scan.geometry.direct_basis(obj.shape)))
    size = (6 * support.sum() * voxel / np.pi) ** (1 / 3)
    assert size == pytest.approx(320, rel=0.03)
    oversampling = [
        n / np.ptp(np.flatnonzero(support.any(axis=tuple({0, 1, 2} - {a}))))
        for a, n in enumerate(obj.shape)
    ]
    assert min(oversampling) > 2.8
    assert max(oversampling) < 5


def test_same_seed_same_files(tmp_path):
    options = {"shape": (16, 32, 32), "photons": 1e5}
    write_virtual_scan(tmp_path / "a", seed=4, **options)
    write_virtual_scan(tmp_path / "b", seed=4, **options)
    other = write_virtual_scan(tmp_path / "c", seed=5, **options)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.[ts]*"))
    assert len(files) == 16 + 3
    assert all(
        (tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files
    )
    assert other.options["spec"].read_text() != (tmp_path / "a" / "virtual.spec").read_text()


def test_nothing_is_overwritten_unless_forced(tmp_path):
    options = {"shape": (16, 32, 32), "photons": 1e5}
    write_virtual_scan(tmp_path, **options)
    (tmp_path / "notes.txt").write_text("mine")
    before = (tmp_path / "virtual.spec").read_text()
    with pytest.raises(WriteError, match="already"):
        write_virtual_scan(tmp_path, seed=1, **options)
    assert (tmp_path / "virtual.spec").read_text() == before
    scan = write_virtual_scan(tmp_path, seed=1, **{**options, "shape": (18, 32, 32)}, force=True)
    assert scan.options["spec"].read_text() != before
    assert len(list(scan.data.iterdir())) == 18
    assert {path.name for path in tmp_path.iterdir()} == {*Frames34IDC.files, TRUTH, "notes.txt"}


@pytest.mark.parametrize(
    "wrong", [{"shape": (8, 64, 64)}, {"shape": (32, 64, 300)}, {"photons": 0.0}]
)
def test_impossible_scans_are_refused(tmp_path, wrong):
    with pytest.raises(ParameterError, match="virtual scan"):
        write_virtual_scan(tmp_path / "scan", **wrong)
    assert not (tmp_path / "scan").exists()
