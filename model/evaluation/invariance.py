"""How much latents move when a galaxy is put at another redshift (Liang+2023, Fig. 2, Table 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from data.arrays import FloatArray, IntArray
from data.parts import read_parts
from data.spectra import Spectra, SpectrumSource
from model.augment import Z_MAX, move
from model.interface import SpectrumModel
from model.losses import CONTRAST, SLOPE, TOLERANCE, consistency_loss, rest_weight, similarity_loss

BATCH = 512
"""Objects of one batch: the batch of Liang+2023's training, over whose pairs L_sim runs."""


@dataclass(frozen=True, kw_only=True)
class Invariance:
    """Latent distances and the losses built on them.

    Attributes:
        moved: Distance of each object's latents to those of its redshifted copy, shape (n,).
        random: Distance of each object's latents to those of a random other, shape (n,).
        similarity: L_sim (Eq. 3), mean over batches of at most 512.
        consistency: L_c (Eq. 5).
    """

    moved: FloatArray
    random: FloatArray
    similarity: float
    consistency: float

    @property
    def ratio(self) -> float:
        """Mean distance to the copy over mean distance to a random other."""
        return float(self.moved.mean() / self.random.mean())


def redshifted(spectra: Spectra, z: FloatArray) -> Spectra:
    """Return the spectra as the survey would see them at other redshifts, noise and all.

    Args:
        spectra: As observed.
        z: New redshifts, shape (n_galaxy,).
    """
    shift = torch.tensor((1 + z) / (1 + spectra.z) - 1, dtype=torch.float64)
    flux, ivar = move(
        torch.tensor(spectra.flux, dtype=torch.float32),
        torch.tensor(spectra.ivar, dtype=torch.float32),
        shift,
        spectra.grid,
    )
    return Spectra(grid=spectra.grid, flux=flux.numpy(), ivar=ivar.numpy(), z=z)


def measure_invariance(
    model: SpectrumModel,
    source: SpectrumSource,
    rows: IntArray,
    *,
    z_max: float = Z_MAX,
    k0: float = CONTRAST,
    k1: float = SLOPE,
    weight: Tensor | None = None,
    scale_free: bool = False,
    sigma: float = TOLERANCE,
    seed: int = 0,
    progress: bool = False,
) -> Invariance:
    """Encode objects as observed and at random other redshifts.

    Args:
        model: The model.
        source: Where the spectra are.
        rows: Which objects; 2 at least.
        z_max: New redshifts are uniform in 0..z_max.
        k0: Contrast of L_sim; the paper's table has 2.5.
        k1: Slope of L_sim; the paper's table has 5.
        weight: w' of L_sim, shape (n_rest,); None = the Gaussian of `rest_weight`.
        scale_free: Divide the distances of L_sim by their scale.
        sigma: Tolerance sigma_s of L_c, in latents.
        seed: Of the redshifts and the random pairs.
        progress: Show a bar.

    Raises:
        ValueError: Fewer than two objects.
    """
    if len(rows) < 2:
        raise ValueError(f"invariance needs at least 2 objects, got {len(rows)}")
    if weight is None:
        weight = rest_weight(torch.tensor(model.wave_rest, dtype=torch.float32))
    rng = np.random.default_rng(seed)
    z_new = rng.uniform(0, z_max, len(rows))
    batches = [slice(start, start + BATCH) for start in range(0, len(rows), BATCH)]
    parts = [
        _encode_both(model, source, rows[part], z_new[part])
        for part in tqdm(batches, desc="redshift invariance", disable=not progress, unit="batch")
    ]
    latents, copied = (np.concatenate(column) for column in zip(*parts, strict=True))
    similarity, counts = [], []
    for part in batches:
        rest = torch.tensor(model.decode(latents[part]))
        loss = similarity_loss(torch.tensor(latents[part]), rest, weight, k0, k1, scale_free)
        similarity.append(float(loss))
        counts.append(len(rest))
    shift = rng.integers(1, len(rows), len(rows))
    others = latents[(np.arange(len(rows)) + shift) % len(rows)]
    return Invariance(
        moved=np.linalg.norm(copied - latents, axis=1),
        random=np.linalg.norm(others - latents, axis=1),
        similarity=float(np.average(similarity, weights=counts)),
        consistency=float(consistency_loss(torch.tensor(latents), torch.tensor(copied), sigma)),
    )


def _encode_both(
    model: SpectrumModel, source: SpectrumSource, rows: IntArray, z_new: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return latents of some objects as observed and at other redshifts."""
    latents = np.empty((len(rows), model.n_latent), np.float32)
    copied = np.empty_like(latents)
    for places, spectra in read_parts(source, rows):
        latents[places] = model.encode(spectra)
        copied[places] = model.encode(redshifted(spectra, z_new[places]))
    return latents, copied
