"""Which of several objects in a network's field foretells the voxels that nobody has seen."""

from __future__ import annotations

import torch

from ..physics.metrics import likelihood
from ..physics.moduli import Moduli
from .field import Field

MOST = 2048  # held-out voxels that are looked at: enough to tell, and as quick for the largest data


class Judge:
    """Poisson log-likelihood of the held-out voxels, of objects in the field.

    Parameters
    ----------
    place : Field
    data : Moduli
        With voxels held out, which the objects have not been fitted to.
    """

    def __init__(self, place: Field, data: Moduli) -> None:
        self.data = data
        z, y, x = torch.unravel_index(data.held_out, data.shape)
        q = torch.stack([z, y, x]).cpu()
        size = torch.tensor(data.shape)[:, None]
        q = torch.where(q >= (size + 1) // 2, q - size, q)  # corner-centred
        pitch, origin = (torch.tensor(each)[:, None] for each in (place.pitch, place.origin))
        m = (q - origin) / pitch  # voxels of the field, from its q = 0
        inside = (m.abs() <= place.field / 2).all(0).nonzero()[:, 0]
        if len(inside) > MOST:
            inside = inside[torch.linspace(0, len(inside) - 1, MOST).long()]
        device = data.amplitude.device
        self.hidden = data.measured.flatten()[data.held_out[inside.to(device)]]
        s = torch.arange(place.field // 2) - place.field // 4
        turns = torch.exp(-2j * torch.pi * m[:, inside, None] * s / place.field)
        self.turns = turns.to(device, torch.complex64)

    def __call__(self, objects: torch.Tensor) -> torch.Tensor:
        """Twice the mean negative log-likelihood (batch,), in the scale that fits best; less is better."""
        z, y, x = self.turns
        found = []
        for obj in objects:
            lines = (x @ obj.flatten(0, 1).T).unflatten(1, obj.shape[:2])  # (k, z, y)
            wave = ((lines * y[:, None]).sum(2) * z).sum(1)
            model = wave.abs()
            scale = (model * self.hidden).sum() / model.square().sum().clamp_min(1e-20)
            found.append(likelihood(model * scale, self.hidden, self.data))
        return torch.tensor(found)
