"""All losses of one batch as one module: what autocast and several processes wrap.

Fidelity, similarity and consistency of Liang+2023 (arXiv:2302.02496, equations 1-5), batch means.
With several processes the pairwise similarity runs over the batch of all of them.

While the guide (`model.training.guide`) has a weight, `guidance` > 0, a further loss pulls the
encoder's latents of observed and augmented spectra towards the guide's, and the decoder gets
latents interpolated between the two. While the weight is 1 the decoder is frozen, and each
spectrum is encoded once, as observed or augmented.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from data.grid import WaveGrid
from data.rest_frame.limited_ivar import limited_ivar
from model.augment import augment
from model.batches.batch import Batch
from model.losses import (
    consistency_loss,
    fidelity_each,
    rest_weight,
    similarity_loss,
)
from model.networks.spender import Spender
from model.training.gather import gather
from model.training.guide import Guide
from model.training.settings import LossSettings

GUIDE_WEIGHT = 0.5
GUIDE_TOLERANCE = 0.05
"""Distance from the guide's latents that does not matter, over the spread of the latents."""
GUIDE_AUGMENTED = 0.5
"""Share of spectra encoded in their augmented form while the guide's weight is 1."""


class Objective(nn.Module):
    """A model and its losses; `settings.augmented` must be settled (0 to 1)."""

    weight_rest: Tensor

    def __init__(
        self,
        model: Spender,
        grid: WaveGrid,
        settings: LossSettings,
        guide: Guide | None = None,
        *,
        weight_rest: Tensor | None = None,
    ) -> None:
        """Hold the model.

        Args:
            model: The autoencoder to train.
            grid: Observed-frame grid of the batches.
            settings: Weights and constants of the losses.
            guide: Gives target latents at the beginning of the training.
            weight_rest: Weight of rest-frame pixels in the similarity loss, shape (n_rest,); None =
                the Gaussian of `rest_weight`.
        """
        super().__init__()
        self.model, self.grid, self.settings, self.guide = model, grid, settings, guide
        if weight_rest is None:
            weight_rest = rest_weight(torch.tensor(model.wave_rest, dtype=torch.float32))
        self.register_buffer("weight_rest", weight_rest, persistent=False)

    def forward(
        self,
        batch: Batch,
        k1: float,
        generator: torch.Generator,
        world: int = 1,
        guidance: float = 0.0,
    ) -> dict[str, Tensor]:
        """Return the losses of a batch, all scalars: `loss` (their weighted sum) and each one.

        Averaged over the processes they are the losses of the whole batch.

        Args:
            batch: Spectra of this process.
            k1: Slope of the similarity loss.
            generator: Random numbers of the augmentation.
            world: Number of processes.
            guidance: Weight of the guide, 0 to 1; ignored without one.
        """
        share = len(batch.z) * world / batch.n_global
        led = self.guide is not None and guidance > 0
        seen, moved = self._augmented(batch, generator, alone=led and guidance == 1)
        latents = self.model.encode_tensor(*seen, grid=self.grid)
        encoded, goal = [latents.float()], None
        if self.guide is not None and led:
            goal = self.guide(batch.flux, batch.ivar, batch.z, grid=self.grid)
            latents = encoded[0] + guidance * (goal - encoded[0])
        rest = self.model.decode_tensor(latents).float()
        flux, valid = self.model.observe_tensor(rest, batch.z, self.grid)
        weight = limited_ivar(batch.flux, batch.ivar, self.settings.max_snr)
        losses = {"fidelity": fidelity_each(batch.flux, weight, flux, valid).mean() * share}
        if self.settings.similarity:
            losses["similarity"] = self._similarity(latents, rest, batch, k1, world)
        if moved is not None:
            latents_moved = self.model.encode_tensor(*moved, grid=self.grid).float()
            latents_moved = torch.where(batch.counted[:, None] > 0, latents_moved, encoded[0])
            losses["consistency"] = share * consistency_loss(
                encoded[0], latents_moved, self.settings.sigma, self.settings.scale_free
            )
            encoded.append(latents_moved)
        total = self._weighted_sum(losses)
        if self.guide is not None and goal is not None:
            away = [_away(points, goal, self.guide.spread) for points in encoded]
            losses["guide"] = share * (torch.stack(away) * batch.counted).mean()
            total = total + guidance * (losses["guide"] - total)
        return {"loss": total, **losses}

    def clear_decoder_gradients(self, guidance: float) -> None:
        """Clear decoder gradients in the guide-only phase (zeros would shrink Adam's variance).

        Args:
            guidance: Weight of the guide, 0 to 1; 1 is the guide-only phase.
        """
        if self.guide is not None and guidance == 1:
            for part in (self.model.decoder, self.model.line_spreads):
                part.zero_grad()

    def misfit_each(self, batch: Batch) -> Tensor:
        """Return the fidelity of each spectrum, to find those that make it not finite."""
        latents = self.model.encode_tensor(batch.flux, batch.z, grid=self.grid)
        moved = self.model.observe_tensor(self.model.decode_tensor(latents), batch.z, self.grid)
        return fidelity_each(batch.flux, batch.ivar, *moved)

    def _weighted_sum(self, losses: dict[str, Tensor]) -> Tensor:
        """Return fidelity and what the settings add to it."""
        total = losses["fidelity"]
        for name in ("similarity", "consistency"):
            if name in losses:
                total = total + getattr(self.settings, name) * losses[name]
        return total

    def _similarity(
        self, latents: Tensor, rest: Tensor, batch: Batch, k1: float, world: int
    ) -> Tensor:
        """Return the similarity loss over the batch of all processes."""
        return similarity_loss(
            gather(latents.float(), batch, world),
            gather(rest, batch, world),
            self.weight_rest,
            self.settings.k0,
            k1,
            self.settings.scale_free,
        )

    def _augmented(
        self, batch: Batch, generator: torch.Generator, *, alone: bool
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor] | None]:
        """Return flux and redshifts that the encoder sees, and those for the consistency loss."""
        settings = self.settings
        mix = settings.augmented if self.training else 0.0
        if alone and settings.consistency:
            mix = max(mix, GUIDE_AUGMENTED)
        if not (mix or settings.consistency):
            return (batch.flux, batch.z), None
        flux, _, z = augment(
            batch.flux,
            batch.ivar,
            batch.z,
            self.grid,
            generator,
            z_max=settings.z_max,
            noise=settings.noise,
            mask=settings.mask,
            corruption=settings.corruption,
        )
        moved = (flux, z) if settings.consistency and not alone else None
        if not mix:
            return (batch.flux, batch.z), moved
        chosen = torch.rand(len(z), generator=generator, device=z.device) < mix
        seen = _mixed(chosen, (flux, z), (batch.flux, batch.z))
        return seen, moved and _mixed(chosen, (batch.flux, batch.z), (flux, z))


def _mixed(
    chosen: Tensor, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return flux and redshifts of the first where chosen, of the second elsewhere."""
    flux = torch.where(chosen[:, None], first[0], second[0])
    return flux, torch.where(chosen, first[1], second[1])


def _away(latents: Tensor, goal: Tensor, spread: Tensor) -> Tensor:
    """Return distances to the goal, shape (n_galaxy,); parabolic near it."""
    scaled = (latents - goal) / (GUIDE_TOLERANCE * spread)
    return GUIDE_WEIGHT * ((1 + scaled.square().sum(dim=1)).sqrt() - 1)
