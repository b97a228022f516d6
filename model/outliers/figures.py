"""Figures of outliers and of their scores, for a paper or a first look: one PNG each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data.arrays import FloatArray, IndexArray
from data.atomic import replacing
from model.atlas.atlas import Atlas
from model.atlas.score_record import score_records
from model.outliers.families import Family

BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "0.6"
"""Okabe-Ito."""
SHEET, ACROSS = 20, 2
"""Spectra of a contact sheet, and how many stand side by side."""
BINS = 80
WIDE = 50.0
"""Highest over median value of a score from which its axis is logarithmic."""
PIXELS_A_COLUMN = 6
"""Pixels averaged for a drawing."""
MOST_POINTS = 50_000
MOST_LATENTS, MOST_FAMILIES = 10, 12


def draw_counts(counts: pd.Series, path: Path, *, title: str) -> None:
    """Draw the number of objects of each class as bars (Liang+2023, Figure 7)."""
    figure = Figure(figsize=(6, 1.2 + 0.28 * len(counts)), layout="constrained")
    axes = figure.subplots()
    names = [str(name) for name in counts.index]
    bars = axes.barh(names, counts.to_numpy(), color=BLUE)
    axes.bar_label(bars, padding=2)
    axes.invert_yaxis()
    axes.set_xlabel("objects; ? = suggested, nobody looked")
    axes.set_title(title, fontsize=10)
    _save(figure, path)


def draw_scores(atlas: Atlas, path: Path) -> None:
    """Draw the distribution of each score, with the threshold of the top 1 %.

    Counts are logarithmic (Nicolaou+2025, Figures 9 and 11).
    """
    records = score_records(atlas.catalog, atlas.scores)
    n_row = -(-len(atlas.scores) // 3)
    figure = Figure(figsize=(12, 2.6 * n_row), layout="constrained")
    panels = np.atleast_1d(figure.subplots(n_row, 3)).ravel()
    for axes, score in zip(panels, atlas.scores, strict=False):
        values = atlas.catalog[score.column].to_numpy(float)
        values = values[np.isfinite(values)]
        threshold = records[score.column].threshold
        low, high = np.quantile(values, [0, 1]) if len(values) else (0.0, 1.0)
        wide = low > 0 and high > 50 * np.median(values)
        bins = (
            np.geomspace(low, high, BINS) if wide else np.linspace(low, max(high, low + 1e-9), BINS)
        )
        axes.hist(values, bins.tolist(), color=BLUE, log=True)
        axes.axvline(threshold, color=VERMILLION, label=f"top 1 %: {threshold:.3g}")
        if wide:
            axes.set_xscale("log")
        axes.set_xlabel(score.label + ("" if score.higher_is_stranger else " (low is strange)"))
        axes.legend(frameon=False, fontsize=8)
    for axes in panels[len(atlas.scores) :]:
        axes.set_axis_off()
    figure.supylabel("objects")
    _save(figure, path)


def draw_density(atlas: Atlas, path: Path, *, seed: int = 0) -> None:
    """Draw samples of the flow over the latents, every pair of latents (Liang+2023, Figure 5).

    Args:
        atlas: The atlas; of more than ten latents the first ten are drawn.
        path: PNG file.
        seed: Of the samples.
    """
    latents = atlas.latents[:: max(1, -(-len(atlas) // MOST_POINTS)), :MOST_LATENTS]
    drawn = atlas.flow.sample(len(latents), seed=seed)[:, :MOST_LATENTS]
    n_latent = latents.shape[1]
    low, high = np.quantile(latents, [0.002, 0.998], axis=0)
    low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    side = max(4.0, 1.6 * n_latent)
    figure = Figure(figsize=(side, side), layout="constrained")
    grid = figure.subplots(n_latent, n_latent, squeeze=False)
    for row in range(n_latent):
        for column in range(n_latent):
            axes = grid[row, column]
            axes.tick_params(labelsize=6)
            if column > row:
                axes.set_axis_off()
            elif column == row:
                _draw_marginal(axes, latents[:, row], drawn[:, row], (low[row], high[row]))
            else:
                _draw_pair(axes, latents, drawn, (column, row), low=low, high=high)
            if row == n_latent - 1:
                axes.set_xlabel(f"latent {column}", fontsize=8)
            if column == 0 and row:
                axes.set_ylabel(f"latent {row}", fontsize=8)
    figure.suptitle(f"{atlas.name}: latents (grey), samples of the flow (blue)", fontsize=10)
    _save(figure, path)


def draw_sheet(atlas: Atlas, table: pd.DataFrame, rows: IndexArray, path: Path) -> None:
    """Draw the first 20 of a list: spectrum, reconstruction, residual, class and reasons.

    Args:
        atlas: The atlas.
        table: Of the outliers, with `object_id`, `class`, `reasons`.
        rows: Their catalogue rows, in order.
        path: PNG file.
    """
    rows = rows[:SHEET]
    n_row = -(-max(len(rows), 1) // ACROSS)
    figure = Figure(figsize=(7.5 * ACROSS, 2.3 * n_row), layout="constrained")
    panels: list[Axes] = list(np.atleast_1d(figure.subplots(n_row, ACROSS)).ravel())
    for places, spectra, model, inside in atlas.reconstructions(rows):
        for place, flux, ivar, drawn, covered in zip(
            places.tolist(), spectra.flux, spectra.ivar, model, inside, strict=True
        ):
            axes = panels[place]
            _draw_spectrum(axes, spectra.wave, flux, ivar, np.where(covered, drawn, np.nan))
            facts = table.iloc[place]
            axes.set_title(
                f"{facts['rank']}. {facts['object_id']}, z {facts.get('z', np.nan):.4f}, "
                f"{facts['class']}\n{_shortened(facts['reasons'])}",
                fontsize=8, loc="left", parse_math=False,
            )  # fmt: skip
    for axes in panels[len(rows) :]:
        axes.set_axis_off()
    figure.supxlabel("observed wavelength [Å]; grey data, vermillion reconstruction", fontsize=9)
    _save(figure, path)


def draw_families(families: list[Family], path: Path, *, title: str) -> None:
    """Draw the mean residual of each family, artefacts in vermillion."""
    families = families[:MOST_FAMILIES]
    figure = Figure(figsize=(9, 1.0 + 1.5 * max(len(families), 1)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(max(len(families), 1), 1))
    for number, (axes, family) in enumerate(zip(panels, families, strict=False), start=1):
        axes.step(
            family.wave, family.residual, where="mid", linewidth=0.8,
            color=VERMILLION if family.artefact else BLUE,
        )  # fmt: skip
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.tick_params(labelsize=7)
        frame = "observed" if family.observed else "rest"
        kind = "artefact, " if family.artefact else ""
        axes.set_ylabel(f"family {number}\n{len(family.rows)} objects", fontsize=8)
        axes.set_title(f"{kind}alike at {frame} wavelengths [Å]", fontsize=8, loc="right", pad=2)
    if not families:
        panels[0].set_axis_off()
        panels[0].text(0.5, 0.5, "no family of three or more", ha="center")
    figure.suptitle(f"{title}: mean residual over its error", fontsize=10)
    _save(figure, path)


def _draw_marginal(
    axes: Axes, data: FloatArray, drawn: FloatArray, limits: tuple[float, float]
) -> None:
    bins = np.linspace(*limits, BINS // 2).tolist()
    axes.hist(data, bins, density=True, color=GREY, alpha=0.6)
    axes.hist(drawn, bins, density=True, color=BLUE, histtype="step")
    axes.set_yticks([])
    axes.set_xlim(*limits)


def _draw_pair(
    axes: Axes, data: FloatArray, drawn: FloatArray, pair: tuple[int, int], *,
    low: FloatArray, high: FloatArray,
) -> None:  # fmt: skip
    """Draw the data as an image, and the samples as contours of the same numbers."""
    x, y = pair
    span = [[low[x], high[x]], [low[y], high[y]]]
    counts, x_edges, y_edges = np.histogram2d(data[:, x], data[:, y], BINS // 2, range=span)
    axes.pcolormesh(x_edges, y_edges, np.log1p(counts.T), cmap="Greys", rasterized=True)
    sampled, _, _ = np.histogram2d(drawn[:, x], drawn[:, y], BINS // 2, range=span)
    levels = np.unique(np.quantile(sampled[sampled > 0], [0.5, 0.8, 0.95])) if sampled.any() else []
    if len(levels):
        centres = [(edges[:-1] + edges[1:]) / 2 for edges in (x_edges, y_edges)]
        axes.contour(*centres, sampled.T, levels=levels, colors=BLUE, linewidths=0.6)
    axes.set_xlim(*span[0])
    axes.set_ylim(*span[1])


def _draw_spectrum(
    axes: Axes, wave: FloatArray, flux: FloatArray, ivar: FloatArray, model: FloatArray
) -> None:
    """Draw a spectrum and its reconstruction in columns, by inverse variance."""
    n_column = len(wave) // PIXELS_A_COLUMN
    shape = (n_column, PIXELS_A_COLUMN)
    wave, flux, ivar, model = (
        part[: n_column * PIXELS_A_COLUMN].reshape(shape) for part in (wave, flux, ivar, model)
    )
    weight = ivar.sum(axis=1)
    mean = np.where(weight > 0, (ivar * flux).sum(axis=1) / np.maximum(weight, 1e-30), np.nan)
    axes.step(wave.mean(axis=1), mean, where="mid", color=GREY, linewidth=0.7)
    axes.plot(wave.mean(axis=1), model.mean(axis=1), color=VERMILLION, linewidth=0.7)
    finite = mean[np.isfinite(mean)]
    if len(finite):
        low, high = np.quantile(finite, [0.005, 0.995])
        axes.set_ylim(low - 0.15 * (high - low), high + 0.25 * (high - low) + 1e-9)
    axes.tick_params(labelsize=7)


def _shortened(text: str, most: int = 105) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=110)
