"""Scan 54 from its raw frames, beside cohere's own beamline_preprocess and standard_preprocess."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.data.prepare import prepare
from cdi_ml_plugin.data.preprocess import mask_hot_pixels
from cdi_ml_plugin.geometry.spec import read_scan
from cdi_ml_plugin.io.readers import load

THRESHOLD = 2.0
SHAPE = (210, 256, 256)


@pytest.fixture(scope="module")
def files(data_folder: Path) -> dict[str, Path]:
    scan = data_folder / "scan_54"
    return {
        "frames": scan / "Staff20-1a_S0054",
        "spec": scan / "example.spec",
        "dark": scan / "dark.tif",
        "white": scan / "whitefield.tif",
    }


@pytest.fixture(scope="module")
def recorded(files: dict[str, Path]) -> Measurement:
    """Our reading, before anything else."""
    return load(files["frames"], spec=files["spec"], dark=files["dark"], white=files["white"])


@pytest.fixture(scope="module")
def experiment(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment folder that cohere has preprocessed."""
    folder = tmp_path_factory.mktemp("cohere") / "exp_54"
    configs = {
        "config": {
            "working_dir": str(folder.parent),
            "experiment_id": "exp",
            "scan": "54",
            "beamline": "aps_34idc",
            "converter_ver": 5,
        },
        "config_instr": {"diffractometer": "34idc", "specfile": str(files["spec"])},
        "config_prep": {
            "data_dir": str(files["frames"].parent),
            "darkfield_filename": str(files["dark"]),
            "whitefield_filename": str(files["white"]),
        },
        "config_data": {"intensity_threshold": THRESHOLD},
        "config_rec": {"processing": "np"},
    }
    (folder / "conf").mkdir(parents=True)
    for name, values in configs.items():
        lines = [f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in values.items()]
        (folder / "conf" / name).write_text("\n".join(lines) + "\n")
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # cohere's own, and its dependencies'
        patch.setenv("QT_QPA_PLATFORM", "offscreen")
        prep = pytest.importorskip("cohere_ui.beamline_preprocess")
        standard = pytest.importorskip("cohere_ui.standard_preprocess")
        prep.handle_prep(str(folder))
        standard.format_data(str(folder))
    return folder


def test_every_frame_has_the_counts_that_spec_recorded(files: dict[str, Path]) -> None:
    raw = load(files["frames"])
    scan = read_scan(files["spec"], 54)
    assert raw.shape == (201, 256, 256)
    assert not raw.mask.any()
    sums = raw.intensity.sum(axis=(1, 2), dtype=float)
    np.testing.assert_array_equal(sums, scan.counters["ImageTot"])
    np.testing.assert_array_equal(raw.intensity.max(axis=(1, 2)), scan.counters["ImageMax"])


def test_corrected_frames_are_cohere_s(recorded: Measurement, experiment: Path) -> None:
    theirs = tifffile.imread(experiment / "preprocessed_data" / "prep_data.tif")
    measured = ~recorded.mask
    np.testing.assert_allclose(recorded.intensity[measured], theirs[measured], rtol=1e-6)
    # Dead pixels are 0 in every frame of cohere's array, where nothing tells them from dark ones.
    assert (recorded.mask == recorded.mask[0]).all()
    assert int(recorded.mask[0].sum()) == 335
    assert int(recorded.mask[0, :255, 255].sum()) == 255  # the bad column beside the seam
    assert not theirs[recorded.mask].any()


def test_prepared_data_are_cohere_s(recorded: Measurement, experiment: Path) -> None:
    ours = prepare(recorded, threshold=THRESHOLD)
    theirs = tifffile.imread(experiment / "phasing_data" / "data.tif")
    assert ours.shape == theirs.shape == SHAPE
    measured = ~ours.mask
    np.testing.assert_allclose(np.sqrt(ours.intensity)[measured], theirs[measured], rtol=1e-6)
    assert np.unravel_index(theirs.argmax(), SHAPE) == tuple(n // 2 for n in SHAPE)

    # What is masked: frames that were padded, the row that cohere's cyclic roll carried from one
    # side of the detector to the other, and dead pixels. Together that is all.
    assert ours.provenance["peak"] == (99, 127, 128)
    assert ours.provenance["origin"] == (-6, -1, 0)
    padded = np.zeros(SHAPE, bool)
    padded[:6] = padded[207:] = True
    rolled = np.zeros(SHAPE, bool)
    rolled[6:207, 0] = True
    dead = np.zeros(SHAPE, bool)
    dead[6:207, 1:] = recorded.mask[:, :255]
    np.testing.assert_array_equal(ours.mask, padded | rolled | dead)
    assert [int(kind.sum()) for kind in (padded, rolled, dead)] == [589824, 51456, 66933]
    assert not theirs[padded | dead].any()
    assert int(np.count_nonzero(theirs[rolled])) == 50  # counts on the wrong side in cohere


def test_no_pixel_of_the_scan_is_hot(recorded: Measurement, files: dict[str, Path]) -> None:
    # So `hot_pixels` made no difference above; nor is the peak taken for one in the raw frames.
    for m in (recorded, load(files["frames"])):
        assert not (mask_hot_pixels(m).mask & ~m.mask).any()


def test_read_cohere_experiment(experiment: Path) -> None:
    m = load(experiment)
    theirs = tifffile.imread(experiment / "phasing_data" / "data.tif")
    np.testing.assert_array_equal(m.intensity, np.square(theirs))
    assert not m.mask.any()
    assert m.provenance["config_data"]["intensity_threshold"] == THRESHOLD
    again = prepare(m)
    np.testing.assert_array_equal(again.intensity, m.intensity)  # centred already
    padded = np.zeros(SHAPE, bool)  # cohere fills up with frames that nobody measured
    padded[:6] = padded[207:] = True
    assert again.mask[:6].all()
    assert not (again.mask & ~padded).any()


@pytest.mark.parametrize(("n", "masked"), [(64, 0), (128, 128)])
def test_crop_takes_the_same_voxels_as_cohere(
    recorded: Measurement, experiment: Path, n: int, masked: int
) -> None:
    utilities = pytest.importorskip("cohere_core.utilities")
    theirs = tifffile.imread(experiment / "phasing_data" / "data.tif")
    theirs = utilities.crop_center(theirs, (n, n, n))
    ours = prepare(recorded, threshold=THRESHOLD, crop=(n, n, n))
    measured = ~ours.mask
    np.testing.assert_allclose(np.sqrt(ours.intensity)[measured], theirs[measured], rtol=1e-6)
    assert int(ours.mask.sum()) == masked  # one dead pixel in all frames of the larger crop
