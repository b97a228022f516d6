"""The image of the map: from columns of the atlas to coloured pixels, the scale and the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import BoolArray, IndexArray
from explorer.map import raster
from explorer.map.raster import Viewport
from explorer.state.dataset import DENSITY, Dataset
from explorer.state.plane import Plane
from explorer.theme.colour import (
    DIVERGING,
    NO_VALUE,
    Scale,
    class_colours,
    fit_scale,
    readable_palette,
    rgb,
)
from explorer.theme.theme import ink

MOST_GATHERED = 0.15
"""Part of the objects that are gathered for a view that shows no more."""
RARE_SHARE = 0.02
"""Classes with less than this part of the objects are drawn over the others."""
RARE_RADIUS = 2.0
"""Their discs have at least this radius on the map, pixels."""


@dataclass(frozen=True, kw_only=True)
class MapRequest:
    """All that an image of the map depends on.

    Attributes:
        plane: Where the objects are.
        colour: Column that colours, or `density`.
        colour_scale: `linear`, `log` or `eq_hist`.
        clip: Percentiles at which the colours end.
        palette: Name of a colour map.
        shown: Mask of objects drawn; None = all.
        subset: Mask of objects in colour, the others being dimmed; None = all.
        dark: Drawn on a dark page.
        rare_radius: Discs of rare classes have at least this radius, pixels.
    """

    plane: Plane
    colour: str
    colour_scale: str
    clip: tuple[float, float]
    palette: str
    shown: BoolArray | None
    subset: BoolArray | None
    dark: bool
    rare_radius: float = RARE_RADIUS

    @property
    def colours(self) -> tuple[str, ...]:
        """The colour map, as far as it can be told from the paper."""
        return readable_palette(self.palette, dark=self.dark, paper=ink(self.dark).paper)


@dataclass(frozen=True)
class MapImage:
    """An image of the map.

    Attributes:
        pixels: Colours as Bokeh takes them, first row lowest, uint32, shape (height, width).
        viewport: What it shows.
        scale: The colour scale; None for classes.
        n_drawn: Objects inside the viewport.
    """

    pixels: NDArray[np.uint32]
    viewport: Viewport
    scale: Scale | None
    n_drawn: int


def initial_images(dataset: Dataset) -> dict[tuple[object, ...], MapImage]:
    """Return the cached initial images for new sessions, by what they depend on."""
    return dataset.keep(("initial map images",), dict)


def scale_for(dataset: Dataset, request: MapRequest) -> Scale | None:
    """Return the colour scale of a column: over the whole atlas, so zooming does not change it."""
    if request.colour == DENSITY or request.colour in dataset.class_columns:
        return None
    key = ("scale", request.colour_scale, str(request.clip), request.palette)

    def make() -> Scale:
        return fit_scale(
            dataset.numeric(request.colour),
            kind=request.colour_scale,
            clip=request.clip,
            diverging=request.palette in DIVERGING,
        )

    return dataset.keep(key, make, columns=(request.colour,))


def draw_map(dataset: Dataset, request: MapRequest, viewport: Viewport) -> MapImage:
    """Draw the map; pure, slow (tens of milliseconds at a million objects)."""
    frame = _frame(dataset, request)
    rows = _rows_in(request.plane, viewport)
    scale = scale_for(dataset, request)
    if request.subset is None:
        drawn = _where(frame, rows, request.shown)
        pixels, scale, n_drawn = _paint(dataset, drawn, request, viewport, scale, request.shown)
        return MapImage(pixels, viewport, scale, n_drawn)
    everything = _where(frame.filter(["x", "y"]), rows, request.shown)
    context = raster.aggregate(everything, viewport)
    grey = np.array([90, 90, 96] if request.dark else [200, 200, 205], dtype=np.uint8)
    bottom = raster.to_rgba(
        np.broadcast_to(grey, (*context["count"].shape, 3)),
        0.55 * raster.opacity(context["count"]),
    )
    chosen = _where(frame, rows, request.subset)
    pixels, scale, _n = _paint(dataset, chosen, request, viewport, scale, request.subset)
    n_drawn = raster.n_point(context["points"])
    return MapImage(raster.over(pixels, bottom), viewport, scale, n_drawn)


def _paint(
    dataset: Dataset,
    frame: pd.DataFrame,
    request: MapRequest,
    viewport: Viewport,
    scale: Scale | None,
    mask: BoolArray | None,
) -> tuple[NDArray[np.uint32], Scale | None, int]:
    """Return the pixels, the scale, and how many objects they show.

    `frame` has the objects in view, indexed by row, of those in `mask`; None = of all.
    """
    means = raster.aggregate(frame, viewport)
    n_drawn = raster.n_point(means["points"])
    pixels, scale = _colour(means, request, scale)
    if request.colour not in dataset.class_columns:
        return pixels, scale, n_drawn
    codes = dataset.classes(request.colour).codes
    rare = _rare_classes(codes, mask)[codes[frame.index.to_numpy()]]
    if rare.any():
        radius = max(request.rare_radius, raster.disc_radius(n_drawn, viewport))
        top = raster.aggregate(frame.iloc[np.flatnonzero(rare)], viewport, radius=radius)
        alpha = np.minimum(top["count"], 1.0)
        pixels = raster.over(raster.to_rgba(_class_colours(top), alpha), pixels)
    return pixels, scale, n_drawn


def _rare_classes(codes: NDArray[np.int16], mask: BoolArray | None) -> BoolArray:
    """Return by code which classes others would hide, among the objects of a mask (None = all).

    The last is that of code -1, no value.
    """
    counts = np.bincount((codes if mask is None else codes[mask]) + 1, minlength=codes.max() + 2)
    return np.append(counts[1:] <= RARE_SHARE * counts.sum(), False)


def _rows_in(plane: Plane, viewport: Viewport) -> IndexArray | None:
    """Return the rows of the objects in view, and of some beside it; None = all, if they are many.

    To gather the columns of many rows takes longer than to look at all.
    """
    if not plane.indexed:
        return None
    view = viewport.x0, viewport.x1, viewport.y0, viewport.y1
    return plane.index.near_if_few(*view, most=int(MOST_GATHERED * len(plane.x)))


def _where(frame: pd.DataFrame, rows: IndexArray | None, mask: BoolArray | None) -> pd.DataFrame:
    """Return some rows of a frame, of these those of a mask; of many, the others without place."""
    if rows is not None:
        return frame.iloc[rows if mask is None else rows[mask[rows]]]
    if mask is None:
        return frame
    if np.count_nonzero(mask) < MOST_GATHERED * len(mask):
        return frame.iloc[np.flatnonzero(mask)]
    return frame.assign(x=np.where(mask, frame["x"], np.float32(np.nan)))


def _frame(dataset: Dataset, request: MapRequest) -> pd.DataFrame:
    """Return the narrow frame Datashader copies: positions and what colours them."""
    columns: dict[str, NDArray[Any]] = {"x": request.plane.x, "y": request.plane.y}
    if request.colour in dataset.class_columns:
        channels = dataset.keep(
            ("channels",),
            lambda: _channels(dataset, request.colour),
            columns=(request.colour,),
        )
        columns |= dict(zip(raster.VALUES[1:], channels, strict=True))
    elif request.colour != DENSITY:
        columns[raster.VALUES[0]] = dataset.numeric(request.colour)
    return pd.DataFrame(columns, copy=False)


def _channels(dataset: Dataset, column: str) -> tuple[NDArray[np.float32], ...]:
    """Return red, green and blue of each object's class, 0-255."""
    classes = dataset.classes(column)
    table = rgb([*class_colours(classes.names), NO_VALUE]).astype(np.float32)
    return tuple(table[classes.codes, channel] for channel in range(3))


