"""How high the panels of a spectrum are, so that they show what matters."""

from __future__ import annotations

import numpy as np

from data.arrays import FloatArray

RESIDUAL_LIMIT = 6.0
"""Residuals are drawn to at least this many sigma."""


def flux_limits(flux: FloatArray, model: FloatArray) -> tuple[float, float]:
    """Return limits that show the bulk of the data and all of the model."""
    finite = flux[np.isfinite(flux)]
    modelled = model[np.isfinite(model)]
    if finite.size == 0 and modelled.size == 0:
        return 0.0, 2.0
    low, high = np.inf, -np.inf
    if finite.size:
        low, high = (float(item) for item in np.percentile(finite, [0.5, 99.7]))
    if modelled.size:
        low, high = min(low, float(modelled.min())), max(high, float(modelled.max()))
    span = max(high - low, 1e-6)
    return low - 0.16 * span, high + 0.22 * span


def residual_limit(residual: FloatArray) -> float:
    """Return the half height of the residual panel, sigma."""
    finite = np.abs(residual[np.isfinite(residual)])
    top = float(np.percentile(finite, 99.5)) if finite.size else 0.0
    return float(min(max(RESIDUAL_LIMIT, 1.15 * top), 50.0))
