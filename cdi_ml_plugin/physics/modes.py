"""Orthogonal modes of several objects: what they have in common, and in which ways they differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CHUNK = 1 << 16  # voxels that are brought to double precision at once


def modes(
    objects: Sequence[NDArray[np.complexfloating]], most: int | None = None
) -> tuple[NDArray[np.complex64], NDArray[np.float64]]:
    """Decompose aligned objects into orthogonal modes, by the singular values of their stack.

    Parameters
    ----------
    objects : n of complex (z, y, x)
        Of one shape, aligned; at least one, not all 0.
    most : int, optional
        Modes that are returned; default all n.

    Returns
    -------
    modes : complex64 (m, z, y, x)
        Strongest first. Σ|mode|² is that of an object, times the share of the mode; the phase of each is
        that in which it comes in the first object.
    shares : float64 (n,)
        Of the power of all objects, 1 in sum; those of modes that are not returned, too. The first is 1
        where all objects are the same.

    Notes
    -----
    The singular vectors are taken from the n × n matrix of scalar products: n is small, and the objects are large.
    Source: the modes of a stack of solutions as in Favre-Nicolin et al., J. Appl. Cryst. 53, 1404 (2020).
    """
    flat = [np.ravel(one) for one in objects]
    overlap = np.zeros((len(flat), len(flat)), dtype=np.complex128)
    for first in range(0, flat[0].size, CHUNK):
        part = np.stack([one[first : first + CHUNK] for one in flat]).astype(np.complex128)
        overlap += part.conj() @ part.T
    values, vectors = np.linalg.eigh(overlap)
    values, vectors = np.clip(values[::-1], 0, None), vectors[:, ::-1]
    vectors = vectors * np.exp(-1j * np.angle(vectors[:1]))
    found = np.zeros((min(most or len(flat), len(flat)), flat[0].size), dtype=np.complex64)
    for mode, weights in zip(found, vectors.T, strict=False):
        for one, weight in zip(flat, weights / len(flat) ** 0.5, strict=True):
            mode += (weight * one).astype(np.complex64)
    return found.reshape(-1, *objects[0].shape), values / values.sum()
