"""Figures for papers and talks, PNG or SVG, drawn from the same numbers as the page."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import FuncNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from data.lines.emission import SpectralLine
from explorer.export.export import Exported
from explorer.map.image import MapRequest, draw_map
from explorer.map.raster import Viewport
from explorer.spectrum.inspection import Inspection, smooth
from explorer.spectrum.line_marks import line_positions
from explorer.state.dataset import DENSITY, Dataset
from explorer.theme.colour import OKABE_ITO, OTHER, PALETTES, Scale, class_colours
from explorer.theme.theme import LIGHT

DPI = 200


def map_figure(
    dataset: Dataset, request: MapRequest, viewport: Viewport, *, selected: int | None, kind: str
) -> Exported:
    """Draw the map with axes, colour bar or class key.

    Args:
        dataset: The atlas.
        request: What is drawn.
        viewport: Part of the plane; its shape in pixels sets the figure's.
        selected: Row to mark.
        kind: `png` or `svg`.
    """
    scale = max(1.0, 1400 / viewport.width)
    fine = replace(
        viewport, width=round(viewport.width * scale), height=round(viewport.height * scale)
    )
    image = draw_map(dataset, replace(request, dark=False), fine)
    height = 5.2 * viewport.height / viewport.width
    figure = Figure(figsize=(6.4, height + 0.5), layout="constrained")
    axes = figure.add_subplot()
    pixels = image.pixels.view(np.uint8).reshape(*image.pixels.shape, 4)
    extent = (viewport.x0, viewport.x1, viewport.y0, viewport.y1)
    axes.imshow(pixels, origin="lower", extent=extent, aspect="auto", interpolation="antialiased")
    axes.set(xlabel=request.plane.x_label, ylabel=request.plane.y_label)
    if selected is not None:
        position = request.plane.x[selected], request.plane.y[selected]
        axes.plot(*position, "o", ms=11, mfc="none", mec="k", mew=1.4)
    _add_key(figure, axes, dataset, request, image.scale)
    return _write(figure, f"map_{request.plane.key}_{request.colour}".replace(":", "_"), kind)


def _add_key(
    figure: Figure, axes: Axes, dataset: Dataset, request: MapRequest, scale: Scale | None
) -> None:
    """Add a colour bar, or for classes a key."""
    if scale is not None:
        title = "objects per pixel" if request.colour == DENSITY else dataset.label(request.colour)
        knots = scale
        norm = FuncNorm(
            (knots.position, knots.value), vmin=float(knots.knots[0]), vmax=float(knots.knots[-1])
        )
        mappable = ScalarMappable(norm, ListedColormap(list(PALETTES[request.palette])))
        ticks = knots.value(np.linspace(0, 1, 5))
        bar = figure.colorbar(mappable, ax=axes, label=title, fraction=0.05, aspect=30)
        bar.set_ticks(list(ticks), labels=[f"{tick:.4g}" for tick in ticks])
        bar.minorticks_off()
    else:
        names = dataset.classes(request.colour).names
        colours = class_colours(names)
        handles = [
            Line2D([], [], ls="", marker="o", color=colour, label=name[:28].replace("$", r"\$"))
            for name, colour in zip(names[: len(OKABE_ITO)], colours, strict=False)
        ]
        if len(names) > len(OKABE_ITO):
            handles.append(
                Line2D([], [], ls="", marker="o", color=OTHER, label="other or no value")
            )
        axes.legend(handles=handles, fontsize="small", framealpha=0.8)


def spectrum_figure(
    inspection: Inspection, *, title: str, frame: str, lines: str, smoothing: int, kind: str
) -> Exported:
    """Draw spectrum, reconstruction and residual on one wavelength axis.

    Args:
        inspection: The object.
        title: Shown above; as plain text.
        frame: `observed` or `rest`.
        lines: Lines labelled: `off`, `major` or `all`.
        smoothing: Gaussian of so many pixels.
        kind: `png` or `svg`.
    """
    item, shift = inspection, 1.0 if frame == "observed" else 1.0 / (1.0 + inspection.z)
    flux = smooth(np.where(item.masked, np.nan, item.flux), item.ivar, smoothing)
    wave, noise = item.wave * shift, item.noise
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.fill_between(wave, flux - noise, flux + noise, color=LIGHT.noise, alpha=0.35, lw=0)
    above.step(wave, flux, where="mid", color=LIGHT.text, lw=0.6, label="data")
    above.plot(wave, item.model, color=LIGHT.model, lw=1.1, label="reconstruction")
    below.step(wave, item.residual, where="mid", color=LIGHT.text, lw=0.5)
    below.axhline(0, color=LIGHT.faint, lw=0.8)
    finite = np.concatenate([flux[np.isfinite(flux)], item.model[np.isfinite(item.model)]])
    low, high = np.percentile(finite, [0.3, 99.8]) if finite.size else (0.0, 1.0)
    top = max(high, float(np.nanmax(item.model)) if np.isfinite(item.model).any() else high)
    above.set(ylim=(low - 0.1 * (top - low), top + 0.3 * (top - low)), ylabel="flux / norm")
    found = line_positions(lines, z=item.z, frame=frame)
    _mark_lines(above, [(line, x) for line, x in found if wave[0] <= x <= wave[-1]])
    above.set_title(title.replace("$", r"\$"), fontsize=9, loc="left", parse_math=False)
    above.legend(loc="lower right", fontsize="small", ncols=2, framealpha=0.7)
    where = "observed" if frame == "observed" else "rest-frame"
    below.set(
        xlabel=f"{where} vacuum wavelength [\N{LATIN CAPITAL LETTER A WITH RING ABOVE}]",
        ylabel="residual [\N{GREEK SMALL LETTER SIGMA}]", ylim=(-6, 6), xlim=(wave[0], wave[-1]),
    )  # fmt: skip
    below.yaxis.set_major_locator(MaxNLocator(5))
    return _write(
        figure, "spectrum_" + "".join(c if c.isalnum() else "_" for c in title.split(" ")[0]), kind
    )


def _mark_lines(axes: Axes, lines: list[tuple[SpectralLine, float]]) -> None:
    """Mark spectral lines with their names, at positions in Angstrom."""
    for line, position in lines:
        colour = LIGHT.emission if line.kind == "emission" else LIGHT.absorption
        axes.axvline(position, color=colour, lw=0.6, ls="--", alpha=0.6)
        axes.text(
            position, 0.98, line.name, rotation=90, fontsize=6, color=colour, ha="right",
            va="top", transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def _write(figure: Figure, name: str, kind: str) -> Exported:
    if kind not in ("png", "svg"):
        raise ValueError(f"kind must be 'png' or 'svg', got {kind!r}")
    FigureCanvasAgg(figure)
    out = BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(out, format=kind, dpi=DPI, metadata=metadata)
    media_type = "image/svg+xml" if kind == "svg" else "image/png"
    return Exported(f"{name}.{kind}", media_type, out.getvalue())
