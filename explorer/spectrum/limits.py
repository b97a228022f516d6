"""How high the panels of a spectrum are, so that they show what matters."""

from __future__ import annotations

import numpy as np

from data.arrays import BoolArray, FloatArray
from data.constants import SPEED_OF_LIGHT
from data.lines.emission import LINES

RESIDUAL_LIMIT = 6.0
"""Residuals are drawn to at least this many sigma."""
LINE_REACH = 1500.0
"""Pixels within so many km/s of an emission line are no continuum."""


def weighted_percentile(
    values: FloatArray, weight: FloatArray, percentiles: list[float]
) -> FloatArray:
    """Return percentiles of values, each counting by its weight; NaN where none has any.

    Always one of the values: nothing lies between the last that counts and one that does not.
    """
    used = np.isfinite(values) & (weight > 0)
    if not used.any():
        return np.full(len(percentiles), np.nan)
    order = np.argsort(values[used])
    total = np.cumsum(weight[used][order].astype(float))
    at = np.searchsorted(total, np.asarray(percentiles) / 100 * total[-1])
    return values[used][order][np.minimum(at, len(total) - 1)]


def pixel_weight(noise: FloatArray) -> FloatArray:
    """Return how much each pixel counts for a range: 1 at the usual noise or below.

    Args:
        noise: One-sigma noise, NaN where masked, shape (n_pixel,).
    """
    known = np.isfinite(noise) & (noise > 0)
    if not known.any():
        return np.zeros(len(noise))
    usual = float(np.median(noise[known]))
    return np.where(known, np.minimum((usual / np.where(known, noise, np.inf)) ** 2, 1.0), 0.0)


def flux_limits(
    flux: FloatArray,
    noise: FloatArray,
    model: FloatArray,
    *,
    inside: BoolArray | None = None,
    percentiles: tuple[float, float] = (0.5, 99.7),
) -> tuple[float, float]:
    """Return limits that show the bulk of the data and all of the model, with some room.

    Args:
        flux: Data, NaN where masked, shape (n_pixel,).
        noise: Its one-sigma noise, same shape.
        model: Reconstruction, NaN where there is none, same shape.
        inside: Pixels to fit; None = all.
        percentiles: Of the data, weighted by inverse variance.
    """
    here = np.ones(len(flux), dtype=bool) if inside is None else inside
    modelled = model[here & np.isfinite(model)]
    ends = weighted_percentile(flux[here], pixel_weight(noise)[here], list(percentiles))
    ends = np.concatenate([ends[np.isfinite(ends)], modelled])
    if not len(ends):
        return (0.0, 2.0) if inside is None else flux_limits(flux, noise, model)
    low, high = float(ends.min()), float(ends.max())
    span = max(high - low, 1e-6)
    return low - 0.16 * span, high + 0.22 * span


def residual_limit(residual: FloatArray) -> float:
    """Return the half height of the residual panel, sigma."""
    finite = np.abs(residual[np.isfinite(residual)])
    top = float(np.percentile(finite, 99.5)) if finite.size else 0.0
    return float(min(max(RESIDUAL_LIMIT, 1.15 * top), 50.0))


def is_continuum(wave_rest: FloatArray) -> BoolArray:
    """Return which rest-frame wavelengths (Angstrom) are away from the major emission lines."""
    lines = [line.wave for line in LINES if line.major and line.kind == "emission"]
    distance = np.abs(wave_rest[:, None] / np.array(lines) - 1.0).min(axis=1)
    return distance * SPEED_OF_LIGHT > LINE_REACH
