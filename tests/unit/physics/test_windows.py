"""Windows hold what they are about, and know where its middle is."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin.physics.windows import MARGIN, about_centre, extent, object_window

SHAPE = (20, 30, 25)


def block(*edges: tuple[int, int]) -> np.ndarray:
    amplitude = np.zeros(SHAPE, dtype=np.float32)
    amplitude[tuple(slice(*edge) for edge in edges)] = 3
    return amplitude


def test_an_extent_is_as_small_as_it_can_be() -> None:
    edges = (4, 9), (10, 23), (0, 3)
    found = extent(block(*edges))
    assert found == (tuple(slice(*edge) for edge in edges), (6, 16, 1))


def test_its_centre_is_that_of_mass() -> None:
    amplitude = block((4, 9), (10, 23), (0, 3))
    amplitude[19, 16, 1] = 1e6
    found = extent(amplitude)
    assert found is not None
    window, centre = found
    assert window[0] == slice(4, 20)
    assert centre == (19, 16, 1)


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_where_there_is_nothing_to_frame_all_is_shown(value: float) -> None:
    amplitude = np.full(SHAPE, value)
    assert extent(amplitude) is None
    centre, windows = object_window(amplitude)
    assert centre == tuple(n // 2 for n in SHAPE)
    assert windows == [slice(0, n) for n in SHAPE]


def test_windows_of_a_picture_are_of_one_size_about_the_object() -> None:
    _, windows = object_window(block((8, 12), (10, 20), (11, 14)))
    half = np.ceil((0.5 + MARGIN) * 10)
    assert [w.stop - w.start for w in windows] == [2 * half] * 3
    assert [(w.start + w.stop) / 2 for w in windows] == [10, 15, 12]
    _, (first, *_) = object_window(block((0, 4), (10, 20), (11, 14)))
    assert first == slice(0, 2 + int(half))  # no further than the array


def test_a_window_about_the_centre_keeps_it_at_the_centre() -> None:
    support = block((8, 12), (14, 22), (11, 13)) > 0
    window = about_centre(support)
    assert support[window].sum() == support.sum()
    for n, part in zip(SHAPE, window, strict=True):
        size = part.stop - part.start
        assert part.start + size // 2 == n // 2
    wider = about_centre(support, room=2)
    assert all(b.start <= a.start and a.stop <= b.stop for a, b in zip(window, wider, strict=True))
