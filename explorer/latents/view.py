"""The latents: a slider for each, decoded as it moves, starting from the selected object."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import panel as pn
import panel_material_ui as pmui

from data.arrays import FloatArray
from explorer.components.wrapping import wrapping
from explorer.latents.basis import RAW, ROTATED, Basis, basis
from explorer.latents.traversal import TraversalView
from explorer.server.latest import Latest
from explorer.server.notices import report
from explorer.server.panel_html import Html
from explorer.spectrum.feature_table import TABLE_STYLE, UPRIGHT_STYLE, compared, number
from explorer.spectrum.rest_figure import RestFigure
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest
from explorer.state.state import ExplorerState
from explorer.theme.text import SMALL, line
from model.latent_axes import middle
from model.tracks.trends import measured_trends

TAB = "Latents"
SLIDERS, TRAVERSAL = "sliders", "traversal"
STEPS = 200
NEAREST = "nearest to the sliders"
"""What the object marked on the map is."""


@dataclass(frozen=True)
class Probe:
    """Two points of latent space, decoded.

    Attributes:
        start: Decoded spectrum where the sliders started, shape (n_rest,).
        now: Decoded spectrum where they are, same shape.
        nearest: Row of the nearest object.
        distance: Its distance in the latents.
        usual: Distance within which 99 % of the objects have a neighbour.
    """

    start: FloatArray
    now: FloatArray
    nearest: int
    distance: float
    usual: float


class LatentsView(pn.viewable.Viewer):
    """Sliders and their spectrum, or what each latent does (Nicolaou+2025, Fig. 20)."""

    def __init__(self, state: ExplorerState) -> None:
        """Make the widgets; they start when the tab opens."""
        super().__init__()
        self._state = state
        self._decoding, self._measuring = Latest(inline_if_fast=True), Latest()
        self._filling = False
        self._stale = True
        self.start: FloatArray = _middle(state.dataset)
        self.point = self.start
        self.probe: Probe | None = None
        self._make_widgets()
        self.figure = RestFigure(state, roles={"start": "faint", "now": "model"})
        self.traversal = TraversalView(state)
        state.param.watch(lambda *_: self._restart(), ["selected", "guest", "tab"])
        wanted = state.slider_latents  # from the URL
        self._fit_sliders()
        self._restart()
        if wanted is not None:
            self._follow(wanted)

    def _make_widgets(self) -> None:
        self.part = pmui.RadioButtonGroup(
            label="", options=[SLIDERS, TRAVERSAL], value=SLIDERS, **SMALL
        )
        self.axes = pmui.RadioButtonGroup(label="", options=[RAW, ROTATED], value=RAW, **SMALL)
        self.reset = pmui.Button(label="back to the start", variant="outlined", **SMALL)
        self.mark = pmui.Checkbox(label="mark the nearest object", value=True, **SMALL)
        self.sliders = [
            pmui.FloatSlider(label="", start=-1, end=1, step=0.01, value=0, size="small",
                             sizing_mode="stretch_width", margin=(0, 12), format="0.00")
            for _ in self.start
        ]  # fmt: skip
        self.where = line("")
        self.features = Html(
            "", stylesheets=[TABLE_STYLE, UPRIGHT_STYLE], margin=(2, 6),
            sizing_mode="stretch_width",
        )  # fmt: skip
        for slider in self.sliders:
            slider.param.watch(lambda *_: self._move(), "value")
        self.axes.param.watch(lambda *_: self._turn(), "value")
        self.part.param.watch(lambda *_: self._open_traversal(), "value")
        self.reset.on_click(lambda _event: self._restart(force=True))
        self.mark.param.watch(lambda *_: self._mark(), "value")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the widgets above, the spectrum or the traversal below."""
        grid = pn.GridBox(*self.sliders, ncols=2, sizing_mode="stretch_width", margin=0)
        sliders = pn.Column(
            wrapping(self.reset, self.mark), grid, self.where, self.figure,
            self.features,
            sizing_mode="stretch_both", margin=0,
            visible=self.part.param.value.rx() == SLIDERS,
        )  # fmt: skip
        traversal = pn.Column(
            self.traversal, sizing_mode="stretch_both", margin=0,
            visible=self.part.param.value.rx() == TRAVERSAL,
        )  # fmt: skip
        return pn.Column(
            wrapping(self.part, self.axes), sliders, traversal,
            sizing_mode="stretch_both", scroll="y-auto", margin=(6, 4),
        )  # fmt: skip

    @property
    def basis(self) -> Basis:
        """The axes that the sliders move along."""
        return basis(self._state.dataset, self.axes.value)

    def _open_traversal(self) -> None:
        if self.part.value == TRAVERSAL:
            self.traversal.update(rotated=self.axes.value == ROTATED)

    def _turn(self) -> None:
        self._fit_sliders()
        self._open_traversal()

    def _restart(self, *, force: bool = False) -> None:
        """Start from the selected object, or from the median of all."""
        state = self._state
        if state.tab != TAB:
            self._stale, state.slider_latents = True, None
            self._unmark()
            return
        latents = state.dataset.atlas.latents
        chosen = state.chosen
        if isinstance(chosen, Guest):
            start = chosen.placed.latents.astype(float)
        else:
            start = _middle(state.dataset) if chosen is None else latents[chosen].astype(float)
        if force or self._stale or not np.array_equal(start, self.start):
            self._stale, self.start, self.point = False, start, start
            state.slider_latents = None
            self._fit_sliders()

    def _follow(self, wanted: list[float]) -> None:
        """Go to latents that came with the address."""
        try:
            latents = np.array(wanted, dtype=float)
            if latents.shape != self.start.shape or not np.isfinite(latents).all():
                raise ValueError
        except (TypeError, ValueError):
            report(
                ValueError(f"a point needs {len(self.start)} finite latents, got {wanted!r:.60}")
            )
            return
        self.point, self._state.slider_latents = latents, latents.tolist()
        self._fit_sliders()

    def _move(self) -> None:
        if not self._filling:
            values = np.array([slider.value for slider in self.sliders])
            self.point = self.basis.latents(values)
            self._state.slider_latents = self.point.tolist()
            self._decode()

    def _fit_sliders(self) -> None:
        """Set the sliders to the point, along the axes chosen."""
        chosen = self.basis
        values = chosen.coordinates(self.point)
        self._filling = True
        try:
            for slider, name, value, low, high in zip(
                self.sliders, chosen.names, values, chosen.low, chosen.high, strict=True
            ):
                low, high = min(float(low), float(value)), max(float(high), float(value))
                high = max(high, low + 1e-6)
                slider.param.update(
                    label=name, start=low, end=high, step=(high - low) / STEPS, value=float(value)
                )
        finally:
            self._filling = False
        self._decode()

    def _decode(self) -> None:
        if self._state.tab == TAB:
            dataset, start, point = self._state.dataset, self.start, self.point
            self._decoding.submit(lambda: decode_probe(dataset, start, point), self.draw)

    def draw(self, result: Probe) -> None:
        """Show decoded points."""
        self.probe = result
        state = self._state
        self.figure.draw({"start": result.start, "now": result.now})
        wave = state.dataset.atlas.model.wave_rest
        self._measuring.submit(lambda: measure_both(wave, result), self._show_measures)
        own = state.guest.name if state.guest else state.selected_id
        begun = own or "the median of all objects"
        text = (
            f"Started from {begun}. Nearest object: {state.dataset.ids[result.nearest]} at "
            f"distance {number(result.distance)}"
        )
        if result.distance > result.usual:
            text += ", farther than 99 % of objects are from theirs: the decoder extrapolates here"
        self.where.object = escape(text + ".")
        self._mark()

    def _show_measures(self, html: str) -> None:
        self.features.object = html

    def _mark(self) -> None:
        state = self._state
        if state.tab == TAB and self.mark.value and self.probe is not None:
            state.param.update(highlight=[self.probe.nearest], highlight_label=NEAREST)
        elif not self.mark.value:
            self._unmark()

    def _unmark(self) -> None:
        """Take the mark of the nearest object off the map, if it is there."""
        if self._state.highlight_label == NEAREST:
            self._state.param.update(highlight=[], highlight_label="")


