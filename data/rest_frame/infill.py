"""Fill missing pixels of rest-frame spectra by iterative principal components.

Yip+2004 (AJ 128, 585, section 3.1) and AstroML's `iterative_pca`, as Portillo+2020 (section 3) and
Nicolaou+2025 (section 4) use it: missing pixels start at the mean, the components of the filled
spectra are found, the missing pixels are replaced by what the components say, and so on. Here each
coefficient is the most probable one of probabilistic PCA (Tipping & Bishop 1999, equation 6.5), so
that a wide gap is not filled with amplified noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.arrays import BoolArray, FloatArray

N_COMPONENT = 10
N_ITERATION = 20
CONVERGED = 1e-3
"""Root mean square change of the filled pixels, over that of the spectra, that ends the fit."""


@dataclass(frozen=True)
class Infill:
    """Vectors that missing pixels are filled with.

    Attributes:
        mean: Mean spectrum, float32, shape (n_rest,).
        components: Orthonormal vectors, float32, shape (n_component, n_rest).
        ridge: Variance of a pixel that the components leave, over that of each coefficient,
            shape (n_component,).
        changes: Root mean square change of the filled pixels in each iteration of the fit, over
            that of the spectra: whether it converged.
    """

    mean: FloatArray
    components: FloatArray
    ridge: FloatArray
    changes: tuple[float, ...] = ()

    def fill(self, flux: FloatArray, observed: BoolArray) -> FloatArray:
        """Return spectra with the missing pixels that the components predict from the others.

        That is where the iteration ends for a spectrum when the components stay as they are. Each
        is scaled to the mean first: its filling depends neither on its scale nor on what stands
        beside it.

        Args:
            flux: Shape (n_galaxy, n_rest).
            observed: Which pixels are known, same shape.
        """
        filled = np.where(observed, flux, 0).astype(np.float32)
        for row in np.flatnonzero(~observed.all(axis=1)):
            known = observed[row]
            mean, vectors = self.mean[known].astype(float), self.components[:, known].astype(float)
            values = flux[row, known].astype(float)
            size, usual = (float((item**2).sum()) ** 0.5 for item in (values, mean))
            scale = size / usual if size > 0 and usual > 0 else 1.0
            normal = vectors @ vectors.T + np.diag(self.ridge)
            coefficients = np.linalg.solve(normal, vectors @ (values / scale - mean))
            predicted = self.mean[~known] + coefficients @ self.components[:, ~known]
            filled[row, ~known] = scale * predicted
        return filled


def fit_infill(
    flux: FloatArray,
    observed: BoolArray,
    *,
    n_component: int = N_COMPONENT,
    n_iteration: int = N_ITERATION,
) -> Infill:
    """Fit the vectors to spectra with missing pixels.

    Args:
        flux: Spectra of comparable scale, shape (n_galaxy, n_rest); more than `n_component`.
        observed: Which pixels are known, same shape.
        n_component: Components beside the mean.
        n_iteration: Rounds at most; see `CONVERGED`.

    Raises:
        ValueError: There are too few spectra, or a pixel that none of them shows.
    """
    if len(flux) <= n_component:
        raise ValueError(
            f"filling gaps with {n_component} components needs more spectra than that, got "
            f"{len(flux)}"
        )
    count = observed.sum(axis=0)
    if not count.all():
        raise ValueError(
            f"{int((count == 0).sum())} pixels of the rest frame are observed in no spectrum; "
            "choose a narrower rest-frame range or other redshifts"
        )
    mean = np.where(observed, flux, 0).sum(axis=0) / count
    filled = np.where(observed, flux, mean)
    scale = float(np.sqrt((filled**2).mean()))
    changes: list[float] = []
    infill = _components(filled, n_component)
    for _ in range(n_iteration):
        last, filled = filled, infill.fill(flux, observed)
        changed = (filled - last)[~observed]
        changes.append(float(np.sqrt((changed**2).mean())) / scale if changed.size else 0.0)
        infill = _components(filled, n_component)
        if changes[-1] < CONVERGED:
            break
    return replace(infill, changes=tuple(changes))


def _components(filled: FloatArray, n_component: int) -> Infill:
    """Return the principal components of complete spectra, and how sure their coefficients are."""
    values, axes = np.linalg.eigh(np.cov(filled.astype(float), rowvar=False, bias=True))
    left = float(values[:-n_component].mean())
    signal = (values[::-1][:n_component] - left).clip(min=1e-12 * values[-1])
    return Infill(
        mean=filled.mean(axis=0).astype(np.float32),
        components=axes.T[::-1][:n_component].astype(np.float32),
        ridge=(left / signal).clip(1e-9, 1e9).astype(np.float32),
    )
