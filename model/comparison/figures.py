"""Figures of a comparison, after Portillo+2020: Figs. 3 (errors), 4-7 (zooms) and 17 (noise)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data.arrays import FloatArray
from data.atomic import replacing
from data.lines.emission import LINES
from data.spectra import Spectra
from model.comparison.measures import Measures

ZOOMS = {
    "[O II]": (3700.0, 3756.0), "Hβ, [O III]": (4830.0, 5040.0), "Na D": (5850.0, 5945.0),
    "Hα, [N II]": (6510.0, 6620.0), "[S II]": (6690.0, 6760.0),
}  # fmt: skip
"""What Portillo+2020 zoom in on, rest-frame Angstrom; and [O II]."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe-Ito; models beyond these get colours of a longer scale."""
COLUMNS = 3
SNR_TICKS = (2, 5, 10, 20, 40)


def draw_errors(models: Mapping[str, Measures], path: Path) -> None:
    """Draw the error against the number of latents, a panel for each class (Fig. 3)."""
    groups = list(dict.fromkeys(g for item in models.values() for g in item.numbers["error"]))
    kinds = list(dict.fromkeys(item.numbers["kind"] for item in models.values()))
    n_row = -(-len(groups) // COLUMNS)
    figure = Figure(figsize=(12, 3.6 * n_row), layout="constrained")
    panels = figure.subplots(n_row, COLUMNS, squeeze=False).ravel()
    for axes, group in zip(panels, groups, strict=False):
        for number, kind in enumerate(kinds):
            found = sorted(
                (item.numbers["n_latent"], item.numbers["error"][group]["mean"],
                 item.numbers["error"][group]["standard_error"])
                for item in models.values()
                if item.numbers["kind"] == kind and item.numbers["error"][group]["n"]
            )  # fmt: skip
            if found:
                x, y, error = np.array(found).T
                axes.errorbar(x, y, error, marker="o", capsize=2, color=_colour(number),
                              label=kind)  # fmt: skip
        n = max(item.numbers["error"][group]["n"] for item in models.values())
        axes.set_title(f"{group} ({n:,})", fontsize=10)
        axes.set_yscale("log")
        for ticks in ("set_major_formatter", "set_minor_formatter"):
            getattr(axes.yaxis, ticks)("{x:.3g}")
        axes.set_xlabel("latents")
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    panels[0].set_ylabel("mean weighted squared error a pixel")
    panels[0].legend(frameon=False, fontsize=9)
    _save(figure, path)


def draw_zooms(
    models: Mapping[str, Measures], title: str, number: int, one: Spectra, path: Path
) -> None:
    """Draw an object with the reconstructions of all models, whole and around lines (Figs. 4-7).

    Args:
        models: By name.
        title: Of the object.
        number: Of the object among the examples.
        one: Its spectrum.
        path: The file.
    """
    wave, z = one.wave / (1 + one.z[0]), float(one.z[0])
    flux = np.where(one.ivar[0] > 0, one.flux[0], np.nan)
    noise = 1 / np.sqrt(np.where(one.ivar[0] > 0, one.ivar[0], np.nan))
    shown = {name: limits for name, limits in ZOOMS.items()
             if wave[0] < limits[0] and limits[1] < wave[-1]}  # fmt: skip
    figure = Figure(figsize=(14, 7), layout="constrained")
    grid = figure.add_gridspec(2, max(len(shown), 1), height_ratios=[1.1, 1])
    panels = [figure.add_subplot(grid[0, :])]
    panels += [figure.add_subplot(grid[1, column]) for column in range(len(shown))]
    windows = [(float(wave[0]), float(wave[-1])), *shown.values()]
    for axes, window in zip(panels, windows, strict=True):
        near = (wave > window[0]) & (wave < window[1])
        whole = axes is panels[0]
        axes.fill_between(wave[near], (flux - noise)[near], (flux + noise)[near], color="0.85",
                          linewidth=0)  # fmt: skip
        axes.plot(wave[near], flux[near], color="0.35", linewidth=0.5 if whole else 0.9,
                  drawstyle="steps-mid", label="observed")  # fmt: skip
        for index, (name, item) in enumerate(models.items()):
            inside = (item.wave_rest > window[0]) & (item.wave_rest < window[1])
            axes.plot(item.wave_rest[inside], item.examples[number][inside], label=name,
                      color=_colour(index), linewidth=0.9 if whole else 1.3)  # fmt: skip
        _set_height(axes, flux[near], [
            item.examples[number][(item.wave_rest > window[0]) & (item.wave_rest < window[1])]
            for item in models.values()
        ])  # fmt: skip
        axes.set_xlim(*window)
    panels[0].set_title(f"{title}, z = {z:.4f}")
    panels[0].set_ylabel("normalised flux")
    panels[0].legend(frameon=False, fontsize=8, ncols=4)
    for axes, name in zip(panels[1:], shown, strict=True):
        _mark_lines(axes)
        axes.set_title(name, fontsize=10)
        axes.tick_params(labelsize=8)
    figure.supxlabel("rest-frame wavelength [Å]", fontsize=10)
    _save(figure, path)


def draw_noise(models: Mapping[str, Measures], path: Path) -> None:
    """Draw variance and bias of each latent against S/N, a row for each model (Fig. 17)."""
    figure = Figure(figsize=(9, 2.6 * len(models) + 0.4), layout="constrained")
    panels = figure.subplots(len(models), 2, squeeze=False, sharex=True, sharey="col")
    for (left, right), (name, item) in zip(panels, models.items(), strict=True):
        noise = item.numbers["noise"]
        snr = np.array(noise["snr"], float)
        for axes, key in ((left, "variance"), (right, "bias")):
            values = np.array(noise[key], float).reshape(len(snr), -1)
            for latent, line in enumerate(values.T):
                colour = colormaps["viridis"](latent / max(values.shape[1] - 1, 1))
                axes.plot(snr, line, marker=".", linewidth=1, color=colour, label=f"{latent}")
            axes.axhline(1.0, color="0.6", linewidth=0.8, linestyle="--")
            axes.set_xscale("log")
            axes.set_xticks(SNR_TICKS, list(map(str, SNR_TICKS)))
            axes.set_xticks([], minor=True)
            axes.set_title(f"{name}: {key}", fontsize=9)
        left.set_yscale("log")
        left.set_ylabel("squared spreads", fontsize=8)
        right.set_ylabel("spreads", fontsize=8)
        right.legend(frameon=False, fontsize=6, ncols=2, title="latent", title_fontsize=6)
    for axes in panels[-1]:
        axes.set_xlabel("S/N per pixel after white noise is added")
    _save(figure, path)


def draw_invariance(models: Mapping[str, Measures], path: Path) -> None:
    """Draw how far latents move with redshift, over the distance of random pairs."""
    ratio = [100 * item.numbers["invariance"]["ratio"] for item in models.values()]
    figure = Figure(figsize=(7, 0.4 * len(models) + 1.2), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(models), ratio, color=[_colour(i) for i in range(len(models))])
    axes.bar_label(bars, fmt="%.1f %%", padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("distance to the redshifted copy / to a random other [%]")
    _save(figure, path)


def _set_height(axes: Axes, flux: FloatArray, models: list[FloatArray]) -> None:
    """Fit the axis to what is drawn, but for the wildest pixels of the data."""
    finite = flux[np.isfinite(flux)]
    drawn = np.concatenate([np.percentile(finite, [0.5, 99.5]) if len(finite) else finite, *models])
    if len(drawn):
        low, high = float(drawn.min()), float(drawn.max())
        margin = 0.08 * max(high - low, 1e-6)
        axes.set_ylim(low - margin, high + margin)


def _mark_lines(axes: Axes) -> None:
    low, high = axes.get_xlim()
    for line in LINES:
        if low < line.wave < high and line.major:
            axes.axvline(line.wave, color="0.6", linewidth=0.6, linestyle=":", zorder=0)


def _colour(number: int) -> object:
    if number < len(COLOURS):
        return COLOURS[number]
    return colormaps["tab20"](number % 20)


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=130)