def _colour(
    means: dict[str, NDArray[Any]], request: MapRequest, scale: Scale | None
) -> tuple[NDArray[np.uint32], Scale | None]:
    count = means["count"]
    if "red" in means:
        return raster.to_rgba(_class_colours(means), raster.opacity(count)), None
    palette = rgb([*request.colours, NO_VALUE])
    if request.colour == DENSITY:
        scale = fit_density(count, request)
        position = scale.position(np.maximum(count, 1.0))
        alpha = np.minimum(count, 1.0)
    else:
        assert scale is not None
        position = scale.position(means["value"])
        alpha = raster.opacity(count)
    index = np.where(np.isfinite(position), position * (len(palette) - 2), len(palette) - 1)
    return raster.to_rgba(palette[np.round(index).astype(np.intp)], alpha), scale


def _class_colours(means: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Return the mean colour of each pixel, 0-255, shape (height, width, 3)."""
    return np.round(np.stack([np.nan_to_num(means[name]) for name in raster.VALUES[1:]], axis=-1))


def fit_density(count: NDArray[Any], request: MapRequest) -> Scale:
    """Return the scale for counts a pixel: from one object to the most crowded pixels in view."""
    inhabited = count[count > 0.5]
    if inhabited.size == 0:
        return Scale("linear", np.array([1.0, 2.0]))
    top = max(2.0, float(np.percentile(inhabited, min(request.clip[1], 99.9))))
    if request.colour_scale == "linear":
        return Scale("linear", np.array([1.0, top]))
    return Scale("log", np.geomspace(1.0, top, 129))
