"""What the explorer's map is compared with where a plain scatter would take minutes: Datashader.

panel serve benchmarks/plain_datashader.py --args ATLAS WIDTH HEIGHT
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import datashader as ds
import holoviews as hv
import pandas as pd
import panel as pn
from holoviews.operation.datashader import rasterize


def shaded(path: Path, *, width: int, height: int) -> pn.pane.HoloViews:
    """Return UMAP positions coloured by the mean redshift of a pixel, as HoloViews does it."""
    names = ["umap_x", "umap_y", "z"]

    def read() -> pd.DataFrame:
        return pd.read_parquet(path / "catalog.parquet", columns=names).astype("float32")

    frame = pn.state.as_cached(f"frame {path}", read)
    points = hv.Points(frame, names[:2], names[2:])
    image = rasterize(points, aggregator=ds.mean("z")).opts(
        width=width, height=height, cmap="viridis", tools=["wheel_zoom"], default_tools=["pan"],
        active_tools=["wheel_zoom", "pan"], hooks=[_call_map],
    )  # fmt: skip
    return pn.pane.HoloViews(image)


def _call_map(plot: Any, _element: object) -> None:  # noqa: ANN401 - HoloViews' plot
    plot.state.name = "map"


if __name__.startswith("bokeh_app"):
    pn.extension()
    shaded(Path(sys.argv[1]), width=int(sys.argv[2]), height=int(sys.argv[3])).servable()
