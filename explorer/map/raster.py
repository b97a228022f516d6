"""Draws up to millions of points as an image: aggregation by Datashader, colours by us.

Few points in view become discs with soft edges, many become one pixel each; the mean of a column
stays a mean either way, because sums and counts are spread before they are divided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import datashader as ds
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import FloatArray

VALUES = ("value", "red", "green", "blue")
"""Names of the columns that colour: one number, or three that make a class colour."""
COVERAGE = 0.12
"""Part of the image that discs should cover together."""
MAX_RADIUS = 5.0
"""Largest radius of a disc, pixels."""
MAX_FADE = 0.45
"""How far a lone point fades beside a crowded pixel."""


@dataclass(frozen=True, kw_only=True)
class Viewport:
    """What part of the plane an image shows, and its size in pixels."""

    x0: float
    x1: float
    y0: float
    y1: float
    width: int
    height: int

    def canvas(self) -> ds.Canvas:
        """Return the Datashader canvas."""
        return ds.Canvas(
            plot_width=self.width,
            plot_height=self.height,
            x_range=(self.x0, self.x1),
            y_range=(self.y0, self.y1),
        )


def warm_up() -> None:
    """Compile the aggregations once, so that the first map is quick (2.5 s otherwise)."""
    viewport = Viewport(x0=0, x1=1, y0=0, y1=1, width=8, height=8)
    frame = pd.DataFrame({name: [0.0, 1.0] for name in ("x", "y", *VALUES)}, dtype=np.float32)
    aggregate(frame.filter(["x", "y"]), viewport)
    aggregate(frame.filter(["x", "y", VALUES[0]]), viewport)
    aggregate(frame.filter(["x", "y", *VALUES[1:]]), viewport)


def aggregate(
    frame: pd.DataFrame, viewport: Viewport, *, radius: float | None = None
) -> dict[str, FloatArray]:
    """Count points and average their other columns, pixel by pixel.

    Args:
        frame: `x`, `y` and columns to average, all float32: every column is copied.
        viewport: What to show.
        radius: Of the discs, pixels; None = by the number of points in view.

    Returns:
        `points` in each pixel; `count`, the same drawn as discs, the part of the pixel covered at
        their edges; and the mean of each column, NaN where no value is finite. All have the shape
        (height, width), float32.
    """
    names = [name for name in frame.columns if name not in ("x", "y")]
    reductions: dict[str, Any] = {"count": ds.count("x")}
    for name in names:
        reductions[f"sum_{name}"] = ds.sum(name)
    if VALUES[0] in names:  # the others have no gaps
        reductions["finite"] = ds.count(VALUES[0])
    image = viewport.canvas().points(frame, "x", "y", agg=ds.summary(**reductions))
    points = image["count"].to_numpy().astype(np.float32)
    radius = disc_radius(n_point(points), viewport) if radius is None else radius
    result = {"points": points, "count": _spread(points, radius=radius)}
    finite = result["count"]
    if VALUES[0] in names:
        finite = _spread(image["finite"].to_numpy().astype(np.float32), radius=radius)
    for name in names:
        total = np.nan_to_num(image[f"sum_{name}"].to_numpy()).astype(np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = _spread(total, radius=radius) / finite
        result[name] = np.where(finite > 1e-6, mean, np.float32(np.nan))
    return result


def n_point(points: FloatArray) -> int:
    """Return how many points an image of their number in each pixel shows."""
    return int(points.sum(dtype=float))


def disc_radius(n_point: int, viewport: Viewport) -> float:
    """Return the radius (pixels) at which discs cover `COVERAGE` of the image; 0 = one pixel."""
    if n_point == 0:
        return 0.0
    n_pixel = viewport.width * viewport.height
    radius = min(MAX_RADIUS, float(np.sqrt(COVERAGE * n_pixel / (np.pi * n_point))))
    return radius if radius > 0.8 else 0.0


def _spread(image: FloatArray, *, radius: float) -> FloatArray:
    """Spread every non-zero pixel over a disc with a soft edge (adding up)."""
    if radius == 0.0:
        return image
    reach = int(np.ceil(radius + 0.5))
    offset = np.arange(-reach, reach + 1)
    weight = np.clip(radius + 0.5 - np.hypot(*np.meshgrid(offset, offset)), 0.0, 1.0)
    height, width = image.shape
    padded = np.zeros((height + 2 * reach, width + 2 * reach), dtype=np.float32)
    rows, columns = np.nonzero(image)
    values = image[rows, columns]
    for row, column in np.argwhere(weight > 0):
        # Offsets of one step never hit a pixel twice, so plain fancy addition is safe.
        padded[rows + row, columns + column] += values * weight[row, column]
    return padded[reach : reach + height, reach : reach + width]


def opacity(count: FloatArray) -> FloatArray:
    """Return opacity 0 to 1: edges of discs by coverage, crowded maps by the log of the count."""
    crowd = np.maximum(count, 1.0)
    inhabited = crowd[count > 0]
    reference = (
        float(np.percentile(inhabited[:: 1 + inhabited.size // 50_000], 99))
        if (inhabited.size)
        else 1.0
    )
    depth = MAX_FADE * min(1.0, np.log10(max(reference, 1.0)))
    relative = np.log(crowd) / max(np.log(max(reference, 1.0)), 1e-6)
    return np.minimum(count, 1.0) * (1.0 - depth * (1.0 - np.minimum(relative, 1.0)))


def to_rgba(rgb: NDArray[Any], alpha: FloatArray) -> NDArray[np.uint32]:
    """Pack colours 0-255, shape (height, width, 3), and opacity 0-1 as Bokeh takes them."""
    pixels = np.empty((*alpha.shape, 4), dtype=np.uint8)
    pixels[..., :3] = rgb
    pixels[..., 3] = np.round(255.0 * alpha)
    return pixels.view(np.uint32)[..., 0]


def over(top: NDArray[np.uint32], bottom: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Lay one image over another."""
    first, second = (image.view(np.uint8).reshape(*image.shape, 4) for image in (top, bottom))
    a_first = first[..., 3:].astype(np.float32) / 255.0
    a_second = second[..., 3:].astype(np.float32) / 255.0 * (1.0 - a_first)
    alpha = a_first + a_second
    mixed = first[..., :3] * a_first + second[..., :3] * a_second
    return to_rgba(mixed / np.maximum(alpha, 1e-6), alpha[..., 0])
