"""Latents improved on an encoder's answer: a few damped least-squares steps for each spectrum.

An encoder answers at once, and on spectra unlike those it learnt from not exactly. From its answer
Levenberg-Marquardt steps lower chi2 over the latents, and so tell its part of a misfit from the
decoder's. Latents are measured in units of the spread of the survey's along its principal axes
(`Support`). With a prior, a step of one spread costs 1 in chi2 and none leaves the range of the
survey's latents: directions that a spectrum says nothing about stay where the encoder put them.

    support = Support.of(latents)                     or latent_support(model, source)
    refined = refine(model, spectra, model.encode(spectra), support)
    refined.latents, refined.chi2, refined.shift
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import jvp, vmap

from data.arrays import FloatArray
from data.grid import WaveGrid
from data.spectra import Spectra
from model.interface import DifferentiableModel, SpectrumModel
from model.refinement.support import Support

N_STEP = 8
"""Steps tried at most; a spectrum whose chi2 falls by less than `ENOUGH` is done before."""
ENOUGH = 0.1
ROWS = 64
"""Spectra worked on at once: the derivatives of six latents take 17 MB."""
DAMPING, LESS, MORE, MOST_DAMPING = 1e-2, 0.2, 8.0, 1e6


class Refined(NamedTuple):
    """Improved latents.

    Attributes:
        latents: float32, shape (n_galaxy, n_latent).
        chi2: Of the spectra, given these, shape (n_galaxy,).
        shift: How far they lie from the start, in spreads of the survey, shape (n_galaxy,).
    """

    latents: FloatArray
    chi2: NDArray[np.float64]
    shift: FloatArray


def refine(
    model: SpectrumModel,
    spectra: Spectra,
    start: FloatArray,
    support: Support,
    *,
    n_step: int = N_STEP,
    prior: bool = True,
) -> Refined:
    """Improve latents by Levenberg-Marquardt steps on chi2.

    Args:
        model: What decodes them.
        spectra: On a grid that the model reproduces.
        start: Latents to start from, shape (n_galaxy, n_latent).
        support: Of the survey's latents.
        n_step: Steps tried; one that does not lower chi2 is not taken.
        prior: Weigh the data against the start, and stay inside the support. Without, the latents
            are those that fit best, wherever they lie.

    Raises:
        ValueError: The model's decoder has no derivatives.
    """
    if not isinstance(model, DifferentiableModel):
        raise ValueError(f"latents of a model of kind {model.kind} can not be refined")
    parts = [
        _refine_some(model, spectra.take(slice(first, first + ROWS)), start[first : first + ROWS],
                     support, n_step, prior)
        for first in range(0, len(start), ROWS)
    ]  # fmt: skip
    if not parts:
        return Refined(start.astype(np.float32), np.empty(0), np.empty(0, np.float32))
    return Refined(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@torch.no_grad()
def _refine_some(
    model: DifferentiableModel,
    spectra: Spectra,
    start: FloatArray,
    support: Support,
    n_step: int,
    prior: bool,
) -> Refined:
    """Refine a few spectra, held on the model's device."""
    problem = _Problem.of(model, spectra, start, support, prior=prior)
    moved = torch.zeros_like(problem.lowest)
    cost, damping = problem.cost(moved), torch.full_like(moved[:, 0], DAMPING)
    active = torch.arange(len(moved), device=moved.device)
    for _ in range(n_step):
        here, part = moved[active], problem.take(active)
        tried = part.bounded(here + part.step(here, damping[active]))
        tried_cost = part.cost(tried)
        gain = cost[active] - tried_cost
        better = gain > 0
        moved[active[better]], cost[active[better]] = tried[better], tried_cost[better]
        damping[active] *= torch.where(better, LESS, MORE)
        going = torch.where(better, gain > ENOUGH, damping[active] < MOST_DAMPING)
        active = active[going]
        if not len(active):
            break
    return Refined(
        latents=problem.latents(moved).cpu().numpy(),
        chi2=problem.chi2(moved).cpu().numpy(),
        shift=moved.norm(dim=1).float().cpu().numpy(),
    )


