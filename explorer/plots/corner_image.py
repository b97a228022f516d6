"""The picture of a corner plot: every pair of axes as a small map, and each axis alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray
from explorer.map.image import MapRequest, draw_map
from explorer.map.raster import Viewport
from explorer.state.dataset import Dataset
from explorer.state.planes import plane_of
from explorer.theme.colour import class_colours
from explorer.theme.theme import ink
from model.latent_axes import bulk

MOST_AXES = 8
"""Axes shown; 28 pairs of them."""
MOST_OBJECTS = 200_000
"""Objects drawn: a cell of some thousand pixels tells no more of them."""
MOST_CLASSES = 6
"""Classes with a curve of their own."""
RARE_RADIUS = 0.8
"""Discs of rare classes have at least this radius, pixels: the cells are small."""
BULK, REACH = (0.5, 99.5), 5.0
"""Part of each axis that is shown (`model.latent_axes.bulk`)."""
GAP = 0.03
"""Between a cell and its neighbour on each side, in widths of a cell."""
N_BIN = 40


@dataclass(frozen=True)
class Corner:
    """A corner plot; cell (column, row) covers one unit of x and y, the first row at the top.

    Attributes:
        names: Of the axes.
        low: Lower end of each, shape (n_axis,).
        high: Upper end.
        pixels: Colours as Bokeh takes them, first row lowest, uint32.
        curves: How each axis is spread: `xs`, `ys`, `colour`.
        n_drawn: Objects drawn.
    """

    names: tuple[str, ...]
    low: FloatArray
    high: FloatArray
    pixels: NDArray[np.uint32]
    curves: dict[str, list[Any]]
    n_drawn: int

    def places(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return where points lie in all pairs: x, y of shape (n_pair, n_point), NaN outside.

        Args:
            values: Along each axis, shape (n_point, n_axis).
        """
        n_axis = len(self.names)
        share = (values[:, :n_axis] - self.low) / (self.high - self.low)
        share = np.where((share >= 0) & (share <= 1), share, np.nan)
        inner = GAP + share * (1 - 2 * GAP)
        pairs = pairs_of(n_axis)
        x = [column + inner[:, column] for column, _row in pairs]
        y = [n_axis - 1 - row + inner[:, row] for _column, row in pairs]
        missing = np.isnan(x) | np.isnan(y)
        return np.where(missing, np.nan, x), np.where(missing, np.nan, y)


def pairs_of(n_axis: int) -> list[tuple[int, int]]:
    """Return the pairs (across, upwards) of a corner plot."""
    return [(column, row) for row in range(n_axis) for column in range(row)]


def draw_corner(dataset: Dataset, request: MapRequest, kind: str, size: tuple[int, int]) -> Corner:
    """Draw a corner plot; pure, slow.

    Args:
        dataset: The atlas.
        request: Colours, objects and theme; its plane is not used.
        kind: `latents` or `axes`.
        size: Width and height, pixels.
    """
    n_axis = min(dataset.atlas.model.n_latent, MOST_AXES)
    low, high = dataset.keep(("corner ends", kind), lambda: _ends(dataset, kind, n_axis))
    drawn = _sample(request.shown, len(dataset))
    request = replace(request, shown=drawn, rare_radius=RARE_RADIUS)
    width, height = (max(side // n_axis, 8) for side in size)
    pixels = np.zeros((height * n_axis, width * n_axis), dtype=np.uint32)
    left, bottom = round(GAP * width), round(GAP * height)
    inner = {"width": width - 2 * left, "height": height - 2 * bottom}
    for column, row in pairs_of(n_axis):
        plane = plane_of(dataset, f"{kind}:{column}:{row}")
        view = Viewport(x0=low[column], x1=high[column], y0=low[row], y1=high[row], **inner)
        at_x, at_y = column * width + left, (n_axis - 1 - row) * height + bottom
        pixels[at_y : at_y + view.height, at_x : at_x + view.width] = draw_map(
            dataset, replace(request, plane=plane), view
        ).pixels
    names = tuple(axis_values(dataset, kind, number)[0] for number in range(n_axis))
    curves = _curves(dataset, request, kind, low, high)
    return Corner(names, low, high, pixels, curves, int(drawn.sum()))


def axis_values(dataset: Dataset, kind: str, number: int) -> tuple[str, FloatArray]:
    """Return the name of an axis and where each object lies along it."""
    plane = plane_of(dataset, f"{kind}:{number}:{number}")
    return plane.x_label, plane.x


def _ends(dataset: Dataset, kind: str, n_axis: int) -> tuple[FloatArray, FloatArray]:
    ends = []
    for number in range(n_axis):
        _name, values = axis_values(dataset, kind, number)
        low, high = (float(end) for end in bulk(values, percentiles=BULK, reach=REACH))
        pad = 0.04 * (high - low) or 1.0
        ends.append((low - pad, high + pad))
    low, high = np.array(ends).T
    return low, high


def _sample(shown: BoolArray | None, n_object: int) -> BoolArray:
    """Return at most `MOST_OBJECTS` of the objects shown, evenly."""
    rows = np.arange(n_object) if shown is None else np.flatnonzero(shown)
    drawn = np.zeros(n_object, dtype=bool)
    drawn[rows[:: max(1, -(-len(rows) // MOST_OBJECTS))]] = True
    return drawn


def _curves(
    dataset: Dataset, request: MapRequest, kind: str, low: FloatArray, high: FloatArray
) -> dict[str, list[Any]]:
    """Return an outline of each axis's histogram for each group, as high as the cell."""
    curves: dict[str, list[Any]] = {"xs": [], "ys": [], "colour": []}
    n_axis = len(low)
    for number in range(n_axis):
        _name, values = axis_values(dataset, kind, number)
        edges = np.linspace(low[number], high[number], N_BIN + 1)
        x = number + GAP + (1 - 2 * GAP) * np.linspace(0, 1, N_BIN + 1)
        for colour, mask in _groups(dataset, request):
            counts = np.histogram(values[mask], edges)[0]
            tall = 0.94 * counts / max(int(counts.max()), 1)
            y = n_axis - 1 - number + GAP + (1 - 2 * GAP) * tall
            curves["xs"].append(np.repeat(x, 2)[1:-1])
            curves["ys"].append(np.repeat(y, 2))
            curves["colour"].append(colour)
    return curves


def _groups(dataset: Dataset, request: MapRequest) -> list[tuple[str, BoolArray]]:
    """Return colour and objects of what has a curve: the classes, or all and those selected."""
    shown, inks = request.shown, ink(request.dark)
    assert shown is not None  # `draw_corner` says which are drawn
    within = shown if request.subset is None else shown & request.subset
    if request.colour not in dataset.class_columns:
        chosen = [] if request.subset is None else [(inks.model, within)]
        return [(inks.faint, shown), *chosen]
    classes = dataset.classes(request.colour)
    groups = zip(class_colours(classes.names), range(MOST_CLASSES), strict=False)
    return [(colour, within & (classes.codes == code)) for colour, code in groups]
