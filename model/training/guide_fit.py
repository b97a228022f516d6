"""Pre-trains the decoder, together with a guide that provides target latents for the encoder.

A SPENDER trained from random weights starts slowly: while the latents carry no information the
decoder learns only the mean spectrum, and while the decoder is poor the encoder gets no useful
gradient. Here a small network from principal components to latents, the guide, stands in for the
encoder, and is trained together with the decoder in the space of the components
(`ComponentLikelihood`), in minutes.

    guide = fit_guide(model, source, rows, losses=..., seed=1)    # changes model.decoder
"""

from __future__ import annotations

import logging
import math
import time

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from data.arrays import IntArray
from data.spectra import SpectrumSource
from model.linear.fit import CPU, fit_pca
from model.linear.pca import PCA, PCAConfig
from model.losses import rest_weight, similarity_loss
from model.networks.decoder import Speculator
from model.networks.deconvolution import before_line_spread
from model.networks.spender import Spender
from model.rest_frame_model import ROWS
from model.training.component_likelihood import ComponentLikelihood
from model.training.course.schedule import one_cycle
from model.training.guide import Guide
from model.training.settings import LossSettings

MAX_COMPONENT, GALAXIES_PER_COMPONENT = 48, 10
MIN_GALAXY = 30
MAX_GALAXY, MAX_GALAXY_PCA = 32_768, 8_192
BATCH = 256
MIN_STEP, MAX_STEP = 500, 16_000
N_CHECK = 20
"""Times that the held-out spectra are looked at; the best state is kept."""
HELD_OUT = 0.1
MIN_SPREAD = 1e-3
RATE, WEIGHT_DECAY = 1e-3, 1e-2
BRIGHT = 10.0
"""Fidelities above about this count by their logarithm, so that outliers do not dominate."""


