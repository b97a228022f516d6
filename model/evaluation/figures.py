"""Figures of an evaluation, after Liang+2023: latent distances (Fig. 2), an example (Fig. 3)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from data.arrays import FloatArray, IntArray
from data.atomic import replacing
from data.lines.emission import find_line
from data.parts import read_parts
from data.spectra import Spectra, SpectrumSource
from model.atlas.embedding import embed_pca
from model.evaluation.invariance import Invariance, redshifted
from model.interface import SpectrumModel

RANDOM, MOVED = "#0072B2", "#D55E00"
"""Okabe-Ito blue and vermillion."""
ZOOMS = ("[O II] 3727", "Hβ", "Hα")
N_COPY = 6
MAP_OBJECTS = 2000


def draw_distances(invariance: Invariance, path: Path, *, title: str) -> None:
    """Draw the distributions of latent distances: redshifted copies, random pairs."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    top = float(np.percentile(np.concatenate([invariance.moved, invariance.random]), 99))
    bins = np.linspace(0, max(top, 1e-6), 60).tolist()
    for values, colour, label in (
        (invariance.random, RANDOM, "random pairs"),
        (invariance.moved, MOVED, "original and redshifted copy"),
    ):
        label = f"{label}: mean {values.mean():.3f}"
        axes.hist(
            values.clip(max=bins[-1]), bins, density=True, color=colour, alpha=0.6, label=label
        )
    axes.set_xlabel("distance in latent space")
    axes.set_ylabel("density")
    axes.set_title(f"{title}: ratio of means {100 * invariance.ratio:.1f} %")
    axes.legend(frameon=False)
    _save(figure, path)


def draw_example(
    model: SpectrumModel, source: SpectrumSource, rows: IntArray, path: Path, *, z_max: float
) -> None:
    """Draw one object, its reconstruction, and those of its redshifted copies.

    The object is the one whose S/N is nearest to the 90th percentile. To the right, latents of
    the sample on their first two principal axes, the copies marked.
    """
    sample = rows[:: max(1, len(rows) // MAP_OBJECTS)]
    snr, latents = np.empty(len(sample)), np.empty((len(sample), model.n_latent), np.float32)
    for places, spectra in read_parts(source, sample):
        snr[places] = np.median(spectra.flux * np.sqrt(spectra.ivar), axis=1)
        latents[places] = model.encode(spectra)
    row = int(np.abs(snr - np.percentile(snr, 90)).argmin())
    one = source.read(np.full(N_COPY, sample[row]))
    copies = redshifted(one, np.linspace(0.05 * z_max, 0.95 * z_max, N_COPY))
    latents = np.concatenate([latents, model.encode(copies)])
    rest = model.decode(latents[[row, *range(len(sample), len(latents))]])
    figure = Figure(figsize=(13, 7), layout="constrained")
    grid = figure.add_gridspec(2, 4, height_ratios=[1, 1.6])
    norm, colours = Normalize(0, z_max), colormaps["viridis"]
    for column, name in enumerate(ZOOMS):
        centre = find_line(name).wave
        axes = figure.add_subplot(grid[0, column])
        _draw_spectra(axes, one, rest, model.wave_rest, copies.z, (centre - 60, centre + 60))
        axes.set_title(name, fontsize=10)
    axes = figure.add_subplot(grid[1, :3])
    _draw_spectra(axes, one, rest, model.wave_rest, copies.z, None)
    axes.set_xlabel("rest-frame wavelength [Å]")
    axes.set_ylabel("normalised flux")
    name = source.catalog["object_id"].iloc[int(sample[row])]
    axes.set_title(f"{name}, z = {one.z[0]:.4f}: observed, reconstruction, redshifted copies")
    axes.legend(frameon=False, fontsize=8)
    axes = figure.add_subplot(grid[:, 3])
    positions = embed_pca(latents)
    axes.scatter(*positions[: len(sample)].T, s=3, color="0.75", rasterized=True)
    axes.scatter(*positions[len(sample) :].T, marker="^", c=copies.z, norm=norm, cmap=colours, s=50,
                 edgecolor="k", linewidth=0.5)  # fmt: skip
    axes.scatter(*positions[row], marker="o", facecolor="none", edgecolor="k", s=90, linewidth=1.5)
    axes.set_title("latents, first two principal axes", fontsize=10)
    _save(figure, path)


def _draw_spectra(
    axes: Axes,
    one: Spectra,
    rest: FloatArray,
    wave_rest: FloatArray,
    z_copies: FloatArray,
    window: tuple[float, float] | None,
) -> None:
    wave = one.wave / (1 + one.z[0])
    flux = np.where(one.ivar[0] > 0, one.flux[0], np.nan)
    low, high = window or (float(wave[0]), float(wave[-1]))
    inside, model_inside = (wave > low) & (wave < high), (wave_rest > low) & (wave_rest < high)
    axes.plot(wave[inside], flux[inside], color="k", linewidth=0.6, label="observed")
    colours = colormaps["viridis"](np.asarray(z_copies) / max(float(np.max(z_copies)), 1e-9))
    for spectrum, z, colour in zip(rest[1:], z_copies, colours, strict=True):
        axes.plot(wave_rest[model_inside], spectrum[model_inside], color=colour, linewidth=0.9,
                  label=f"as if at z = {z:.2f}")  # fmt: skip
    axes.plot(wave_rest[model_inside], rest[0][model_inside], color="#D55E00", linewidth=1.2,
              label="reconstruction")  # fmt: skip
    finite = np.concatenate([flux[inside][np.isfinite(flux[inside])], rest[0][model_inside]])
    if len(finite):
        bottom, top = np.percentile(finite, [0.5, 99.7])
        axes.set_ylim(min(bottom, 0) - 0.05, top * 1.15 + 0.05)


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=150)
