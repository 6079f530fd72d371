"""Fine-tuning: a trained network goes on learning, with a user's own scans among the patterns.

Nobody knows the object of a measured pattern, so it is judged by the physics alone: χ² of the
predicted object's diffraction. The rest of each batch is simulated and judged by its truth as ever,
which keeps the network from forgetting, and from explaining a pattern by an object that is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from ..data.measurement import Measurement
from ..errors import MeasurementError
from ..nn import kinds, weights
from ..nn.field import Field
from ..nn.network import Polar
from ..physics.moduli import HELD_OUT, Moduli
from .recipe import Recipe

# Of a batch. A few scans come back hundreds of times, and half of each batch would be learnt by
# heart; the simulated patterns are new every time.
SHARE = 0.25
WARM_UP = 20  # steps


@dataclass(frozen=True, eq=False)
class Scans:
    """Measured patterns in the field of a network.

    Attributes
    ----------
    names : tuple of str
        Of their files or folders, without the path.
    modulus : float32 (scans, N, N, N)
        √I, centred, 0 where it is not known.
    known : bool (scans, N, N, N)
    checksum : str
        SHA-256 of what was measured. (The field's numbers can differ from machine to machine in
        the last bit, and a training may go on elsewhere.)
    """

    names: tuple[str, ...]
    modulus: torch.Tensor
    known: torch.Tensor
    checksum: str

    @classmethod
    def of(cls, measurements: Iterable[tuple[str, Measurement]], preset: str) -> Scans:
        """Bring named measurements into the field of a network, just as `CNN` does.

        The voxels that `reconstruct` holds out by default are left out here as well, so that its
        held-out χ² stays a test of what these weights predict.

        Raises
        ------
        MeasurementError
            A pattern leaves nothing in the field.
        """
        names, fields, digest = [], [], hashlib.sha256()
        field = kinds.find(preset).field
        for name, measurement in measurements:
            data = Moduli.of(measurement, HELD_OUT, torch.device("cpu"))
            modulus, known = Field.of(data, field).to_field(data)
            if not (bool(modulus.isfinite().all()) and float(modulus.max()) > 0):
                raise MeasurementError(
                    f"{name}: nothing is known about the peak once masked voxels are left out: mask less"
                )
            names.append(name)
            fields.append((modulus, known))
            digest.update(repr(measurement.shape).encode())
            for part in (measurement.intensity, measurement.mask):
                digest.update(part.ravel().data)
        moduli, knowns = (torch.stack(parts) for parts in zip(*fields, strict=True))
        return cls(tuple(names), moduli, knowns, digest.hexdigest())

    @staticmethod
    def share(batch: int) -> int:
        """How many patterns of a batch are scans: `SHARE` of it, at least one."""
        return max(1, round(SHARE * batch))

    def draw(self, count: int, numbers: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw moduli and what is known of them, (count, N, N, N), on the generator's device.

        Each is mirrored and has its axes exchanged by chance, in one of 48 ways: it is the pattern
        of a crystal that is so mirrored and turned.
        """
        device = numbers.device
        chosen = torch.randint(len(self.names), (count,), generator=numbers, device=device)
        drawn = []
        for index in chosen.tolist():
            order = torch.randperm(3, generator=numbers, device=device).tolist()
            mirrored = torch.randint(2, (3,), generator=numbers, device=device).tolist()
            pair = torch.stack([self.modulus[index], self.known[index].float()])
            drawn.append(_turned(pair, order, [axis for axis in range(3) if mirrored[axis]]))
        modulus, known = torch.stack(drawn, 1).to(device)
        return modulus, known > 0


def _turned(fields: torch.Tensor, order: Sequence[int], mirrored: Sequence[int]) -> torch.Tensor:
    """Exchange and mirror the axes of centred fields (…, N, N, N), N even; q = 0 stays."""
    fields = fields.permute(0, *(1 + axis for axis in order))
    axes = [1 + axis for axis in mirrored]
    return fields.flip(axes).roll([1] * len(axes), axes) if axes else fields


def recipe_from(card: weights.Card, steps: int, batch: int, rate: float) -> Recipe:
    """Recipe that goes on with weights: simulated patterns as they were trained on.

    The seed is another than that of any training before, so that no simulated pattern comes again.
    """
    kind = kinds.find(card.preset)
    return Recipe(
        preset=card.preset,
        families=card.families,
        phase=card.phase_range,
        loss="paper" if isinstance(kind, Polar) and not kind.either_twin else "overlap",
        twin=kind.either_twin,
        steps=steps,
        batch=batch,
        rate=rate,
        seed=card.samples,
        warm_up=WARM_UP,
    )
