"""Strangeness: one score of where an object lies and of what its reconstruction leaves.

    strangeness = sqrt(sum_k max(t_k, 0)^2),   t_k = (s_k - median) / (q84 - median)

over four statistics s_k, each compared with objects of the same S/N (median and 84th percentile at
that S/N), so that 1 is usual scatter whatever the noise:

- misfit: mean log(1 + z^2) over windows of the residual, z in units of noise and of the tolerance
  that all objects of the survey need there (`model.residuals.patterns`);
- unusual misfit: the same after the common patterns of residuals are taken out;
- isolation: log of the local outlier factor of the latents;
- double peaks: 1.5 log(1 + d^2), d the significance of two components in the emission lines; as it
  is: four in five objects have 0.

It is learnt from the survey alone, without labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from data.arrays import FloatArray
from model.residuals.patterns import ResidualPatterns, fit_patterns
from model.residuals.windows import Windows

PARTS = ("misfit", "unusual_misfit", "isolation")
"""Statistics that are compared at the same S/N."""
DOUBLE_PEAKS_WEIGHT = 1.5
"""Weight of double peaks: from 4 sigma on they are strange, whatever else an object is."""
OBJECTS_OF_A_BIN = 400
"""Objects that tell what is usual at one S/N."""


@dataclass(frozen=True, kw_only=True)
class UsualRange:
    """Median and 84th percentile of a statistic as functions of log S/N.

    Attributes:
        log_snr: Median log10 S/N of each bin, increasing, shape (n_bin,).
        middle: Median there, shape (n_bin,).
        spread: 84th percentile less the median, positive, shape (n_bin,).
    """

    log_snr: FloatArray
    middle: FloatArray
    spread: FloatArray

    def excess(self, values: FloatArray, snr: FloatArray) -> FloatArray:
        """Return how far values lie above the median at their S/N, in units of the spread."""
        at = _log(snr)
        middle = np.interp(at, self.log_snr, self.middle)
        return (values - middle) / np.interp(at, self.log_snr, self.spread)


def fit_usual_range(values: FloatArray, snr: FloatArray) -> UsualRange:
    """Learn what is usual at each S/N, from bins of equal number.

    Args:
        values: Shape (n_galaxy,); NaN is left out.
        snr: Signal to noise per pixel, same shape.
    """
    known = np.isfinite(values) & np.isfinite(snr)
    order = np.flatnonzero(known)[np.argsort(snr[known], kind="stable")]
    if len(order) == 0:
        return UsualRange(log_snr=np.zeros(1), middle=np.zeros(1), spread=np.ones(1))
    bins = np.array_split(order, max(1, len(order) // OBJECTS_OF_A_BIN))
    middle = np.array([np.median(values[rows]) for rows in bins])
    high = np.array([np.quantile(values[rows], 0.84) for rows in bins])
    return UsualRange(
        log_snr=np.array([np.median(_log(snr[rows])) for rows in bins]),
        middle=middle, spread=np.maximum(high - middle, 1e-6),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Strangeness:
    """What is usual in a survey, and how strange an object is beside it.

    Attributes:
        patterns: Of the residuals.
        usual: Range of each of `PARTS`.
        rest_range: First and last rest wavelength of the windows, Angstrom.
    """

    patterns: ResidualPatterns
    usual: dict[str, UsualRange]
    rest_range: tuple[float, float]

    def parts(
        self, windows: Windows, *, lof: FloatArray, double_peaks: FloatArray, snr: FloatArray
    ) -> dict[str, FloatArray]:
        """Return the terms t_k of the score.

        Args:
            windows: Residuals, from `model.residuals.windows.measure_windows`.
            lof: Local outlier factor of the latents, shape (n_galaxy,).
            double_peaks: Significance of two components in the lines, same shape.
            snr: Median signal to noise of the used pixels, same shape.

        Returns:
            `PARTS` and `double_peaks`, each of shape (n_galaxy,).
        """
        values = self.patterns.misfits(windows) | {"isolation": _log(lof)}
        terms = {name: self.usual[name].excess(values[name], snr) for name in PARTS}
        return terms | {"double_peaks": DOUBLE_PEAKS_WEIGHT * np.log1p(double_peaks**2)}

    def score(
        self, windows: Windows, *, lof: FloatArray, double_peaks: FloatArray, snr: FloatArray
    ) -> FloatArray:
        """Return strangeness, float32, shape (n_galaxy,); NaN for an object without data."""
        terms = self.parts(windows, lof=lof, double_peaks=double_peaks, snr=snr)
        square = sum(np.maximum(term, 0) ** 2 for term in terms.values())
        return np.sqrt(square).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write a `.safetensors` file."""
        arrays = dict(self.patterns.arrays())
        for name, usual in self.usual.items():
            arrays |= {f"{name}.{key}": value for key, value in vars(usual).items()}
        arrays = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
        path.write_bytes(save(arrays | {"rest_range": np.array(self.rest_range)}))

    @classmethod
    def load(cls, path: Path) -> Strangeness:
        """Read what `save` wrote.

        Raises:
            ValueError: The file is missing, or not of this kind.
        """
        try:
            arrays = load_file(path)
            usual = {
                name: UsualRange(
                    **{key: arrays.pop(f"{name}.{key}") for key in ("log_snr", "middle", "spread")}
                )
                for name in PARTS
            }
            first, last = arrays.pop("rest_range")
            patterns = ResidualPatterns(**arrays)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a readable strangeness: {error}") from error
        return cls(patterns=patterns, usual=usual, rest_range=(float(first), float(last)))


def fit_strangeness(
    windows: Windows, *, lof: FloatArray, snr: FloatArray, rest_range: tuple[float, float]
) -> Strangeness:
    """Learn what is usual in a survey.

    Args:
        windows: Residuals of its objects.
        lof: Their local outlier factors, shape (n_galaxy,).
        snr: Their signal to noise, same shape.
        rest_range: Of the windows, Angstrom.
    """
    patterns = fit_patterns(windows)
    values = patterns.misfits(windows) | {"isolation": _log(lof)}
    usual = {name: fit_usual_range(values[name], snr) for name in PARTS}
    return Strangeness(patterns=patterns, usual=usual, rest_range=rest_range)


def _log(values: FloatArray) -> FloatArray:
    return np.log10(np.maximum(np.asarray(values, dtype=float), 1e-9))
