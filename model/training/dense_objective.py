"""All losses of a batch of prepared spectra as one module: what the trainer wraps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from model.batches.batch import Batch
from model.dense.autoencoder import DenseAutoencoder
from model.dense.losses import discrepancy, divergence_each, misfit_each
from model.training.gather import gather

N_PRIOR = 200
"""Draws of the prior a batch is compared with (the authors' code of Portillo+2020)."""


class DenseObjective(nn.Module):
    """A dense autoencoder and its loss, a mean over the spectra of a batch.

    1/2 sum w (x - x')^2 + (1 - alpha) KL + (alpha + lambda - 1) n_latent MMD with alpha = 0
    (Portillo+2020, equation 12; the factor n_latent is the authors', whose lambda Table 1 gives).
    A VAE has lambda = 1, an AE the first term alone.
    """

    guide = None

    def __init__(self, model: DenseAutoencoder, *, mmd: float) -> None:
        """Hold the model.

        Args:
            model: The autoencoder to train.
            mmd: lambda, at least 1.
        """
        super().__init__()
        self.model, self.mmd = model, mmd

    def forward(
        self,
        batch: Batch,
        k1: float,  # noqa: ARG002 - of the losses of SPENDER
        generator: torch.Generator,
        world: int = 1,
        guidance: float = 0.0,  # noqa: ARG002 - likewise
    ) -> dict[str, Tensor]:
        """Return the losses of a batch, all scalars: `loss` (their weighted sum) and each one.

        Args:
            batch: Prepared spectra of this process.
            k1: Not used.
            generator: Random numbers of latents, prior and dropout.
            world: Number of processes.
            guidance: Not used.
        """
        share = len(batch.z) * world / batch.n_global
        with self._dropout_seeded(generator):
            mean, log_variance = self.model.encode_prepared(batch.flux)
            mean, log_variance = mean.float(), log_variance.float()
            draw = torch.randn(mean.shape, generator=generator, device=mean.device)
            latents = mean + (0.5 * log_variance).exp() * draw
            model = self.model.decode_prepared(latents).float()
        losses = {"misfit": (misfit_each(batch.flux, batch.ivar, model)).mean() * share}
        total = losses["misfit"]
        if self.model.kind != "ae":
            each = divergence_each(mean, log_variance) * batch.counted
            losses["divergence"] = each.mean() * share
            total = total + losses["divergence"]
        if self.model.kind == "infovae" and self.mmd != 1:
            shape = (N_PRIOR, self.model.n_latent)
            prior = torch.randn(shape, generator=generator, device=mean.device)
            losses["discrepancy"] = discrepancy(gather(latents, batch, world), prior)
            total = total + (self.mmd - 1) * self.model.n_latent * losses["discrepancy"]
        return {"loss": total, **losses}

    @contextmanager
    def _dropout_seeded(self, generator: torch.Generator) -> Iterator[None]:
        """Let dropout follow from the generator's seed; without dropout do nothing.

        Seeding reaches for every kind of device there could be, a tenth of a small network's step.
        """
        if not self.model.config.dropout:
            yield
            return
        devices = [generator.device] if generator.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(generator.initial_seed())
            yield

    def misfit_each(self, batch: Batch) -> Tensor:
        """Return the misfit of each spectrum, to find those that make it not finite."""
        model = self.model.decode_prepared(self.model.encode_prepared(batch.flux)[0])
        return misfit_each(batch.flux, batch.ivar, model)

    def clear_decoder_gradients(self, guidance: float) -> None:
        """Do nothing: there is no guide."""
