"""Smoothing of what is drawn of one object: data, noise, reconstruction and residual alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.ndimage import correlate1d

from data.arrays import FloatArray
from explorer.spectrum.inspection import Inspection

BRIGHT, AROUND = 5.0, 201
"""A pixel is of a line if it lies so many sigma above the median of so many pixels around it."""


@dataclass(frozen=True, kw_only=True)
class Smoothed:
    """What is drawn of one object. Arrays have shape (n_pixel,) unless said.

    Attributes:
        flux: Data, NaN where masked.
        noise: One-sigma noise of `flux`, NaN where masked.
        model: Reconstruction, NaN outside the rest range.
        residual: Data minus reconstruction in units of their own noise, NaN where either is.
        decoded: Decoded rest-frame spectrum, shape (n_rest,).
        second: Reconstruction of a second model; NaN where there is none.
    """

    flux: FloatArray
    noise: FloatArray
    model: FloatArray
    residual: FloatArray
    decoded: FloatArray
    second: FloatArray


def smoothed(item: Inspection, width: int) -> Smoothed:
    """Smooth an object with a Gaussian; masked pixels neither count nor are filled.

    Pixels weigh by `line_keeping_weight`. Reconstructions are averaged with the weights of the
    data, so that a perfect fit stays one;
    in masked gaps, where there are none, all their pixels count alike.

    Args:
        item: The object.
        width: Standard deviation of the Gaussian, pixels of the data; 0 = as they are.
    """
    other = np.full(len(item.flux), np.nan) if item.second is None else item.second
    if width == 0:
        flux = np.where(item.masked, np.nan, item.flux)
        return Smoothed(
            flux=flux, noise=item.noise, model=item.model, residual=item.residual,
            decoded=item.decoded, second=other,
        )  # fmt: skip
    weight = line_keeping_weight(item.flux, item.ivar)
    both = np.where(np.isfinite(item.model), weight, 0.0)
    noise = smoothed_noise(item.ivar, width, both)
    return Smoothed(
        flux=smooth(item.flux, weight, width),
        noise=smoothed_noise(item.ivar, width, weight),
        model=_smooth_model(item, item.model, weight, width),
        residual=smooth(item.flux - item.model, both, width) / noise,
        decoded=_smooth_decoded(item, width),
        second=_smooth_model(item, other, weight, width),
    )


def line_keeping_weight(flux: FloatArray, ivar: FloatArray) -> FloatArray:
    """Return the inverse variance, in the pixels of emission lines that of those around.

    A line is noisier than the continuum beside it because of its own light. With its own inverse
    variance for a weight, a smoothed line would lose most of its flux.

    Args:
        flux: Flux, shape (n_pixel,).
        ivar: Inverse variance, same shape; 0 = masked.

    Returns:
        Weight of each pixel, same shape; 0 where masked.
    """
    used = ivar > 0
    usual_flux, usual_ivar = (
        pd.Series(np.where(used, values, np.nan)).rolling(AROUND, center=True, min_periods=1)
        .median().to_numpy()
        for values in (flux, ivar)
    )  # fmt: skip
    bright = used & ((flux - usual_flux) * np.sqrt(ivar) > BRIGHT)
    return np.where(bright, np.fmax(ivar, usual_ivar), ivar)


def smooth(flux: FloatArray, weight: FloatArray, width: int) -> FloatArray:
    """Smooth with a Gaussian, weighting pixels; NaN where the weight is 0.

    Args:
        flux: Flux, shape (n_pixel,); NaN allowed where `weight` is 0.
        weight: Weight of each pixel, same shape.
        width: Standard deviation of the Gaussian in pixels; 0 leaves the flux as it is.
    """
    if width == 0:
        return np.where(weight > 0, flux, np.nan)
    kernel = _gaussian(width)
    total = _correlate(np.where(weight > 0, np.nan_to_num(flux) * weight, 0.0), kernel)
    return _over(total, _correlate(weight, kernel), weight)


def smoothed_noise(ivar: FloatArray, width: int, weight: FloatArray | None = None) -> FloatArray:
    """Return the one-sigma noise of `smooth(flux, weight, width)`, NaN where masked.

    The mean of independent pixels of variance v_i with weights k_i w_i, k_i being the kernel, has
    the variance sum(k_i^2 w_i^2 v_i) / sum(k_i w_i)^2.

    Args:
        ivar: Inverse variance 1 / v_i, shape (n_pixel,).
        width: Standard deviation of the Gaussian in pixels.
        weight: Weight w_i of each pixel, same shape, 0 wherever `ivar` is; None = `ivar`.
    """
    weight = ivar if weight is None else weight
    kernel = _gaussian(width)
    squares = weight**2 / np.where(weight > 0, ivar, 1.0)
    return _over(np.sqrt(_correlate(squares, kernel**2)), _correlate(weight, kernel), weight)


def _gaussian(width: int) -> FloatArray:
    offset = np.arange(-4 * width, 4 * width + 1)
    return np.exp(-0.5 * (offset / max(width, 1e-9)) ** 2)


def _correlate(values: FloatArray, kernel: FloatArray) -> FloatArray:
    return correlate1d(values.astype(float), kernel, mode="constant")


def _over(above: FloatArray, below: FloatArray, weight: FloatArray) -> FloatArray:
    here = (weight > 0) & (below > 0)
    return np.where(here, above / np.where(here, below, 1.0), np.nan)


def _smooth_model(
    item: Inspection, model: FloatArray, weight: FloatArray, width: int
) -> FloatArray:
    """Smooth a reconstruction (NaN outside the rest range) with the weights of the data."""
    modelled = np.isfinite(model)
    plain = smooth(model, modelled.astype(float), width)
    return np.where(item.masked, plain, smooth(model, np.where(modelled, weight, 0.0), width))


def _smooth_decoded(item: Inspection, width: int) -> FloatArray:
    """Smooth the decoded spectrum over as many Angstrom as the data, on pixels of the data."""
    wave = item.wave_rest * (1.0 + item.z)
    grid = item.spectra.grid
    first, last = (int(edge) for edge in np.rint(grid.pixel(wave[[0, -1]])))
    start = grid.start + grid.step * first
    fine = replace(grid, start=start, n_pixel=max(last - first + 1, 2)).wave
    values = np.interp(fine, wave, item.decoded)
    return np.interp(wave, fine, smooth(values, np.ones(len(values)), width))
