"""Every public function and class with what it cannot take: one of our errors, of one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.bad import data, geometries, phasing, results
from support.bad.room import Room, bounded, ours

INPUTS = [each for table in (data, geometries, phasing, results) for each in table.inputs()]


@pytest.mark.parametrize("call", [call for _, call in INPUTS], ids=[name for name, _ in INPUTS])
def test_a_bad_value_is_refused(
    call: Callable[[], Any], room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        with bounded(), pytest.raises(Exception) as caught:  # noqa: PT011 - `ours` says which
            call()
    finally:
        left = room.left()
    ours(caught.value)
    assert capsys.readouterr() == ("", "")
    assert not left
