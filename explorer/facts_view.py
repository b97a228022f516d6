"""What the catalogue says of the selected object, as text."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn

from explorer.dataset import Dataset
from explorer.state import ExplorerState

FIRST = ("object_id", "ra", "dec", "z", "z_err", "class", "subclass", "snr")

_STYLE = """
table.facts {border-collapse: collapse; font-size: 12px; width: 100%;
  font-variant-numeric: tabular-nums}
table.facts th {text-align: left; font-weight: 400; opacity: .7; padding: 1px 8px 1px 0;
  white-space: nowrap}
table.facts td {padding: 1px 14px 1px 0; word-break: break-all}
"""


class FactsView(pn.viewable.Viewer):
    """A table of the selected object's facts; nothing from the catalogue is taken as HTML."""

    def __init__(self, state: ExplorerState) -> None:
        """Follow the selection."""
        super().__init__()
        self._state = state

    def html(self, selected: int | None) -> str:
        """Return the table of one row; pure."""
        if selected is None:
            return "<p>Click an object on the map.</p>"
        pairs = facts(self._state.dataset, selected)
        cells = [f"<th>{escape(name)}</th><td>{escape(value)}</td>" for name, value in pairs]
        half = (len(cells) + 1) // 2
        left, right = cells[:half], cells[half:] + [""] * (2 * half - len(cells))
        rows = "".join(f"<tr>{a}{b}</tr>" for a, b in zip(left, right, strict=True))
        return f'<table class="facts">{rows}</table>'

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the table as a pane."""
        return pn.pane.HTML(
            pn.bind(self.html, self._state.param.selected),
            stylesheets=[_STYLE],
            sizing_mode="stretch_width",
            margin=(4, 10),
        )


def facts(dataset: Dataset, row: int) -> list[tuple[str, str]]:
    """Return names and values of a row's facts: the usual ones, the scores, then the rest."""
    record = dataset.catalog.iloc[row]
    scores = [score.column for score in dataset.atlas.scores]
    skip = {axis for item in dataset.atlas.embeddings for axis in (item.x, item.y)}
    order = [*FIRST, *scores]
    order += [str(name) for name in dataset.catalog.columns if name not in order]
    return [
        (dataset.label(name), fact(record[name]))
        for name in order
        if name in record.index and name not in skip and fact(record[name])
    ]


def fact(value: Any) -> str:  # noqa: ANN401
    """Return a catalogue value as short text; empty where missing."""
    if isinstance(value, str):
        return value.strip()
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    return str(value)
