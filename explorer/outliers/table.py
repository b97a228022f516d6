"""The list of outliers as a table, one page of it in the browser at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import param
from panel.custom import JSComponent

from data.columns import column
from explorer.labels.label import Label
from explorer.state.dataset import Dataset

FACTS = ("z", "class", "snr", "chi2_red", "suggested_class", "reasons")
"""Columns of the catalogue in the table, after the score and the label."""
_LABEL = slice(3, 6)
"""Columns of grade, class and note."""
_CSS = """
:host { width: 100%; }
.frame { overflow-x: auto; color: var(--text);
  font: 12px/1.3 Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; border-bottom: 1px solid var(--faint); }
th, td { padding: 3px 7px; white-space: nowrap; max-width: 150px; overflow: hidden;
  text-overflow: ellipsis; }
.number { text-align: right; }
tbody tr { cursor: pointer; }
tbody tr:nth-child(even) { background: color-mix(in srgb, var(--faint) 10%, transparent); }
tbody tr.now { outline: 2px solid var(--highlight); outline-offset: -2px; }
tbody tr:focus-visible { outline: 2px dashed var(--text); outline-offset: -2px; }
"""
_ESM = """
export function render({model, el}) {
  const frame = document.createElement('div')
  frame.className = 'frame'
  const table = frame.appendChild(document.createElement('table'))
  const head = table.createTHead().insertRow()
  const body = table.createTBody()
  const paint = () => {
    for (const [name, colour] of Object.entries(model.colours)) {
      frame.style.setProperty(`--${name}`, colour)
    }
  }
  const mark = () => {
    Array.from(body.rows).forEach((row, at) => {
      row.classList.toggle('now', at === model.current)
      row.setAttribute('aria-selected', at === model.current)
    })
  }
  const fill = () => {
    head.replaceChildren(...model.columns.map((title, at) => {
      const cell = document.createElement('th')
      cell.textContent = title
      cell.scope = 'col'
      cell.classList.toggle('number', model.numbers[at])
      return cell
    }))
    body.replaceChildren()
    model.rows.forEach((values, at) => {
      const row = body.insertRow()
      values.forEach((value, column) => {
        const cell = row.insertCell()
        cell.textContent = value
        cell.title = value
        cell.classList.toggle('number', model.numbers[column])
      })
      const pick = () => model.send_msg({picked: at})
      row.tabIndex = 0
      row.addEventListener('click', pick)
      row.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); pick() }
      })
    })
    mark()
  }
  model.on('rows', fill)
  model.on('current', mark)
  model.on('colours', paint)
  paint()
  fill()
  el.append(frame)
}
"""


class OutlierTable(JSComponent):
    """Rows of text; a click picks one."""

    columns: list[str] = param.List([], item_type=str, doc="Titles.")  # type: ignore[assignment]
    numbers: list[bool] = param.List([], item_type=bool, doc="Columns set to the right.")  # type: ignore[assignment]
    rows: list[list[str]] = param.List([], item_type=list, doc="Cells of the open page.")  # type: ignore[assignment]
    current: int = param.Integer(-1, doc="Row of the selected object, -1 = none of these.")  # type: ignore[assignment]
    colours: dict[str, str] = param.Dict({}, doc="Names and values of the colours used.")  # type: ignore[assignment]

    _esm = _ESM
    _stylesheets = [_CSS]

    def __init__(self, on_pick: Callable[[int], None]) -> None:
        """Call `on_pick` with the number of the row clicked."""
        self._on_pick = on_pick
        super().__init__(sizing_mode="stretch_width", margin=0)
        self.on_msg(self._hear)

    def label(self, at: int, label: Label) -> None:
        """Write a new label into a row."""
        rows = [list(row) for row in self.rows]
        rows[at][_LABEL] = _label_cells(label)
        self.rows = rows

    def _hear(self, event: Any) -> None:  # noqa: ANN401
        picked = event.data.get("picked") if isinstance(event.data, dict) else None
        if isinstance(picked, int) and 0 <= picked < len(self.rows):
            self._on_pick(picked)


def titles(dataset: Dataset, score: str) -> tuple[list[str], list[bool]]:
    """Return the titles of the columns, and which hold numbers."""
    facts = _facts(dataset, score)
    numeric = [name in dataset.numeric_columns for name in facts]
    names = ["#", "object_id", dataset.label(score), "grade", "class said", "note"]
    names += [column(name).heading for name in facts]
    return names, [True, False, True, True, False, False, *numeric]


def cells(
    dataset: Dataset, score: str, rows: list[int], *, first: int, labels: Mapping[str, Label]
) -> list[list[str]]:
    """Return the text of some rows.

    Args:
        dataset: The atlas.
        score: Column ranked by, shown first.
        rows: Catalogue rows.
        first: Rank of the first of them, from 1.
        labels: object_id -> label.
    """
    table = []
    for rank, row in enumerate(rows, start=first):
        object_id = str(dataset.ids[row])
        label = labels.get(object_id) or Label(object_id=object_id)
        facts = [_text(dataset, name, row) for name in _facts(dataset, score)]
        value = _text(dataset, score, row)
        table.append([f"{rank:,}", object_id, value, *_label_cells(label), *facts])
    return table


def _label_cells(label: Label) -> list[str]:
    return ["" if label.grade is None else str(label.grade), label.kind, label.note]


def _facts(dataset: Dataset, score: str) -> list[str]:
    there = {*dataset.numeric_columns, *dataset.class_columns, *_words(dataset)}
    return [name for name in FACTS if name in there and name != score]


def _words(dataset: Dataset) -> set[str]:
    """Return the columns of sentences."""
    return {"reasons"} & set(dataset.catalog.columns)


def _text(dataset: Dataset, name: str, row: int) -> str:
    if name in dataset.numeric_columns:
        value = float(dataset.numeric(name)[row])
        return f"{value:.4g}" if np.isfinite(value) else ""
    if name in _words(dataset):
        return str(dataset.catalog[name].iloc[row])
    classes = dataset.classes(name)
    code = int(classes.codes[row])
    return classes.names[code] if code >= 0 else ""
