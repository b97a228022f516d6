"""Any two columns against each other, drawn like the map and linked with it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
import param
from bokeh.events import Reset, SelectionGeometry, Tap
from bokeh.models import ColumnDataSource, Range1d

from explorer.components.wrapping import wrapping
from explorer.map.geometry import home_view, nearest_object
from explorer.map.outline import outline
from explorer.map.picture import MapPicture
from explorer.map.tools import MapTools
from explorer.plots.presets import LIMITS, Preset, available, curves
from explorer.server.latest import Latest
from explorer.server.messages import together
from explorer.server.notices import report
from explorer.state.plane import Plane
from explorer.state.planes import plane_of
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.text import SMALL, line
from explorer.theme.theme import inner_size, new_figure

OWN = "own choice"


class ScatterView(pn.viewable.Viewer):
    """Click, box and lasso select as on the map; colours are those of the map."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the figure; it is drawn when its tab is open."""
        super().__init__()
        self._state = state
        self._finding = Latest()
        self._filling = False
        self._inks = Inks(state)
        self._limits = (0.0, 1.0, 0.0, 1.0)
        self._plane: Plane | None = None
        self.preset = pmui.Select(label="plane", options=[], width=150, **SMALL)
        self.x = pmui.Select(label="x", options=[], width=190, **SMALL)
        self.y = pmui.Select(label="y", options=[], width=190, **SMALL)
        self.words = line("")
        self.figure: Any = new_figure(
            name="scatter", x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1),
            tools=[], toolbar_location="right", min_height=260,
        )  # fmt: skip
        self.picture = MapPicture(
            state, self.figure, plane=lambda: self.plane, name="scatter image"
        )
        self.marks = {
            name: ColumnDataSource({"x": [], "y": []}, name=f"scatter {name}")
            for name in ("region", "selected", "curve 1", "curve 2")
        }
        self._add_marks()
        self._tools = MapTools(self.figure)
        self._ranges = self._tools.on_moving(self._on_moving)
        self.figure.on_change("inner_width", self._on_resize)
        self.figure.on_change("inner_height", self._on_resize)
        self.figure.on_event(Reset, lambda _event: self._go_home())
        self.figure.on_event(SelectionGeometry, self._on_geometry)
        self.figure.on_event(Tap, self._on_tap)
        self._inks.paint(self.figure)
        for widget in (self.x, self.y):
            widget.param.watch(lambda *_: self._choose(), "value")
        self.preset.param.watch(lambda event: self._take(event.new), "value")

    def _add_marks(self) -> None:
        fig = self.figure
        for name, role, dash in (
            ("region", "accent", "solid"), ("curve 1", "text", "dashed"),
            ("curve 2", "text", "solid"),
        ):  # fmt: skip
            drawn = fig.line("x", "y", source=self.marks[name], line_width=1.3, line_dash=dash)
            self._inks.add(drawn, line_color=role)
        ring = fig.scatter(
            "x", "y", source=self.marks["selected"], size=13, fill_alpha=0, line_width=2.5
        )
        self._inks.add(ring, line_color="accent")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the choices above the figure."""
        return pn.Column(
            wrapping(self.preset, self.x, self.y),
            pn.pane.Bokeh(self.figure, sizing_mode="stretch_both", margin=0),
            self.words, sizing_mode="stretch_both", margin=0,
        )  # fmt: skip

    @property
    def columns(self) -> tuple[str, str]:
        """The columns across and upwards: those of the state, as far as they are there."""
        names, wanted = self._state.dataset.numeric_columns, self._state.scatter
        usual = [item for item in available(self._state.dataset) if item.y in names]
        first = (usual[0].x, usual[0].y) if usual else (names[0], names[min(1, len(names) - 1)])
        x, y = wanted if wanted and set(wanted) <= set(names) else first
        return x, y

    @property
    def plane(self) -> Plane:
        """The plane shown."""
        return plane_of(self._state.dataset, self.columns)

    def follow(self) -> None:
        """Show the columns, the objects and the selection of the state."""
        dataset, (x, y) = self._state.dataset, self.columns
        options = {dataset.label(name): name for name in dataset.numeric_columns}
        presets = available(dataset)
        chosen = next((item.name for item in presets if (item.x, item.y) == (x, y)), OWN)
        self._filling = True
        self.x.param.update(options=options, value=x)
        self.y.param.update(options=options, value=y)
        self.preset.param.update(options=[OWN, *(item.name for item in presets)], value=chosen)
        self._filling = False
        plane = self.plane
        if plane is not self._plane:
            self._plane = plane
            self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = (
                plane.x_label,
                plane.y_label,
            )
            self._put_curves(chosen)
            self._go_home()
        else:
            self._draw()
        n_absent = len(dataset) - int(np.count_nonzero(plane.known))
        absent = f" {n_absent:,} of {len(dataset):,} objects lack a value." if n_absent else ""
        limits = f" {LIMITS}" if curves(chosen) else ""
        self.words.object = f"Colours, filters and selection are those of the map.{limits}{absent}"
        self.mark()

    def mark(self) -> None:
        """Mark the selected object and the region, if that was drawn here."""
        state, plane, region = self._state, self.plane, self._state.region or {}
        rows = [] if state.selected is None else [state.selected]
        self._put("selected", plane.x[rows], plane.y[rows])
        here = list(region.get("plane", ())) == list(self.columns)
        x, y = (np.array([*region[axis], region[axis][0]]) if here else [] for axis in "xy")
        self._put("region", x, y)

    def _put(self, name: str, x: Any, y: Any) -> None:  # noqa: ANN401 - arrays
        self.marks[name].data = {"x": np.asarray(x, dtype=float), "y": np.asarray(y, dtype=float)}

    def _put_curves(self, preset: str) -> None:
        drawn = curves(preset)
        for number in range(2):
            x, y = drawn[number] if number < len(drawn) else ([], [])
            self._put(f"curve {number + 1}", x, y)

    def _choose(self) -> None:
        pair = [self.x.value, self.y.value]
        if None not in pair and not self._filling:
            self._state.scatter = pair

    def _take(self, name: str | None) -> None:
        there = available(self._state.dataset)
        preset = next((item for item in there if item.name == name), None)
        if self._filling or preset is None or (preset.x, preset.y) == self.columns:
            return
        try:
            with param.parameterized.batch_call_watchers(self._state):
                _calculate(self._state, preset)
                self._state.scatter = [preset.x, preset.y]
        except ValueError as error:
            report(error)

    def _go_home(self) -> None:
        view = home_view(self.plane, aspect=None, tails=False)
        self._limits = view
        self.figure.x_range.update(start=view[0], end=view[1])
        self.figure.y_range.update(start=view[2], end=view[3])
        self._draw()

    def _draw(self) -> None:
        if self._plane is not None and inner_size(self.figure) is not None:
            self.picture.draw(self._limits)

    def _on_resize(self, _name: str, old: object, new: object) -> None:
        if old != new:
            self._draw()

    def _on_moving(self, _name: str, _old: object, new: Any) -> None:  # noqa: ANN401
        shown = (*new["x"], *new["y"])
        if shown != self._limits:
            self._limits = shown
            self._draw()

    def _on_geometry(self, event: Any) -> None:  # noqa: ANN401 - Bokeh's event
        x, y = outline(event.geometry or {})
        if event.final and len(x) >= 3:
            with together():
                self._state.region = {"plane": list(self.columns), "x": x, "y": y}

    def _on_tap(self, event: Any) -> None:  # noqa: ANN401
        size = inner_size(self.figure)
        if event.x is None or event.y is None or size is None:
            return
        x0, x1, y0, y1 = self._limits
        find = partial(
            nearest_object, self.plane, x=event.x, y=event.y, scale_x=size[0] / (x1 - x0),
            scale_y=size[1] / (y1 - y0), shown=self._state.shown,
        )  # fmt: skip
        self._finding.submit(find, self._select)

    def _select(self, row: int | None) -> None:
        if row is not None:
            self._state.selected = row


def _calculate(state: ExplorerState, preset: Preset) -> None:
    """Add the columns that a preset calculates, where they are not there yet."""
    there = state.dataset.catalog
    new = {name: text for name, text in preset.calculated.items() if name not in there}
    if new:
        state.calculate_columns({**state.columns, **new})
