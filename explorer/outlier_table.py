"""The list of outliers as a table, one page of it in the browser at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import panel as pn

from explorer.dataset import Dataset
from explorer.labels import Label
from explorer.ranking import Ranking

FACTS = ("z", "class", "snr", "chi2_red")
PAGE_SIZE = 20


class OutlierTable:
    """A table of the list; a click on a row picks the object of that `object_id`."""

    def __init__(self, dataset: Dataset, on_pick: Callable[[int], None]) -> None:
        """Start empty; `on_pick` gets the catalogue row clicked."""
        self._dataset, self._on_pick = dataset, on_pick
        self._place: dict[str, int] = {}
        self.widget = pn.widgets.Tabulator(
            pd.DataFrame({"object_id": pd.Series([], dtype=object)}),
            pagination="remote", page_size=PAGE_SIZE, show_index=False, disabled=True,
            selectable=1, sizing_mode="stretch_width", margin=(2, 4), layout="fit_data_fill",
            theme="simple", configuration={"columnDefaults": {"headerSortTristate": True}},
        )  # fmt: skip
        self.widget.on_click(self._clicked)

    def show(self, ranking: Ranking, column: str, labels: dict[str, Label]) -> None:
        """Show a list ranked by `column`."""
        table = frame(self._dataset, ranking, column, labels)
        self._place = {name: place for place, name in enumerate(table["object_id"])}
        titles = {name: self._dataset.label(name) for name in (column, *FACTS)}
        titles |= {"rank": "#", "said": "class said", "value": "score"}
        self.widget.param.update(selection=[], titles=titles)
        self.widget.value = table
        self.widget.page = 1

    def mark(self, place: int | None) -> None:
        """Mark the row at that place of the list and turn to its page."""
        if place is None:
            self.widget.selection = []
        elif self.widget.selection != [place]:
            self.widget.param.update(page=place // PAGE_SIZE + 1, selection=[place])

    def show_label(self, object_id: str, label: Label | None) -> None:
        """Show a label that changed."""
        place = self._place.get(object_id)
        if place is not None:
            said = _said(label)
            self.widget.patch({name: [(place, value)] for name, value in said.items()})

    def _clicked(self, event: Any) -> None:  # noqa: ANN401
        object_id = str(self.widget.value["object_id"].iloc[event.row])
        row = self._dataset.row(object_id)
        if row is not None:
            self._on_pick(row)


def frame(
    dataset: Dataset, ranking: Ranking, column: str, labels: dict[str, Label]
) -> pd.DataFrame:
    """Return the table of a list: place, id, score, usual facts, label."""
    rows = ranking.rows
    names = dataset.ids[rows]
    columns: dict[str, Any] = {
        "rank": np.arange(1, len(rows) + 1), "object_id": names,
        column: np.round(dataset.numeric(column)[rows].astype(float), 3),
    }  # fmt: skip
    for fact in FACTS:
        if fact in columns:
            continue
        if fact in dataset.numeric_columns:
            columns[fact] = np.round(dataset.numeric(fact)[rows].astype(float), 4)
        elif fact in dataset.catalog:
            columns[fact] = dataset.catalog[fact].iloc[rows].astype(str).to_numpy()
    said = [_said(labels.get(str(name))) for name in names]
    for name in ("grade", "said", "note"):
        columns[name] = [item[name] for item in said]
    return pd.DataFrame(columns)


def _said(label: Label | None) -> dict[str, str]:
    grade = "" if label is None or label.grade is None else str(label.grade)
    return {
        "grade": grade,
        "said": "" if label is None else label.kind,
        "note": "" if label is None else label.note,
    }
