"""Pictures of realism: planes and distributions of mocks, published curves, real galaxies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.realism import published
from benchmarks.realism.quantities import OTHERS, RATIOS, alike
from benchmarks.realism.report import REDSHIFTS, Measured, attenuation, star_forming
from data.arrays import FloatArray
from data.mock.calibrations import SOLAR_OXYGEN

_DPI = 62
_MOCK, _REAL, _PAPER = "#56B4E9", "#D55E00", "#000000"


def draw_planes(path: Path, catalog: pd.DataFrame, mock: Measured, real: Measured | None) -> None:
    """Draw relations with mass, redshifts, and the planes of line ratios."""
    figure = Figure(figsize=(15, 8.5), layout="constrained")
    axes = figure.subplots(2, 4)
    rows = catalog.iloc[np.flatnonzero(star_forming(catalog))]
    mass = rows["log_mass"].to_numpy()
    relations = (
        (published.MAIN_SEQUENCE, rows["log_ssfr"].to_numpy()),
        (published.MASS_METALLICITY, rows["gas_metallicity"].to_numpy() + SOLAR_OXYGEN),
        (published.ATTENUATION, attenuation(rows)),
    )
    for axis, (relation, value) in zip(axes[0], relations, strict=False):
        _relation(axis, relation, mass, value)
    _redshifts(axes[0, 3], catalog, real)
    _bpt(axes[1, 0], mock, real)
    _sulphur(axes[1, 1], mock, real)
    _points(axes[1, 2], mock, real, "d4000", "hdelta_a", (0.9, 2.3), (-6, 10))
    _width_and_mass(axes[1, 3], catalog)
    axes[1, 0].legend(fontsize=8)
    _save(figure, path)


def draw_distributions(path: Path, mock: Measured, real: Measured) -> None:
    """Draw histograms of real galaxies and of mocks like them."""
    names = RATIOS | OTHERS
    figure = Figure(figsize=(15, 5.6), layout="constrained")
    axes = figure.subplots(2, 7).ravel()
    near = mock.table.iloc[alike(real.table, mock.table)]
    for axis, (name, label) in zip(axes, names.items(), strict=False):
        both = (near[name].dropna(), real.table[name].dropna())
        low, high = np.quantile(np.concatenate(both), [0.01, 0.99])
        edges = np.linspace(low, high, 16)
        for values, colour in zip(both, (_MOCK, _REAL), strict=True):
            axis.hist(values, edges, density=True, histtype="step", lw=1.8, color=colour)
        axis.set(xlabel=label, yticks=[])
    for colour, label in ((_MOCK, "mocks like them"), (_REAL, f"{len(real.sample)} SDSS")):
        axes[-1].plot([], [], color=colour, label=label)
    axes[-1].legend(loc="center")
    axes[-1].axis("off")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)


def _relation(
    axis: Any, relation: published.Relation, log_mass: FloatArray, value: FloatArray  # noqa: ANN401
) -> None:  # fmt: skip
    axis.hexbin(log_mass, value, gridsize=40, bins="log", cmap="Blues", mincnt=1, lw=0)
    x = np.linspace(*relation.masses, 50)
    for offset, style in ((-relation.scatter, "--"), (0, "-"), (relation.scatter, "--")):
        axis.plot(x, relation.value(x) + offset, style, color=_PAPER, lw=1.2)
    axis.set(xlabel="log M [M_sun]", ylabel=relation.label)
    axis.set_title(relation.source, fontsize=9)
    middle, width = relation.value(np.array([9.0, 11.0])), 5 * relation.scatter
    axis.set(xlim=(8.3, 11.7), ylim=(middle.min() - width, middle.max() + width))


def _redshifts(axis: Any, catalog: pd.DataFrame, real: Measured | None) -> None:  # noqa: ANN401
    edges = np.linspace(0, 0.3, 31)
    axis.hist(catalog["z"], edges, density=True, color=_MOCK, label="mocks")
    axis.plot(REDSHIFTS, published.redshift_density(REDSHIFTS), color=_PAPER,
              label="Blanton+2003")  # fmt: skip
    if real:
        axis.hist(real.sample.z, edges[::2], density=True, histtype="step", color=_REAL,
                  label="SDSS files")  # fmt: skip
    axis.set(xlim=(0, 0.3), xlabel="z")
    axis.legend(fontsize=8)


def _points(
    axis: Any, mock: Measured, real: Measured | None, x: str, y: str, xlim: Any, ylim: Any  # noqa: ANN401
) -> None:  # fmt: skip
    labels = RATIOS | OTHERS
    table = mock.table
    axis.plot(table[x], table[y], ".", ms=2, color=_MOCK, label="mocks, measured")
    if real:
        axis.plot(real.table[x], real.table[y], "o", ms=3.5, color=_REAL, mec="white", mew=0.3,
                  label="SDSS, measured alike")  # fmt: skip
    axis.set(xlim=xlim, ylim=ylim, xlabel=labels[x], ylabel=labels[y])


def _bpt(axis: Any, mock: Measured, real: Measured | None) -> None:  # noqa: ANN401
    _points(axis, mock, real, "n2", "o3", (-1.8, 0.6), (-1.4, 1.3))
    for curve, name, end in (
        (published.kauffmann, "Kauffmann+2003", 0.0), (published.kewley, "Kewley+2001", 0.4),
    ):  # fmt: skip
        x = np.linspace(-1.8, end, 80)
        axis.plot(x, curve(x), "--" if end else "-", color=_PAPER, lw=1.2, label=name)


def _sulphur(axis: Any, mock: Measured, real: Measured | None) -> None:  # noqa: ANN401
    _points(axis, mock, real, "s2", "o3", (-1.6, 0.5), (-1.4, 1.3))
    x = np.linspace(-1.6, 0.25, 80)
    axis.plot(x, published.kewley_sulphur(x), "--", color=_PAPER, lw=1.2)
    x = np.linspace(-0.3, 0.3, 10)
    axis.plot(x, published.seyfert_sulphur(x), ":", color=_PAPER, lw=1.2)
    axis.set_title("Kewley+2001, 2006", fontsize=9)


def _width_and_mass(axis: Any, catalog: pd.DataFrame) -> None:  # noqa: ANN401
    rows = catalog[catalog["ew_halpha"] > 0.2]
    axis.hexbin(rows["log_ssfr"], np.log10(rows["ew_halpha"]), C=rows["log_mass"], gridsize=40,
                cmap="viridis", mincnt=2, lw=0)  # fmt: skip
    axis.set(xlim=(-12.5, -8.8), xlabel="log sSFR [1/yr]", ylabel="log EW(Hα) [Å]")
    axis.set_title("mocks; colour: log M, 9 to 11.3", fontsize=9)
