"""Outlier scores: one named column per object, each with its direction and one explanation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray, IntArray
from data.spectra import Spectra
from model.atlas.latent_scores import LOF_NEIGHBOURS
from model.isolation import N_TREE
from model.misfit import misfit
from model.residuals.double_peaks import find_double_peaks

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
        column="strangeness",
        label="strangeness",
        explanation="Sum in quadrature of how unusual, for its S/N, an object is in residual, in "
        "residual without common patterns, in isolation in latent space, and by double peaks: 1 "
        "is usual scatter, 5 is rare. Learnt from the survey without labels.",
    ),
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
        column="neg_log_p_rank",
        label="−log p of ranks (flow)",
        explanation="The same with each latent replaced by its rank (as a normal score): high for "
        "unusual combinations, where -log p is also high for extreme values of one latent alone.",
    ),
    Score(
        column="neg_log_p_conditional",
        label="−log p at its z and S/N",
        explanation="−log p among objects of the same redshift and S/N: high for what is rare for "
        "its redshift and noise (`--flow-conditional`).",
    ),
    Score(
        column="knn_distance",
        label="neighbour distance",
        explanation=f"Distance in latent space to the {LOF_NEIGHBOURS}th nearest object: high "
        "where few objects are, without regard to how dense it is near by.",
    ),
    Score(
        column="isolation",
        label="isolation forest",
        explanation=f"How few random cuts of latent space separate an object from the others "
        f"(Liu+2008; {N_TREE} trees): 0.5 is normal, above 0.6 isolated.",
    ),
    Score(
        column="chi2_red",
        label="reduced χ²",
        explanation="Mean squared residual of the reconstruction in sigma over unmasked pixels: "
        "1 is noise alone; grows with S/N where the model is not perfect.",
    ),
    Score(
        column="weighted_mse",
        label="weighted MSE",
        explanation="Squared residual over the variance, summed over unmasked pixels and divided "
        "by the number of all pixels (Nicolaou+2025, equation 6): as reduced χ², but masks lower "
        "it.",
    ),
    Score(
        column="chi2_worst",
        label="worst-window χ²",
        explanation=f"The highest reduced χ² of any {WINDOW_PIXELS} pixels in a row (at least "
        "half of them unmasked): finds one wrong line in an otherwise good spectrum.",
    ),
    Score(
        column="double_peaks",
        label="double peaks",
        explanation="How much better two components fit the emission lines than one, with or "
        "without a wing, in sigma, in Hβ, [O III], Hα and [N II] together: 0 is one component, "
        "above 4 is rarely chance.",
    ),
    Score(
        column="line_peak",
        label="line peak",
        explanation="Highest flux, over the continuum at 5300-5850 Angstrom, that three "
        "neighbouring pixels all reach: strong line emitters, above 100 often reconstructed badly "
        "(Liang+2023, 5.2). A cosmic ray of one or two pixels does not count.",
    ),
    Score(
        column="mask_fraction",
        label="masked fraction",
        explanation="Share of the pixels that the model could use but that are masked: high "
        "values make every other score less sure.",
    ),
)
"""All scores that an atlas may have, in the order shown."""


def share_above(values: FloatArray, value: float) -> float:
    """Return the share of objects that have at least a value, compared in their precision."""
    return float(np.mean(values >= values.dtype.type(value)))


def spectrum_scores(
    spectra: Spectra, reconstruction: FloatArray, covered: BoolArray
) -> dict[str, FloatArray]:
    """Score spectra by their reconstruction.

    Args:
        spectra: Observed spectra.
        reconstruction: Model flux on the same grid, shape (n_galaxy, n_pixel).
        covered: True where the model reaches, shape (n_galaxy, n_pixel).

    Returns:
        Columns `chi2_red`, `weighted_mse`, `chi2_worst`, `chi2_worst_wave` (observed Angstrom),
        `double_peaks`, `peak_separation` (km/s), `peak_flux`, `line_peak`, `mask_fraction`, `snr`
        (median of flux over noise), float32, NaN where nothing can be measured, each of shape
        (n_galaxy,).
    """
    fit = misfit(spectra, reconstruction, covered)
    good, n_covered = fit.used, covered.sum(axis=1)
    worst, where = _worst_window(fit.pixel_chi2, good)
    flux = np.where(good, spectra.flux, -np.inf)
    double = find_double_peaks(spectra)
    columns = {
        "chi2_red": fit.reduced,
        "chi2_worst": worst,
        "chi2_worst_wave": np.where(np.isfinite(worst), spectra.wave[where], np.nan),
        "weighted_mse": np.where(good.any(axis=1), 2 * fit.fidelity, np.nan),
        "double_peaks": double.significance,
        "peak_separation": double.separation,
        "peak_flux": _finite(flux.max(axis=1)),
        "line_peak": _finite(
            np.minimum(np.minimum(flux[:, :-2], flux[:, 1:-1]), flux[:, 2:]).max(axis=1)
        ),
        "mask_fraction": _ratio(n_covered - good.sum(axis=1), n_covered),
        "snr": unmasked_median(spectra.flux * np.sqrt(spectra.ivar), good),
    }
    return {name: values.astype(np.float32) for name, values in columns.items()}


def _worst_window(chi2: FloatArray, good: BoolArray) -> tuple[FloatArray, IntArray]:
    """Return the highest mean chi2 of any window, and its middle pixel."""
    width = min(WINDOW_PIXELS, chi2.shape[1])
    total, count = _running_sum(chi2, width), _running_sum(good, width)
    mean = np.where(count >= width / 2, total / np.maximum(count, 1), -np.inf)
    at = mean.argmax(axis=1)
    worst = np.take_along_axis(mean, at[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(worst), worst, np.nan), at + width // 2


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)


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