def fit_guide(
    model: Spender,
    source: SpectrumSource,
    rows: IntArray,
    *,
    losses: LossSettings,
    seed: int,
    weight_rest: Tensor | None = None,
    max_galaxy: int = MAX_GALAXY,
    limit: float = math.inf,
    progress: bool = False,
    device: torch.device = CPU,
) -> Guide | None:
    """Fit the decoder of a model and a guide to some spectra.

    Args:
        model: Its decoder is changed in place; its encoders stay as they are.
        source: Where the spectra are.
        rows: Spectra to learn from; with fewer than 30 nothing is done.
        losses: The similarity loss that the latents shall have.
        seed: Of everything random.
        weight_rest: As for `Objective`.
        max_galaxy: Spectra to learn from at most.
        limit: Seconds that its steps may take.
        progress: Show bars.
        device: Where to work; model and guide stay there.

    Returns:
        The guide, or None where there are too few spectra.
    """
    if len(rows) < MIN_GALAXY:
        logging.getLogger(__name__).info("too few spectra for a start from the data: random start")
        return None
    rng = np.random.default_rng(seed)
    if len(rows) > max_galaxy:
        rows = np.sort(rng.choice(rows, max_galaxy, replace=False))
    n_component = min(MAX_COMPONENT, len(rows) // GALAXIES_PER_COMPONENT)
    pca = fit_pca(
        source,
        rows,
        config=PCAConfig(n_latent=n_component, rest_grid=model.rest_grid),
        seed=seed,
        max_galaxy=MAX_GALAXY_PCA,
        n_iteration=6,
        progress=progress,
        device=device,
    )
    likelihood = ComponentLikelihood(pca, source, rows, progress=progress)
    finite = likelihood.finite()
    rows, likelihood = rows[finite], likelihood.only(finite)
    if len(rows) < MIN_GALAXY:
        return None  # the training names the spectra at fault
    if weight_rest is None:
        weight_rest = rest_weight(torch.tensor(model.wave_rest, dtype=torch.float32))
    model, weight_rest = model.to(device), weight_rest.to(device)
    guide = _fit_together(
        model, pca, likelihood, source, rows, losses, seed, weight_rest, limit, progress
    )
    return guide.requires_grad_(False).eval()


def _fit_together(
    model: Spender,
    pca: PCA,
    likelihood: ComponentLikelihood,
    source: SpectrumSource,
    rows: IntArray,
    losses: LossSettings,
    seed: int,
    weight_rest: Tensor,
    limit: float,
    progress: bool,
) -> Guide:
    """Fit decoder and guide; the likelihood is that of the rows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        guide = Guide(pca, model.n_latent).to(pca.device)
        head = nn.Linear(_last_linear(model).in_features, pca.n_latent).to(pca.device)
    blocks = np.array_split(rows, -(-len(rows) // ROWS))
    read = (source.read(block.tolist()) for block in blocks)
    coefficients = torch.cat(
        [guide.components(*pca.tensors(item), grid=source.grid) for item in read]
    )
    fit = _Fit(model, guide, head, likelihood, coefficients, losses, seed, weight_rest)
    fit.run(limit, progress)
    axes = pca.components * pca.variance.sqrt()[:, None]
    z = float(np.median(source.catalog["z"].to_numpy()[rows]))
    spectra = before_line_spread(model, torch.vstack([pca.mean, axes]), grid=source.grid, z=z)
    _set_last_layer(model, head, spectra)
    return guide


class _Fit:
    """Trains guide and decoder together in the space of the components."""

    def __init__(
        self,
        model: Spender,
        guide: Guide,
        head: nn.Linear,
        likelihood: ComponentLikelihood,
        coefficients: Tensor,
        losses: LossSettings,
        seed: int,
        weight_rest: Tensor,
    ) -> None:
        self.guide, self.losses = guide, losses
        self.likelihood, self.coefficients = likelihood, coefficients
        self.decode = nn.Sequential(*list(model.decoder.mlp)[:-2], head)
        self.networks = nn.ModuleList([guide.network, self.decode])
        self.generator = torch.Generator().manual_seed(seed)
        shuffled = torch.randperm(len(likelihood), generator=self.generator).to(coefficients.device)
        n_held = round(HELD_OUT * len(likelihood))
        self.held_out, self.learn = shuffled[:n_held], shuffled[n_held:]
        axes = guide.pca.components * guide.pca.variance.sqrt()[:, None]
        metric = (axes * (weight_rest / len(weight_rest))) @ axes.T  # of |x'_i - x'_j|^2
        self.root = torch.linalg.cholesky(
            metric + 1e-6 * metric.diagonal().max() * torch.eye(len(metric)).to(metric)
        )

    def run(self, limit: float, progress: bool) -> None:
        n_learn = len(self.learn)
        n_step = int(np.clip(0.5 * n_learn, MIN_STEP, MAX_STEP))
        size = min(BATCH, n_learn)
        optimizer = torch.optim.AdamW(
            self.networks.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY
        )
        best, state = math.inf, dict[str, Tensor]()
        start = time.monotonic()
        for step in tqdm(range(n_step), desc="start from the data", disable=not progress):
            done = max(step / n_step, (time.monotonic() - start) / limit)
            if done >= 1:  # the time is up
                best, state = self._better(best, state)
                break
            rate, beta = one_cycle(done, max_rate=RATE)
            for group in optimizer.param_groups:
                group["lr"], group["betas"] = rate, (beta, group["betas"][1])
            chosen = torch.randint(n_learn, (size,), generator=self.generator)
            rows = self.learn[chosen.to(self.learn.device)]
            optimizer.zero_grad()
            self._loss(rows, self.losses.k1 * min(1.0, 2 * done)).backward()
            nn.utils.clip_grad_norm_(self.networks.parameters(), 1.0)
            optimizer.step()
            if (step + 1) % max(1, n_step // N_CHECK) == 0:
                best, state = self._better(best, state)
        self.networks.load_state_dict(state)
        self.networks.zero_grad()  # what is left would count as part of the training's gradient
        with torch.no_grad():
            latents = self.guide.of_components(self.coefficients)
            self.guide.spread.copy_((latents - latents.mean(dim=0)).norm(dim=1).mean())
            self.guide.spread.clamp_(min=MIN_SPREAD)

    def _better(self, best: float, state: dict[str, Tensor]) -> tuple[float, dict[str, Tensor]]:
        """Return the lower loss of the held-out spectra, and the state that has it."""
        with torch.no_grad():
            loss = float(self._loss(self.held_out, self.losses.k1))
        if loss < best:
            return loss, {k: v.clone() for k, v in self.networks.state_dict().items()}
        return best, state

    def _loss(self, rows: Tensor, k1: float) -> Tensor:
        settings = self.losses
        latents = self.guide.of_components(self.coefficients[rows])
        decoded = self.decode(latents)
        fidelity = self.likelihood.fidelity(decoded, rows).clamp_min(0)
        loss = BRIGHT * torch.log1p(fidelity / BRIGHT).mean()
        if settings.similarity:
            scaled = decoded @ self.root
            loss = loss + settings.similarity * similarity_loss(
                latents,
                scaled,
                torch.full_like(scaled[0], scaled.shape[1]),
                settings.k0,
                k1,
                settings.scale_free,
            )
        return loss


def _last_linear(model: Spender) -> nn.Linear:
    layer = model.decoder.mlp[-2]
    assert isinstance(layer, nn.Linear)
    return layer


@torch.no_grad()
def _set_last_layer(model: Spender, head: nn.Linear, spectra: Tensor) -> None:
    """Let the decoder's last layer give spectra where `head` gives coefficients.

    Args:
        model: Its decoder is changed.
        head: From the last hidden layer to coefficients.
        spectra: Mean, then what each coefficient adds, shape (1 + n_component, n_rest).
    """
    last, activation = _last_linear(model), model.decoder.mlp[-1]
    mean, axes = spectra[0], spectra[1:].T
    last.weight.copy_(axes @ head.weight)
    last.bias.copy_(mean + axes @ head.bias - model.decoder.offset)
    if isinstance(activation, Speculator):
        activation.gamma.fill_(1.0)  # the identity, to be bent by the training
