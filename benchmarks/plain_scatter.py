"""What the explorer's map is compared with: all points of an atlas in one plain Bokeh figure.

panel serve benchmarks/plain_scatter.py --args ATLAS WIDTH HEIGHT
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import panel as pn
import pyarrow.parquet as pq
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from bokeh.transform import linear_cmap


def scatter(path: Path, *, width: int, height: int) -> pn.pane.Bokeh:
    """Return UMAP positions coloured by redshift, every point sent to the browser."""

    def read() -> dict[str, Any]:
        table = pq.read_table(path / "catalog.parquet", columns=["umap_x", "umap_y", "z"])
        x, y, z = (column.to_numpy().astype("float32") for column in table.columns)
        return {"x": x, "y": y, "z": z}

    fig = figure(
        width=width, height=height, tools="pan,wheel_zoom", active_scroll="wheel_zoom",
        lod_threshold=None, name="map",
    )  # fmt: skip
    colour = linear_cmap("z", "Viridis256", 0.0, 0.3)
    source = ColumnDataSource(pn.state.as_cached(f"scatter {path}", read))
    fig.scatter("x", "y", source=source, size=2, color=colour)
    return pn.pane.Bokeh(fig)


if __name__.startswith("bokeh_app"):
    pn.extension()
    scatter(Path(sys.argv[1]), width=int(sys.argv[2]), height=int(sys.argv[3])).servable()