@dataclass(frozen=True)
class _Problem:
    """Least squares over how far latents move along the support's axes, one spectrum a row.

    `moved` below is that, in spreads, float64, shape (n_galaxy, n_latent).
    """

    model: DifferentiableModel
    grid: WaveGrid
    flux: Tensor
    ivar: Tensor
    z: Tensor
    start: Tensor
    axes: Tensor
    lowest: Tensor
    highest: Tensor
    prior: bool

    @classmethod
    def of(
        cls, model: DifferentiableModel, spectra: Spectra, start: FloatArray, support: Support,
        *, prior: bool,
    ) -> _Problem:  # fmt: skip
        """Put everything on the model's device."""

        def tensor(values: FloatArray, dtype: torch.dtype) -> Tensor:
            return torch.as_tensor(np.array(values), dtype=dtype, device=model.device)

        along = support.coordinates(start)
        return cls(
            model=model,
            grid=spectra.grid,
            flux=tensor(spectra.flux, torch.float32),
            ivar=tensor(spectra.ivar, torch.float32),
            z=tensor(spectra.z, torch.float64),
            start=tensor(start, torch.float64),
            axes=tensor(support.axes, torch.float64),
            lowest=tensor(np.minimum(support.lowest - along, 0), torch.float64),
            highest=tensor(np.maximum(support.highest - along, 0), torch.float64),
            prior=prior,
        )

    def take(self, rows: Tensor) -> _Problem:
        """Return the problem of some spectra."""
        names = ("flux", "ivar", "z", "start", "lowest", "highest")
        if len(rows) == len(self.z):
            return self
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def latents(self, moved: Tensor) -> Tensor:
        """Return the latents, float32."""
        return (self.start + moved @ self.axes).float()

    def bounded(self, moved: Tensor) -> Tensor:
        """Return what is nearest inside the support; who started outside may stay there."""
        return moved.clamp(self.lowest, self.highest) if self.prior else moved

    def cost(self, moved: Tensor) -> Tensor:
        """Return chi2, and what the prior adds, shape (n_galaxy,)."""
        return self.chi2(moved) + self.prior * moved.square().sum(dim=1)

    def chi2(self, moved: Tensor) -> Tensor:
        """Return chi2 of each spectrum, float64."""
        rest = self.model.decode_tensor(self.latents(moved))
        flux, reached = self.model.observe_tensor(rest, self.z, self.grid)
        residual = torch.where(reached & (self.ivar > 0), self.flux - flux, 0).double()
        return (residual.square() * self.ivar).sum(dim=1)

    def step(self, moved: Tensor, damping: Tensor) -> Tensor:
        """Return the step of Levenberg and Marquardt, shape (n_galaxy, n_latent)."""
        flux, slopes, reached = self._linearised(moved)
        weight = self.ivar * reached
        residual = torch.where(weight > 0, self.flux - flux, 0)
        weighted = slopes * weight[:, None]
        curvature = (weighted @ slopes.transpose(1, 2)).double()
        gradient = (weighted @ residual[:, :, None]).double()[:, :, 0]
        diagonal = curvature.diagonal(dim1=1, dim2=2)
        if self.prior:
            gradient, added = gradient - moved, torch.ones_like(diagonal)
        else:  # enough for latents that change nothing
            added = 1e-6 * diagonal.amax(dim=1, keepdim=True) + 1e-12
        damped = curvature + torch.diag_embed(damping[:, None] * diagonal + added)
        return torch.linalg.solve(damped, gradient)

    def _linearised(self, moved: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return flux, its slopes along the axes, and which pixels the model reaches.

        The slopes have shape (n_galaxy, n_latent, n_pixel): forward-mode derivatives of the
        decoder, redshifted as spectra are, since that is linear.
        """
        latents, axes = self.latents(moved), self.axes.float()

        def along(axis: Tensor) -> tuple[Any, ...]:
            return jvp(self.model.decode_tensor, (latents,), (axis.expand_as(latents),))

        rest, slopes = vmap(along, out_dims=(0, 1))(axes)
        flux, reached = self.model.observe_tensor(rest[0], self.z, self.grid)
        n_latent = len(axes)
        slopes, _ = self.model.observe_tensor(
            slopes.flatten(0, 1), self.z.repeat_interleave(n_latent), self.grid
        )
        return flux, slopes.unflatten(0, (-1, n_latent)), reached
