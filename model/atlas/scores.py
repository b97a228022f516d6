"""Outlier scores: one named column per object, each with its direction and one explanation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray, IntArray
from data.spectra import Spectra
from model.atlas.neighbours import Neighbours, find_neighbours
from model.misfit import misfit

LOF_NEIGHBOURS = 20
"""Neighbours of the local outlier factor: scikit-learn's default, as in Portillo+2020."""

WINDOW_PIXELS = 51
"""Pixels of the window of `chi2_worst`: about 60 Angstrom at 5000 Angstrom for SDSS."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a column of scores means.

    Attributes:
        column: Column of the catalogue.
        label: What the explorer calls it.
        explanation: One line for an astronomer.
        higher_is_stranger: Direction of the ranking.
    """

    column: str
    label: str
    explanation: str
    higher_is_stranger: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


SCORES: tuple[Score, ...] = (
    Score(
        column="neg_log_p",
        label="−log p (flow)",
        explanation="Negative log density of the latents under the normalising flow: high where "
        "few objects are (Liang+2023, 5.1). Noisy and heavily masked spectra also rank high.",
    ),
    Score(
        column="lof",
        label="local outlier factor",
        explanation=f"How much sparser the latent space is here than at the {LOF_NEIGHBOURS} "
        "nearest neighbours (Breunig+2000): 1 is normal, 2 is lonely among its own kind.",
    ),
    Score(
        column="chi2_red",
        label="reduced χ²",
        explanation="Mean squared residual of the reconstruction in sigma over unmasked pixels: "
        "1 is noise alone; grows with S/N where the model is not perfect.",
    ),
    Score(
        column="chi2_worst",
        label="worst-window χ²",
        explanation=f"The highest reduced χ² of any {WINDOW_PIXELS} pixels in a row (at least "
        "half of them unmasked): finds one wrong line in an otherwise good spectrum.",
    ),
    Score(
        column="peak_flux",
        label="peak flux",
        explanation="Highest unmasked flux over the continuum at 5300-5850 Angstrom; above 100 "
        "line emitters are often reconstructed badly (Liang+2023, 5.2).",
    ),
    Score(
        column="mask_fraction",
        label="masked fraction",
        explanation="Share of the pixels that the model could use but that are masked: high "
        "values make every other score less sure.",
    ),
)
"""All scores of an atlas, in the order shown."""


def spectrum_scores(
    spectra: Spectra, reconstruction: FloatArray, covered: BoolArray
) -> dict[str, FloatArray]:
    """Score spectra by their reconstruction.

    Args:
        spectra: Observed spectra.
        reconstruction: Model flux on the same grid, shape (n_galaxy, n_pixel).
        covered: True where the model reaches, shape (n_galaxy, n_pixel).

    Returns:
        Columns `chi2_red`, `chi2_worst`, `chi2_worst_wave` (observed Angstrom), `peak_flux`,
        `mask_fraction`, `snr` (median of flux over noise), float32, NaN where nothing can be
        measured, each of shape (n_galaxy,).
    """
    fit = misfit(spectra, reconstruction, covered)
    good, n_covered = fit.used, covered.sum(axis=1)
    worst, where = _worst_window(fit.pixel_chi2, good)
    peak = np.where(good, spectra.flux, -np.inf).max(axis=1)
    columns = {
        "chi2_red": fit.reduced,
        "chi2_worst": worst,
        "chi2_worst_wave": np.where(np.isfinite(worst), spectra.wave[where], np.nan),
        "peak_flux": np.where(good.any(axis=1), peak, np.nan),
        "mask_fraction": _ratio(n_covered - good.sum(axis=1), n_covered),
        "snr": unmasked_median(spectra.flux * np.sqrt(spectra.ivar), good),
    }
    return {name: values.astype(np.float32) for name, values in columns.items()}


def local_outlier_factor(latents: FloatArray, neighbours: Neighbours) -> FloatArray:
    """Return the local outlier factor of Breunig+2000, from a graph already at hand.

    Exact copies of a spectrum count as one object (the paper's k-distinct-distance), since
    more than k copies would otherwise have infinite density.

    Args:
        latents: Shape (n_galaxy, n_latent).
        neighbours: Their graph; its `k` is the factor's.

    Returns:
        float32, shape (n_galaxy,).
    """
    if neighbours.distances.min() > 0:
        return _factor(neighbours)
    distinct, copy_of = np.unique(latents, axis=0, return_inverse=True)
    if len(distinct) < 3:
        return np.ones(len(latents), dtype=np.float32)
    graph = find_neighbours(distinct, k=min(neighbours.k, len(distinct) - 1))
    return _factor(graph)[copy_of.ravel()]


def _factor(neighbours: Neighbours) -> FloatArray:
    distances = neighbours.distances.astype(np.float64)
    reach = np.maximum(distances[neighbours.indices, -1], distances)
    density = 1.0 / np.maximum(reach.mean(axis=1), np.finfo(np.float64).tiny)
    return (density[neighbours.indices].mean(axis=1) / density).astype(np.float32)


def _worst_window(chi2: FloatArray, good: BoolArray) -> tuple[FloatArray, IntArray]:
    """Return the highest mean chi2 of any window, and its middle pixel."""
    width = min(WINDOW_PIXELS, chi2.shape[1])
    total, count = _running_sum(chi2, width), _running_sum(good, width)
    mean = np.where(count >= width / 2, total / np.maximum(count, 1), -np.inf)
    at = mean.argmax(axis=1)
    worst = np.take_along_axis(mean, at[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(worst), worst, np.nan), at + width // 2


def _running_sum(values: NDArray[Any], width: int) -> FloatArray:
    total = np.cumsum(values, axis=1, dtype=np.float64)
    total = np.pad(total, ((0, 0), (1, 0)))
    return total[:, width:] - total[:, :-width]


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> FloatArray:
    return np.where(denominator > 0, numerator / np.maximum(denominator, 1), np.nan)


def unmasked_median(values: FloatArray, good: BoolArray) -> FloatArray:
    """Return the median over the good pixels of each row, NaN where there are none."""
    rows = zip(values, good, strict=True)
    return np.array([np.median(row[use]) if use.any() else np.nan for row, use in rows])
