"""cohere's conventions: exp(+i…), unnormalised, axes (column, row, frame), modulus scaled to 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError


def read_continue(
    folder: str | Path, counts: float
) -> tuple[NDArray[np.complex128], NDArray[np.bool_]]:
    """Object and support that cohere saved, for ``init_guess = "continue"``.

    Parameters
    ----------
    folder : path
        ``continue_dir``: it holds ``image.npy`` and ``support.npy``.
    counts : float
        Σ I of the data: cohere scales its images to a maximum of 1, which is undone.

    Returns
    -------
    object : complex128 (z, y, x)
        Centred, in this package's sign.
    support : bool (z, y, x)

    Raises
    ------
    ReadError
        A file is missing, damaged, or not three-dimensional.
    """
    image = _load(Path(folder) / "image.npy").T.conj().astype(np.complex128)
    support = _load(Path(folder) / "support.npy").T > 0
    power = float(np.vdot(image, image).real)
    if power > 0:
        image = image * np.sqrt(counts / power)
    return image, support


def _load(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ReadError(f"{path}: cannot be read as cohere's saved array: {error}") from error
    if array.ndim != 3:
        raise ReadError(f"{path}: has {array.ndim} dimension(s), three are needed")
    return array
