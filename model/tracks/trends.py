"""What changes along a track: indices of the decoded knots and of the spectra behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from data.arrays import FloatArray, IntArray
from data.constants import SPEED_OF_LIGHT
from data.lines.emission import find_line
from data.lines.indices import measure
from data.lines.stellar import corrected, without_stars
from data.parts import read_parts
from data.spectra import SpectrumSource
from model.interface import SpectrumModel
from model.tracks.stack import Stack, means_without_one, noise_behind, rest_frame, stack_rest

WIDTHS = np.geomspace(50.0, 2000.0, 40)
"""Velocity dispersions tried for H-alpha, km/s."""
WIDTH_REACH = 120.0
"""Angstrom to either side of a line within which its half maximum must lie."""


def trends(model: SpectrumModel, latents: FloatArray) -> pd.DataFrame:
    """Measure the decoded spectra of some latents.

    Returns:
        One row per latent vector: the columns of `data.lines.indices.measure` (D4000,
        equivalent widths `ew_*` in Angstrom, fluxes, Lick indices, line ratios), of which the
        lines, BPT ratios and HδA are corrected as in an atlas's catalogue
        (`data.lines.stellar`), and `fwhm_halpha`, `fwhm_oiii` (km/s, the instrument included).
    """
    return measured_trends(model.wave_rest, model.decode(latents))


def measured_trends(wave: FloatArray, rest: FloatArray) -> pd.DataFrame:
    """Measure decoded spectra; the columns of `trends`.

    Args:
        wave: Rest-frame wavelengths, Angstrom, shape (n_rest,).
        rest: Decoded spectra, shape (n_galaxy, n_rest).
    """
    return pd.DataFrame(_with_lines(measure(wave, rest)) | _widths(wave, rest))


def observed_trends(stacks: list[Stack]) -> pd.DataFrame:
    """Measure the observed stacks behind the knots; the columns of `trends`, and `*_err`.

    Objects of a stack differ in many neighbouring pixels at once. So the errors are those of the
    jackknife where stacks keep their means `without_one`, and two objects at least show a line;
    else those of the noise, pixel by pixel. To both, `*_err` of lines adds what the stars under
    them leave uncertain.
    """
    wave = stacks[0].wave
    flux = np.stack([item.flux for item in stacks])
    ivar = np.stack([item.ivar for item in stacks])
    measured = measure(wave, flux, ivar)
    exact = {name: np.zeros_like(v) if name.endswith("_err") else v for name, v in measured.items()}
    found, stars = _with_lines(measured), _with_lines(exact)
    for knot, stack in enumerate(stacks):
        if stack.without_one is None:
            continue
        left = stack.without_one
        without_one = _with_lines(measure(wave, left, np.isfinite(left).astype(np.float32)))
        for name in [name for name in found if f"{name}_err" in found]:
            error = _jackknife(found[name][knot], without_one[name])
            if np.isfinite(error):
                found[f"{name}_err"][knot] = np.hypot(error, stars[f"{name}_err"][knot])
    return pd.DataFrame(found | _widths(wave, flux))


def _jackknife(value: float, without_one: FloatArray) -> float:
    """Return the standard error of a measurement of a stack, NaN where fewer than two objects tell.

    It is the delete-one jackknife (Efron & Tibshirani 1993, chapter 11) of the objects that count:
    those without which the value is another.

    Args:
        value: Measured on the mean of all objects.
        without_one: Measured on the means of all but one, shape (n_object,).
    """
    counts = without_one[np.isfinite(without_one) & (without_one != value)]
    if len(counts) < 2 or not np.isfinite(value):
        return np.nan
    return float(np.sqrt((len(counts) - 1) * counts.var()))


def stack_members(
    source: SpectrumSource, model: SpectrumModel, members: list[IntArray], *, most: int = 50
) -> list[Stack]:
    """Stack the spectra behind each knot, on the model's rest grid.

    Args:
        source: Where the spectra are.
        model: Gives the rest grid.
        members: Rows of each knot's objects, nearest first; each needs one at least.
        most: Objects read for each knot.

    Raises:
        ValueError: A knot has no member in this source.
    """
    empty = [knot for knot, rows in enumerate(members) if not len(rows)]
    if empty:
        raise ValueError(f"knots {empty} have no object in this survey; make the track again")
    wanted = [rows[:most] for rows in members]
    unique, where = np.unique(np.concatenate(wanted), return_inverse=True)
    flux = torch.empty(len(unique), model.rest_grid.n_pixel)
    weight = torch.empty_like(flux)
    for places, spectra in read_parts(source, unique):
        flux[places], weight[places] = rest_frame(spectra, rest_grid=model.rest_grid)
    stacks, start = [], 0
    for rows in wanted:
        these = where[start : start + len(rows)]
        start += len(rows)
        seen, weights = flux[these], weight[these]
        noise = noise_behind(weights)
        stack = stack_rest(seen, weights, wave=model.rest_grid.wave, noise=noise)
        stacks.append(replace(stack, without_one=means_without_one(seen, weights)))
    return stacks


def line_width(wave: FloatArray, flux: FloatArray, centre: float) -> FloatArray:
    """Return the full width at half maximum of an emission line.

    The half maximum is sought from the peak outwards, linearly between pixels; the continuum is
    the median of the outer third of the window.

    Args:
        wave: Rest-frame wavelengths, Angstrom, shape (n_rest,).
        flux: Shape (n_galaxy, n_rest).
        centre: Of the line, Angstrom.

    Returns:
        km/s, shape (n_galaxy,); NaN where the line does not rise above the continuum by more than
        5 % of it, or its half maximum is not reached.
    """
    window = np.abs(wave - centre) < WIDTH_REACH
    near = np.abs(wave[window] - centre) < 8.0
    outer = np.abs(wave[window] - centre) > WIDTH_REACH * 2 / 3
    widths = np.full(len(flux), np.nan)
    if near.sum() < 2 or outer.sum() < 2:
        return widths
    for row, spectrum in enumerate(flux[:, window]):
        continuum = np.nanmedian(spectrum[outer]) if np.isfinite(spectrum[outer]).any() else np.nan
        excess = spectrum - continuum
        peak = int(np.flatnonzero(near)[np.argmax(np.nan_to_num(excess[near], nan=-np.inf))])
        if not excess[peak] > 0.05 * abs(continuum):
            continue
        blue = _crossing(wave[window], excess, peak, -1)
        red = _crossing(wave[window], excess, peak, +1)
        widths[row] = (red - blue) / centre * SPEED_OF_LIGHT
    return widths


def _crossing(wave: FloatArray, excess: FloatArray, peak: int, step: int) -> float:
    """Return where the line falls to half its peak, going one way, Angstrom; NaN if never."""
    half, at = excess[peak] / 2, peak
    while 0 <= at + step < len(excess) and excess[at + step] > half:
        at += step
    if not 0 <= at + step < len(excess) or not np.isfinite(excess[at + step]):
        return np.nan
    share = (excess[at] - half) / (excess[at] - excess[at + step])
    return float(wave[at] + share * (wave[at + step] - wave[at]))


def halpha_width(wave: FloatArray, flux: FloatArray) -> FloatArray:
    """Return the full width at half maximum of H-alpha, its [N II] neighbours fitted apart.

    Three Gaussians of one width in velocity ([N II] at the ratio of its transitions, 1 to 2.96)
    on a straight continuum; their heights follow by least squares for each of `WIDTHS`, the best
    of which is refined by a parabola. The instrument's width is part of the result.

    Args:
        wave: Rest-frame wavelengths, Angstrom, shape (n_rest,).
        flux: Shape (n_galaxy, n_rest), NaN where there is nothing.

    Returns:
        km/s, shape (n_galaxy,); NaN where H-alpha does not rise above the continuum by more than
        5 % of it, or less than 9 of 10 pixels are there.
    """
    window = (wave > 6483) & (wave < 6653)
    x, values = wave[window], flux[:, window].astype(float)
    result = np.full(len(flux), np.nan)
    if window.sum() < 20:
        return result
    designs = [_three_lines(x, width) for width in WIDTHS]
    good = np.isfinite(values)
    complete = good.all(axis=1)
    groups = [np.flatnonzero(complete), *np.flatnonzero(~complete & (good.mean(axis=1) > 0.9))]
    for group in groups:
        rows = np.atleast_1d(group)
        if not len(rows):
            continue
        seen = good[rows[0]]
        fits = [np.linalg.lstsq(design[seen], values[rows][:, seen].T) for design in designs]
        left = np.array([
            ((values[rows][:, seen].T - design[seen] @ fit[0]) ** 2).sum(axis=0)
            for design, fit in zip(designs, fits, strict=True)
        ])  # fmt: skip
        best = left.argmin(axis=0).clip(1, len(WIDTHS) - 2)
        at = np.arange(len(rows))
        height, continuum = (np.array([fit[0][part] for fit in fits])[best, at] for part in (0, 2))
        before, here, after = left[best - 1, at], left[best, at], left[best + 1, at]
        bend = before - 2 * here + after
        shift = np.where(bend > 0, 0.5 * (before - after) / np.where(bend > 0, bend, 1), 0.0)
        sigma = WIDTHS[best] * (WIDTHS[1] / WIDTHS[0]) ** shift.clip(-1, 1)
        result[rows] = np.where(height > 0.05 * np.abs(continuum), 2.3548 * sigma, np.nan)
    return result


def _three_lines(wave: FloatArray, sigma: float) -> FloatArray:
    """Return H-alpha, [N II], a constant and a slope at a velocity dispersion (km/s)."""

    def line(centre: float) -> FloatArray:
        return np.exp(-0.5 * ((wave / centre - 1) * SPEED_OF_LIGHT / sigma) ** 2)

    slope = (wave - wave.mean()) / np.ptp(wave)
    return np.stack([line(6564.61), line(6585.27) + line(6549.86) / 2.96, slope**0, slope], axis=1)


def _widths(wave: FloatArray, flux: FloatArray) -> dict[str, FloatArray]:
    return {
        "fwhm_halpha": halpha_width(wave, flux),
        "fwhm_oiii": line_width(wave, flux, find_line("[O III] 5007").wave),
    }


def _with_lines(measured: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Return what was measured, with lines and ratios corrected for the stars."""
    lines = without_stars(measured)
    lines = {name: values for name, values in lines.items() if name in measured}
    return measured | lines | corrected(measured)