def _middle(dataset: Dataset) -> FloatArray:
    return dataset.keep(("middle",), lambda: middle(dataset.atlas.latents))


def decode_probe(dataset: Dataset, start: FloatArray, point: FloatArray) -> Probe:
    """Decode two points of latent space and find the object nearest to the second; slow.

    Args:
        dataset: The atlas.
        start: Latents, shape (n_latent,).
        point: Latents, shape (n_latent,).
    """
    spectra = dataset.atlas.model.decode(np.stack([start, point]).astype(np.float32))
    tree, rows = dataset.latent_places
    distance, nearest = tree.query(point)
    return Probe(
        start=spectra[0], now=spectra[1], nearest=int(rows[nearest]), distance=float(distance),
        usual=dataset.keep(("usual distance",), lambda: _usual_distance(dataset)),
    )  # fmt: skip


def measure_both(wave: FloatArray, probe: Probe) -> str:
    """Return the HTML table of what is measured on both spectra of a probe; slow.

    Args:
        wave: Rest-frame wavelengths, Angstrom, shape (n_rest,).
        probe: Its spectra.
    """
    measured = measured_trends(wave, np.stack([probe.start, probe.now]))
    return compared(measured.iloc[0].to_dict(), measured.iloc[1].to_dict())


def _usual_distance(dataset: Dataset) -> float:
    """Return the distance within which 99 % of the objects have a neighbour in the latents."""
    return float(np.percentile(dataset.atlas.neighbours.distances[:, 0], 99))
