"""The laws that every network keeps, for the tests of whoever writes one."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ..data.measurement import Measurement
from ..errors import NetworkError
from ..fourier import diffraction
from ..physics.moduli import HELD_OUT, Moduli
from ..simulate.batch import Particles
from ..simulate.particle import strained_crystal
from . import kinds
from .fit import OnData
from .network import Given, Network
from .pattern import InField, Pattern
from .predict import first_guess

SHAPE = (40, 56, 48)  # of data whose box is no cube
BOX = (slice(12, 28), slice(16, 40), slice(12, 36))
CHANNELS = 8
SIZE = 3.0
GAIN = 0.1
SEEDS = (0, 1)


def check_network(kind: type[Network]) -> None:
    """Hold a network to its contract, in its field and on data that are no cube; it takes seconds.

    1. It has all that `Network` asks for, and its module is built, wide or narrow.
    2. Features, module and `decode` fit to each other: complex, finite objects on the grid they are to
       be on, one apart from the other.
    3. `decode` is proportional to its `size`.
    4. With `heads` set to 0 a correction is nothing, and has a gradient.
    5. What is given is only read. Batch normalisation goes without half precision.

    Parameters
    ----------
    kind : type of Network

    Raises
    ------
    NetworkError
        Names the network and the law that it breaks.
    """
    if not (isinstance(kind, type) and issubclass(kind, Network)):
        raise NetworkError(f"{kind!r:.80} is no network: give a subclass of Network")
    network = kinds.whole(kind)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            trained, untrained = kinds.made(network), kinds.made(network, CHANNELS)
        normalised = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in trained.modules())
        if network.half_precision and normalised:
            raise network.broken("has batch normalisation: set half_precision = False")
        _check_prediction(network, trained.eval())
        _check_fit(network, untrained)
    finally:
        torch.set_num_threads(threads)


@torch.no_grad()
def _check_prediction(kind: Network, module: nn.Module) -> None:
    """In its field, two patterns together and each alone."""
    drawn = Particles(kind.field, phase=(0.0, 3.0)).draw(
        len(SEEDS), torch.Generator().manual_seed(0)
    )
    pattern = Pattern.of(drawn.modulus, drawn.known)
    guess = first_guess(pattern, [torch.Generator().manual_seed(s) for s in SEEDS])
    both = _objects(kind, module, InField(kind, pattern, guess), guess.shape)
    for index in range(len(SEEDS)):
        part = slice(index, index + 1)
        alone = Pattern(pattern.modulus[part], pattern.known[part])
        given = InField(kind, alone, guess[part])
        one = _objects(kind, module, given, guess[part].shape)
        if not _near(one, both[part], 1e-3):
            raise kind.broken("one pattern alone gives another object than among others")


def _check_fit(kind: Network, module: nn.Module) -> None:
    """On the data's own voxels: the object, and a correction to it."""
    rng = np.random.default_rng(1)
    crystal = 20 * strained_crystal(SHAPE, np.eye(3), size=11, phase_range=3, rng=rng)
    data = Moduli.of(Measurement(rng.poisson(diffraction(crystal))), HELD_OUT, torch.device("cpu"))
    obj = torch.from_numpy(crystal).to(torch.complex64)
    base = obj[BOX][None]
    given = OnData(kind, data, obj, BOX)
    _objects(kind, module, given, base.shape)
    kind.silence(module)
    output = kinds.returned(kind, module, kinds.handed(kind, given))
    same = kinds.checked(kind, kind.correct(output, base, SIZE, GAIN), base.shape)
    if bool(output.detach().any()) or not _near(same.detach(), base, 1e-5):
        raise kind.broken(
            "corrects where its output should be nothing: name in heads what makes it, and look at correct"
        )
    wanted = torch.view_as_real(base.roll(1, -1))
    (torch.view_as_real(same) - wanted).square().sum().backward()  # type: ignore[no-untyped-call]
    slopes = [p.grad for p in module.parameters() if p.grad is not None]
    if not all(bool(s.isfinite().all()) for s in slopes) or not any(bool(s.any()) for s in slopes):
        raise kind.broken(
            "a correction of nothing has no finite gradient, and cannot begin: write correct"
        )


def _objects(
    kind: Network, module: nn.Module, given: Given, shape: tuple[int, ...]
) -> torch.Tensor:
    """Objects of one pass, which are what `decode` says of them."""
    names = ["modulus", "lags"] + ["guess", "projected"] * (kind.passes > 1)
    before = {name: getattr(given, name).clone() for name in names}
    output = kinds.returned(kind, module, kinds.handed(kind, given)).detach()
    if not all(torch.equal(getattr(given, name), before[name]) for name in names):
        raise kind.broken("features changes what is given in place: copy it first")
    found = kinds.checked(kind, kind.decode(output), tuple(shape))
    if not bool(torch.view_as_real(found).isfinite().all()):
        raise kind.broken("its object is NaN or infinite")
    if not _near(kind.decode(output, SIZE), SIZE * found, 1e-5):
        raise kind.broken("its decode is not proportional to size")
    return found


def _near(one: torch.Tensor, other: torch.Tensor, share: float) -> bool:
    difference, norm = (float(torch.linalg.vector_norm(x)) for x in (one - other, other))
    return difference <= share * norm
