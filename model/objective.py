"""All losses of one batch as one module: what autocast, compilation and several processes wrap.

Fidelity, similarity and consistency of Liang+2023 (arXiv:2302.02496, equations 1-5), batch means.
With several processes the pairwise similarity runs over the batch of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from data.grid import WaveGrid
from model.augment import augment
from model.batches import Batch
from model.losses import consistency_loss, fidelity_each, rest_weight, similarity_loss
from model.spender import Spender


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """Weights and constants of the losses.

    Attributes:
        similarity: Weight of the similarity loss; 0 leaves it out.
        consistency: Weight of the consistency loss; 0 leaves it out.
        augmented: Share of spectra that the encoder sees augmented while the decoder must
            reproduce the original: redshift as data augmentation for the fidelity.
        k0: Contrast of the similarity loss.
        sigma: Tolerance of the consistency loss, unit of the latents.
        scale_free: Divide distances by their scale in the batch.
        z_max: Augmented redshifts are uniform in 0..z_max.
        noise: Share of pixels that augmentation makes noisier.
        mask: Share of pixels that augmentation masks.
    """

    similarity: float
    consistency: float
    augmented: float
    k0: float
    sigma: float
    scale_free: bool
    z_max: float
    noise: float
    mask: float


class Objective(nn.Module):
    """A model and its losses."""

    weight_rest: Tensor

    def __init__(self, model: Spender, grid: WaveGrid, settings: LossSettings) -> None:
        """Hold the model.

        Args:
            model: The autoencoder to train.
            grid: Observed-frame grid of the batches.
            settings: Weights and constants of the losses.
        """
        super().__init__()
        self.model, self.grid, self.settings = model, grid, settings
        weight = rest_weight(torch.as_tensor(model.wave_rest.copy(), dtype=torch.float32))
        self.register_buffer("weight_rest", weight, persistent=False)

    def forward(
        self, batch: Batch, k1: float, generator: torch.Generator, world: int = 1
    ) -> dict[str, Tensor]:
        """Return the losses of a batch, all scalars: `loss` (their weighted sum) and each one.

        Averaged over the processes they are the losses of the whole batch.

        Args:
            batch: Spectra of this process.
            k1: Slope of the similarity loss.
            generator: Random numbers of the augmentation.
            world: Number of processes.
        """
        settings, model = self.settings, self.model
        share = len(batch.z) * world / batch.n_global
        seen, moved = self._augmented(batch, generator)
        latents = model.encode_tensor(seen, batch.z, grid=self.grid)
        rest = model.decode_tensor(latents).float()
        flux, valid = model.observe(rest, batch.z, self.grid)
        fidelity = fidelity_each(batch.flux, batch.ivar, flux, valid).mean() * share
        losses = {"fidelity": fidelity}
        if settings.similarity:
            losses["similarity"] = similarity_loss(
                gather(latents.float(), batch, world),
                gather(rest, batch, world),
                self.weight_rest,
                settings.k0,
                k1,
                settings.scale_free,
            )
        if settings.consistency:
            assert moved is not None
            latents_moved = model.encode_tensor(moved[0], moved[1], grid=self.grid).float()
            latents_moved = torch.where(batch.counted[:, None] > 0, latents_moved, latents.float())
            losses["consistency"] = share * consistency_loss(
                latents, latents_moved, settings.sigma, settings.scale_free
            )
        total = fidelity
        for name in ("similarity", "consistency"):
            if name in losses:
                total = total + getattr(settings, name) * losses[name]
        return {"loss": total, **losses}

    def _augmented(
        self, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """Return the flux the encoder sees, and the augmented flux and redshifts if needed."""
        settings = self.settings
        mix = settings.augmented if self.training else 0.0
        if not (mix or settings.consistency):
            return batch.flux, None
        flux, _, z = augment(
            batch.flux,
            batch.ivar,
            batch.z,
            self.grid,
            generator,
            z_max=settings.z_max,
            noise=settings.noise,
            mask=settings.mask,
        )
        if not mix:
            return batch.flux, (flux, z)
        chosen = torch.rand(len(z), generator=generator, device=z.device) < mix
        return torch.where(chosen[:, None], flux, batch.flux), (flux, z)


def gather(values: Tensor, batch: Batch, world: int) -> Tensor:
    """Return the counted rows of all processes, in the order of the batch, with gradients."""
    if world == 1:
        return values
    from torch.distributed.nn.functional import all_gather

    return torch.cat(all_gather(values.contiguous()))[: batch.n_global]
