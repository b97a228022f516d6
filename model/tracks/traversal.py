"""What each latent does: decoded spectra along it, and the measured change of each feature.

The figure is Nicolaou+2025's Fig. 20, the middle spectrum common to all, with all other latents at
their medians: the latents of a SPENDER have long tails, and no galaxy is like their mean. The
table is their Table 1, measured instead of judged by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import FloatArray
from data.grid import NORM_RANGE
from model.interface import SpectrumModel
from model.latent_axes import middle, principal_axes
from model.tracks.trends import measured_trends

FEATURES: dict[str, str] = {
    "blue": "blue continuum",
    "red": "red continuum",
    "d4000": "D4000",
    "ew_halpha": "Hα",
    "ew_nii": "[N II]",
    "ew_hbeta": "Hβ",
    "ew_oiii": "[O III]",
    "ew_oii": "[O II]",
    "fwhm_halpha": "width of Hα",
}
"""What is measured, as in Nicolaou+2025's Table 1: column and label."""
BLUE, RED = (3650.0, 4150.0), (6900.0, 7400.0)
"""Continuum bands, Angstrom; blue and red are compared with the middle."""
PERCENTILES = (10, 30, 70, 90)
"""Where each axis is decoded, two at either side of the middle: farther out, where the others would
not be at their medians, the decoder extrapolates."""
THRESHOLD = 0.1
"""A change smaller than this share of the sample's own spread counts as none."""
SAMPLE = 1000


@dataclass(frozen=True, kw_only=True)
class Traversal:
    """Decoded spectra along every latent.

    Attributes:
        wave: Rest-frame wavelengths, Angstrom, shape (n_rest,).
        steps: Offsets from the middle along each axis, shape (n_latent, 5).
        spectra: Shape (n_latent, 5, n_rest).
        table: One row per latent; for each feature its change from the first to the last step
            (`*_change`: Angstrom, km/s, or flux ratio), that change over the spread (16 to 84 %)
            of the feature among the sample's own decoded spectra (`*_relative`), and a sign
            `↑`, `↓` or `–` under the feature's own name.
    """

    wave: FloatArray
    steps: FloatArray
    spectra: FloatArray
    table: pd.DataFrame


def traverse(
    model: SpectrumModel,
    latents: FloatArray,
    *,
    start: FloatArray | None = None,
    rotated: bool = False,
) -> Traversal:
    """Vary each latent in turn through `PERCENTILES` of the sample.

    Args:
        model: Decodes.
        latents: Of the sample, shape (n_galaxy, n_latent).
        start: Latents held while one varies, the middle; by default the sample's medians.
        rotated: Vary along the sample's principal axes instead of the latents.
    """
    n_latent = latents.shape[1]
    held = middle(latents) if start is None else np.asarray(start, dtype=float)
    axes = principal_axes(latents) if rotated else np.eye(n_latent)
    ends = np.percentile((latents - held) @ axes.T, PERCENTILES, axis=0)
    # The start may lie outside: what is below it does not rise above it, and the other way round.
    steps = np.stack([*ends[:2].clip(max=0), np.zeros(n_latent), *ends[2:].clip(min=0)], axis=1)
    knots = held + steps[:, :, None] * axes[:, None, :]
    spectra = model.decode(knots.reshape(-1, n_latent).astype(np.float32))
    return Traversal(
        wave=model.wave_rest,
        steps=steps,
        spectra=spectra.reshape(n_latent, steps.shape[1], -1),
        table=_changes(model, latents, knots),
    )


def _changes(model: SpectrumModel, latents: FloatArray, knots: FloatArray) -> pd.DataFrame:
    ends = [_features(model, knots[:, at].astype(np.float32)) for at in (0, -1)]
    sample = _features(model, latents[:: max(1, len(latents) // SAMPLE)])
    table = {}
    for column in FEATURES:
        change = (ends[1][column] - ends[0][column]).to_numpy(float)
        values = sample[column].to_numpy(float)
        values = values[np.isfinite(values)]
        spread = np.ptp(np.percentile(values, [16, 84])) if len(values) else 0.0
        relative = change / spread if spread > 0 else np.full(len(change), np.nan)
        table[column] = [_sign(value) for value in relative]
        table[f"{column}_change"], table[f"{column}_relative"] = change, relative
    return pd.DataFrame(table, index=pd.RangeIndex(len(knots), name="latent"))


def _features(model: SpectrumModel, latents: FloatArray) -> pd.DataFrame:
    wave, rest = model.wave_rest, model.decode(latents)
    measured = measured_trends(wave, rest)
    middle = _mean(wave, rest, NORM_RANGE)
    measured["blue"] = _mean(wave, rest, BLUE) / middle
    measured["red"] = _mean(wave, rest, RED) / middle
    # Only emission lines have a width.
    measured["fwhm_halpha"] = measured["fwhm_halpha"].where(measured["ew_halpha"] > 0)
    return measured


def _mean(wave: FloatArray, rest: FloatArray, band: tuple[float, float]) -> FloatArray:
    inside = (wave >= band[0]) & (wave <= band[1])
    return rest[:, inside].mean(axis=1)


def _sign(relative: float) -> str:
    if not np.isfinite(relative) or abs(relative) < THRESHOLD:
        return "–"
    return "↑" if relative > 0 else "↓"
