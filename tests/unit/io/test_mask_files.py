"""Masks that are written are read as they were, and what is there stays."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin.errors import WriteError
from cdi_ml_plugin.io.arrays import read_mask
from cdi_ml_plugin.io.mask_files import SUFFIXES, write_mask


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7), (4, 5, 4), (1, 5, 7)])
def test_what_is_written_is_read(tmp_path, suffix, shape):
    mask = np.random.default_rng(0).random(shape) < 0.3
    file = write_mask(tmp_path / f"mask{suffix}", mask)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    found = read_mask(file)
    assert found.dtype == bool
    np.testing.assert_array_equal(found.reshape(shape), mask)


def test_what_is_there_stays_unless_forced(tmp_path):
    file = tmp_path / "mask.npy"
    file.write_text("precious")
    with pytest.raises(WriteError, match="is there already"):
        write_mask(file, np.eye(4, dtype=bool))
    assert file.read_text() == "precious"
    write_mask(file, np.eye(4, dtype=bool), force=True)
    assert read_mask(file).sum() == 4


def test_a_suffix_that_is_none(tmp_path):
    with pytest.raises(WriteError, match=r"mask: unknown suffix.*\.npy"):
        write_mask(tmp_path / "mask", np.eye(4, dtype=bool))


def test_a_disk_that_fills_leaves_what_was_there(tmp_path, monkeypatch):
    def full(path, _):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    file = write_mask(tmp_path / "mask.npy", np.eye(4, dtype=bool))
    monkeypatch.setitem(write_mask.__globals__["_WRITERS"], ".npy", full)
    with pytest.raises(WriteError, match="No space left"):
        write_mask(file, np.zeros((4, 4), dtype=bool), force=True)
    assert read_mask(file).sum() == 4
    assert [path.name for path in tmp_path.iterdir()] == ["mask.npy"]
