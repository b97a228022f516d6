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
_FREE = 1e-9
"""`ridge` of a coefficient that may have any value."""
_ROWS = 512


@dataclass(frozen=True)
class Infill:
    """Vectors that missing pixels are filled with.

    Attributes:
        mean: Mean spectrum, float32, shape (n_rest,).
        components: The mean, then principal components, each of norm 1, float32, shape
            (n_component, n_rest).
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
        products = _products(self.components)
        for row in np.flatnonzero(~observed.all(axis=1)):
            one = slice(row, row + 1)
            filled[one] = self._filled(flux[one], observed[one], products)
        return filled

    def fill_together(self, flux: FloatArray, observed: BoolArray) -> FloatArray:
        """Return what `fill` does but for rounding, which what stands beside a spectrum moves."""
        filled = np.where(observed, flux, 0).astype(np.float32)
        products = _products(self.components)
        gaps = np.flatnonzero(~observed.all(axis=1))
        for start in range(0, len(gaps), _ROWS):
            some = gaps[start : start + _ROWS]
            filled[some] = self._filled(flux[some], observed[some], products)
        return filled

    def _filled(self, flux: FloatArray, observed: BoolArray, products: FloatArray) -> FloatArray:
        """Return filled spectra, float64; `products` are those of the components."""
        known = observed.astype(float)
        values, mean = np.where(observed, flux, 0).astype(float), self.mean.astype(float)
        scale, n = _scales(flux, observed, mean), len(self.components)
        normal = (known @ products).reshape(-1, n, n) + np.diag(self.ridge)
        right = (values / scale - known * mean) @ self.components.T.astype(float)
        coefficients = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
        predicted = scale * (mean + coefficients @ self.components.astype(float))
        return np.where(observed, flux, predicted)


def _scales(flux: FloatArray, observed: BoolArray, mean: FloatArray) -> FloatArray:
    """Return the size of the known pixels over that of the mean's, shape (n_galaxy, 1)."""
    size = np.sqrt((np.where(observed, flux, 0).astype(float) ** 2).sum(axis=1))
    usual = np.sqrt(observed.astype(float) @ mean.astype(float) ** 2)
    both = (size > 0) & (usual > 0)
    return (np.where(both, size, 1.0) / np.where(both, usual, 1.0))[:, None]


def _products(components: FloatArray) -> FloatArray:
    """Return products of each pair of components in each pixel, shape (n_rest, n * n)."""
    vectors = components.astype(float)
    return (vectors[:, None] * vectors).reshape(-1, vectors.shape[1]).T


def fit_infill(
    flux: FloatArray,
    observed: BoolArray,
    *,
    n_component: int = N_COMPONENT,
    n_iteration: int = N_ITERATION,
) -> Infill:
    """Fit the vectors to spectra with missing pixels.

    Args:
        flux: Spectra of comparable scale, shape (n_galaxy, n_rest); more than `n_component`. Each
            is scaled to the mean.
        observed: Which pixels are known, same shape.
        n_component: Components, the mean counted among them (Yip+2004); 2 at least.
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
    filled = np.where(observed, flux, _scales(flux, observed, mean) * mean)
    size = float(np.sqrt((filled**2).mean()))
    changes: list[float] = []
    infill = _components(filled, mean, n_component)
    for _ in range(n_iteration):
        last, filled = filled, infill.fill_together(flux, observed)
        changed = (filled - last)[~observed]
        changes.append(float(np.sqrt((changed**2).mean())) / size if changed.size else 0.0)
        infill = _components(filled, infill.mean, n_component)
        if changes[-1] < CONVERGED:
            break
    return replace(infill, changes=tuple(changes))


def _components(filled: FloatArray, mean: FloatArray, n_component: int) -> Infill:
    """Return the mean and the principal components of complete spectra scaled to a mean.

    What is observed of a spectrum scales it imperfectly: the mean itself, of any coefficient, comes
    before the components.
    """
    n_other = n_component - 1
    scaled = filled / _scales(filled, np.ones(filled.shape, bool), mean)
    values, axes = np.linalg.eigh(np.cov(scaled.astype(float), rowvar=False, bias=True))
    left = float(values[:-n_other].mean())
    signal = (values[::-1][:n_other] - left).clip(min=1e-12 * values[-1])
    mean = scaled.mean(axis=0)
    return Infill(
        mean=mean.astype(np.float32),
        components=np.vstack([mean / np.linalg.norm(mean), axes.T[::-1][:n_other]]).astype(
            np.float32
        ),
        ridge=np.append(_FREE, (left / signal).clip(_FREE, 1e9)).astype(np.float32),
    )
