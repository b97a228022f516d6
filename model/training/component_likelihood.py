"""How well spectra are reproduced, as a function of a few coefficients instead of 7000 pixels.

A rest-frame model that is a mean plus components, redshifted and resampled, is linear in its
coefficients c, so that the fidelity (Liang+2023, equation 1) of a spectrum is exactly a parabola:

    fidelity(c) = floor + [(c - best) . information (c - best) / 2 + slope . (c - best)] / M

With some 50 components a decoder can be fitted to the noisy spectra themselves, gaps and redshifts
included, thousands of times faster than pixel by pixel.
"""

from __future__ import annotations

from copy import copy

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from data.arrays import BoolArray, IntArray
from data.spectra import SpectrumSource
from model.linear.pca import PCA
from model.networks.redshift import redshift

ROWS = 64
"""Spectra worked on at a time."""


class ComponentLikelihood:
    """Fidelity of some spectra as a function of coefficients in units of their spread.

    Attributes:
        best: Most probable coefficients under the PCA's prior, shape (n_galaxy, n_component).
        information: Second derivatives of -log likelihood, (n_galaxy, n_component, n_component).
        slope: First derivatives of -log likelihood at `best`, shape of `best`.
        floor: Fidelity at `best`, shape (n_galaxy,).
        n_pixel: M of equation 1.
    """

    def __init__(
        self, pca: PCA, source: SpectrumSource, rows: IntArray, *, progress: bool = False
    ) -> None:
        """Read spectra and keep the coefficients of their parabolas.

        Args:
            pca: Mean, components and their spread; the numbers are kept on its device.
            source: Where the spectra are.
            rows: Which ones.
            progress: Show a bar.
        """
        n, k = len(rows), pca.n_latent
        self.best, self.slope = pca.mean.new_empty(n, k), pca.mean.new_empty(n, k)
        self.information, self.floor = pca.mean.new_empty(n, k, k), pca.mean.new_empty(n)
        self.n_pixel = source.grid.n_pixel
        basis = torch.cat([pca.mean[None], pca.components * pca.variance.sqrt()[:, None]])
        starts = range(0, n, ROWS)
        for start in tqdm(starts, desc="likelihoods", disable=not progress, unit="block"):
            part = slice(start, start + ROWS)
            self._read(part, basis.T.contiguous(), pca, source, rows[part])

    def _read(
        self, part: slice, basis: Tensor, pca: PCA, source: SpectrumSource, rows: IntArray
    ) -> None:
        spectra = source.read(rows.tolist())
        flux, ivar, z = pca.tensors(spectra)
        ramp = torch.arange(len(basis), dtype=z.dtype, device=z.device)
        # the ramp, resampled, tells where each pixel lies
        position, valid = redshift(
            ramp.expand(len(z), -1), z, source=pca.rest_grid, target=source.grid
        )
        index = position.long().clamp_max(len(basis) - 2)
        fraction = (position - index).to(basis.dtype)[..., None]
        seen = torch.lerp(basis[index], basis[index + 1], fraction)  # (galaxy, pixel, basis)
        weight = ivar * valid
        design = seen[:, :, 1:]  # (n_galaxy, n_pixel, n_component)
        weighted = (design * weight[:, :, None]).transpose(1, 2)
        above = flux - seen[:, :, 0]
        information = weighted @ design
        right = (weighted @ above[:, :, None]).double()
        exact = information.double()
        prior = torch.eye(exact.shape[1], dtype=exact.dtype, device=exact.device)
        best = torch.linalg.solve(exact + prior, right)
        residual = above - (design @ best.float())[:, :, 0]
        self.information[part], self.best[part] = information, best[:, :, 0].float()
        self.slope[part] = (exact @ best - right)[:, :, 0].float()
        self.floor[part] = 0.5 * (weight * residual.square()).sum(dim=1) / self.n_pixel

    def finite(self) -> BoolArray:
        """Return which spectra give finite numbers, shape (n_galaxy,)."""
        parts = (self.best, self.slope, self.information.flatten(1), self.floor[:, None])
        return torch.stack([part.isfinite().all(dim=1) for part in parts]).all(dim=0).cpu().numpy()

    def only(self, chosen: BoolArray) -> ComponentLikelihood:
        """Return the likelihood of some of the spectra."""
        part = copy(self)
        if not chosen.all():
            rows = torch.from_numpy(np.flatnonzero(chosen))
            for name in ("best", "slope", "information", "floor"):
                setattr(part, name, getattr(self, name)[rows])
        return part

    def __len__(self) -> int:
        """Return the number of spectra."""
        return len(self.floor)

    def fidelity(self, coefficients: Tensor, rows: Tensor) -> Tensor:
        """Return the fidelity of spectra, shape (n,).

        Args:
            coefficients: In units of their spread, shape (n, n_component).
            rows: Which of the spectra, shape (n,).
        """
        step = coefficients - self.best[rows]
        curved = (step[:, None] @ self.information[rows] @ step[:, :, None])[:, 0, 0]
        return self.floor[rows] + (0.5 * curved + (step * self.slope[rows]).sum(dim=1)) / (
            self.n_pixel
        )
