"""Figures for papers and talks, PNG or SVG, drawn from the same numbers as the page."""

from __future__ import annotations

from collections.abc import Sequence
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
from explorer.map.key import class_rows
from explorer.map.raster import Viewport
from explorer.spectrum.inspection import Inspection
from explorer.spectrum.limits import flux_limits, residual_limit
from explorer.spectrum.line_marks import line_positions, readable
from explorer.spectrum.smoothing import smoothed
from explorer.state.dataset import DENSITY, Dataset
from explorer.theme.colour import Scale
from explorer.theme.theme import LIGHT

DPI = 200
LABEL_WIDTH = 1000.0
"""Width of a spectrum (8.3 inches) in units of which names of lines need `NAME_DISTANCE` each."""


def map_figure(
    dataset: Dataset,
    request: MapRequest,
    viewport: Viewport,
    *,
    selected: int | None,
    kind: str,
    marked: Sequence[tuple[float, float]] = (),
) -> Exported:
    """Draw the map with axes, colour bar or class key.

    Args:
        dataset: The atlas.
        request: What is drawn.
        viewport: Part of the plane; its shape in pixels sets the figure's.
        selected: Row to mark.
        marked: Points of the plane to mark besides.
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
    axes.set_xlabel(request.plane.x_label, parse_math=False)
    axes.set_ylabel(request.plane.y_label, parse_math=False)
    rings = [*marked]
    if selected is not None:
        rings.append((float(request.plane.x[selected]), float(request.plane.y[selected])))
    for position in rings:
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
        mappable = ScalarMappable(norm, ListedColormap(list(replace(request, dark=False).colours)))
        ticks = knots.value(np.linspace(0, 1, 5))
        bar = figure.colorbar(mappable, ax=axes, fraction=0.05, aspect=30)
        bar.set_label(title, parse_math=False)
        bar.set_ticks(list(ticks), labels=[f"{tick:.4g}" for tick in ticks])
        bar.minorticks_off()
    else:
        mask = request.subset if request.subset is not None else request.shown
        handles = [
            Line2D([], [], ls="", marker="o", color=colour, label=name[:28].replace("$", r"\$"))
            for name, _count, colour in class_rows(dataset.classes(request.colour), mask)
        ]
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
    drawn = smoothed(item, smoothing)
    wave, flux, noise = item.wave * shift, drawn.flux, drawn.noise
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.fill_between(wave, flux - noise, flux + noise, color=LIGHT.noise, alpha=0.35, lw=0)
    above.step(wave, flux, where="mid", color=LIGHT.text, lw=0.6, label="data")
    above.plot(wave, drawn.model, color=LIGHT.model, lw=1.1, label="reconstruction")
    below.step(wave, drawn.residual, where="mid", color=LIGHT.text, lw=0.5)
    below.axhline(0, color=LIGHT.faint, lw=0.8)
    above.set(
        xlim=(wave[0], wave[-1]), ylim=flux_limits(flux, noise, drawn.model), ylabel="flux / norm"
    )
    limit = residual_limit(drawn.residual)
    found = line_positions(lines, z=item.z, frame=frame)
    _mark_lines(above, [(line, x) for line, x in found if wave[0] <= x <= wave[-1]])
    above.set_title(title, fontsize=9, loc="left", parse_math=False)
    above.legend(loc="lower right", fontsize="small", ncols=2, framealpha=0.7)
    where = "observed" if frame == "observed" else "rest-frame"
    below.set(
        xlabel=f"{where} vacuum wavelength [\N{LATIN CAPITAL LETTER A WITH RING ABOVE}]",
        ylabel="residual [\N{GREEK SMALL LETTER SIGMA}]", ylim=(-limit, limit),
    )  # fmt: skip
    below.yaxis.set_major_locator(MaxNLocator(5))
    return _write(
        figure, "spectrum_" + "".join(c if c.isalnum() else "_" for c in title.split(" ")[0]), kind
    )


def _mark_lines(axes: Axes, lines: list[tuple[SpectralLine, float]]) -> None:
    """Mark spectral lines at positions in Angstrom, with the names that fit beside each other."""
    start, end = axes.get_xlim()
    for kind, y, align, colour in (
        ("emission", 0.98, "top", LIGHT.emission), ("absorption", 0.02, "bottom", LIGHT.absorption),
    ):  # fmt: skip
        chosen = [(line, x) for line, x in lines if line.kind == kind]
        chosen.sort(key=lambda pair: not pair[0].major)
        fits = readable([x for _line, x in chosen], start=start, end=end, width=LABEL_WIDTH)
        for (line, position), fitting in zip(chosen, fits, strict=True):
            axes.axvline(position, color=colour, lw=0.6, ls="--", alpha=0.6)
            if fitting:
                axes.text(
                    position, y, line.name, rotation=90, fontsize=6, color=colour, ha="right",
                    va=align, transform=axes.get_xaxis_transform(),
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
