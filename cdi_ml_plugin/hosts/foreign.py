"""What every bridge needs that runs this package's algorithms on the arrays of a host."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A host may run several reconstructions as threads of one process, where torch has one random
# generator, and where two of its computations at once only get in each other's way.
LOCK = threading.Lock()


def seed_number(start: NDArray[Any]) -> int:
    """Number that follows from the object that the host starts from, which has random numbers of its own."""
    digest = hashlib.blake2b(np.ascontiguousarray(start).tobytes(), digest_size=7).digest()
    return int.from_bytes(digest)
