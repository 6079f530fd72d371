"""Which array of a file is read, and masks that a user gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from cdi_ml_plugin.errors import MeasurementError, ReadError
from cdi_ml_plugin.io.readers import load
from support.sound import COUNTS


def save(path: Path, data: np.ndarray) -> Path:
    np.save(path, data)
    return path


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """What cohere has prepared."""
    folder = tmp_path / "exp"
    (folder / "conf").mkdir(parents=True)
    (folder / "phasing_data").mkdir()
    (folder / "conf" / "config").write_text('scan = "54"\n')
    tifffile.imwrite(folder / "phasing_data" / "data.tif", np.sqrt(COUNTS).astype(np.float32))
    return folder


# Several arrays in a file


def test_several_arrays_in_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=COUNTS[0], counts=COUNTS)
    assert load(path).provenance["dataset"] == "counts"  # the only three-dimensional one
    np.savez(path, a=COUNTS, b=COUNTS[:4])
    with pytest.raises(ReadError, match=r"arrays 2 \(a 6 × 8 × 10, b 4 × 8 × 10\) .*--dataset"):
        load(path)
    assert load(path, dataset="b").shape == (4, 8, 10)
    with pytest.raises(ReadError, match="holds no 'c': of arrays it has a 6"):
        load(path, dataset="c")
    with pytest.raises(ReadError, match="one array without a name: leave --dataset out"):
        load(save(tmp_path / "a.npy", COUNTS), dataset="c")


def test_several_series_in_a_tiff(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(COUNTS, photometric="minisblack")
        file.write(COUNTS[:5, :7], photometric="minisblack")
    with pytest.raises(ReadError, match=r"series 2 \(0 6 × 8 × 10, 1 5 × 7 × 10\) .*--dataset"):
        load(path)
    assert load(path, dataset="1").shape == (5, 7, 10)
    with tifffile.TiffWriter(path) as file:
        file.write(COUNTS[0])
        file.write(COUNTS, photometric="minisblack")
    np.testing.assert_array_equal(load(path).intensity, COUNTS)


def test_a_mask_helps_before_the_check(tmp_path: Path, experiment: Path) -> None:
    gap = np.zeros(COUNTS.shape[1:], bool)
    gap[:, 3] = True
    mask = save(tmp_path / "m.npy", gap)
    for value in (-1, np.nan, np.inf):
        counts = np.where(gap, value, COUNTS).astype(np.float32)
        np.testing.assert_array_equal(
            load(save(tmp_path / "a.npy", counts), mask=mask).mask,
            np.broadcast_to(gap, counts.shape),
        )
        tifffile.imwrite(experiment / "phasing_data" / "data.tif", np.where(gap, np.nan, COUNTS))
        with pytest.raises(MeasurementError, match="NaN"):
            load(experiment)
        m = load(experiment, mask=mask)
        assert m.mask[:, :, 3].all()
        assert m.provenance["steps"] == (f"mask {6 * 8} voxels",)


def test_a_mask_can_be_an_array(tmp_path: Path, experiment: Path) -> None:
    path, gap = save(tmp_path / "a.npy", COUNTS - (COUNTS > 7) * 99), COUNTS > 7
    for mask in (gap, gap.astype(int), np.ma.MaskedArray(np.zeros(gap.shape), gap)):
        np.testing.assert_array_equal(load(path, mask=mask).mask, gap)
    assert load(experiment, mask=gap[0]).mask[:, gap[0]].all()
    for mask in (COUNTS, COUNTS * 1j, gap.astype("U5")):
        with pytest.raises(MeasurementError, match="the mask, an array of"):
            load(path, mask=mask)
    with pytest.raises(MeasurementError, match="mask has shape"):
        load(path, mask=gap[:, :3])
