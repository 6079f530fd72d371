"""Objects and data in cohere's conventions, in memory and on disk.

* axes: (x, y, z) there, (z, y, x) here;
* transform: exp(+i…) without a factor there, exp(−i…) orthonormal here: an object there is the
  complex conjugate of the one here, divided by √N;
* centring: cohere shifts centred data by ``n // 2``, which brings the peak of an even axis to voxel
  0, that of an odd one to voxel n − 1; so on odd axes its objects carry a phase ramp.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ReadError, WriteError


def from_cohere(image: NDArray[Any]) -> NDArray[Any]:
    """Object (z, y, x) in this package's sign, from cohere's (x, y, z); the type is kept."""
    obj: NDArray[Any] = (image.T * ramp(image.shape[::-1]).conj()).conj()
    return np.ascontiguousarray(obj, dtype=np.result_type(image.dtype, np.complex64))


def to_cohere(obj: NDArray[Any]) -> NDArray[Any]:
    """Invert `from_cohere`."""
    image: NDArray[Any] = (obj.conj() * ramp(obj.shape)).T
    return np.ascontiguousarray(image, dtype=obj.dtype)


def centred(data: NDArray[Any]) -> NDArray[Any]:
    """Data (z, y, x) with the peak in the middle, from those (x, y, z) that cohere works with."""
    middle: NDArray[Any] = np.fft.ifftshift(data).T
    return middle


def ramp(shape: tuple[int, ...]) -> NDArray[np.complex128]:
    """Phase factor exp(2πi m/n) along every odd axis of an array (z, y, x)."""
    factor = np.ones((1, 1, 1), dtype=np.complex128)
    for axis, n in enumerate(shape):
        if n % 2:
            wave = np.exp(2j * np.pi * np.arange(n) / n)
            factor = factor * np.expand_dims(wave, [a for a in range(3) if a != axis])
    return factor


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
    image = from_cohere(_load(Path(folder) / "image.npy")).astype(np.complex128)
    support = _load(Path(folder) / "support.npy").T > 0
    power = float(np.vdot(image, image).real)
    if power > 0:
        image = image * np.sqrt(counts / power)
    return image, support


def write_continue(
    folder: str | Path, obj: NDArray[np.complex64], support: NDArray[np.bool_]
) -> None:
    """Write what cohere starts from with ``init_guess = "continue"``: both files or none.

    Parameters
    ----------
    folder : path
        Made where it is not there; ``image.npy`` and ``support.npy`` in it are replaced.
    obj, support : (z, y, x)
        As a `Run` has them: Σ|obj|² is in counts.

    Raises
    ------
    WriteError
        The folder cannot be written to.
    """
    folder = Path(folder)
    image = to_cohere(obj) / np.float32(np.sqrt(obj.size))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in (("image", image), ("support", support.T.astype(np.int64))):
            np.save(folder / f".{name}.npy", array)
        for name in ("image", "support"):
            os.replace(folder / f".{name}.npy", folder / f"{name}.npy")
    except OSError as error:
        raise WriteError(f"{folder}: the guess cannot be written: {error.strerror}") from error


def _load(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ReadError(f"{path}: cannot be read as cohere's saved array: {error}") from error
    if array.ndim != 3:
        raise ReadError(f"{path}: has {array.ndim} dimension(s), three are needed")
    return array
