"""Redshift trial: the spectrum encoded anew at another redshift, with the misfit at each tried."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, Range1d

from explorer.components.wrapping import wrapping
from explorer.server.latest import Latest
from explorer.server.messages import afterwards, together
from explorer.spectrum.inspection import inspect
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest
from explorer.state.state import ExplorerState
from explorer.theme.inks import Inks
from explorer.theme.text import SMALL, line
from explorer.theme.theme import new_figure
from model.evaluation.redshift_trial import Trials, scan_redshifts, try_redshifts

REACH, STEP = 0.05, 0.0001
"""How far the slider goes from the catalogue's redshift, and its step."""
MARGIN = 0.005
"""How far it goes beyond a redshift typed outside."""
N_SCAN = 101
"""Redshifts of a scan over the slider's range."""
LOWEST, HIGHEST = -0.01, 10.0
HEIGHT = 110


class TrialView(pn.viewable.Viewer):
    """Slider and box of the redshift tried, and a figure of the reduced chi2 of all tried."""

    def __init__(self, state: ExplorerState) -> None:
        """Follow the object inspected, while the trial is open."""
        super().__init__()
        self._state = state
        self._encoding, self._comparing = (Latest(inline_if_fast=True) for _ in range(2))
        self._scanning = Latest()
        self._filling = False
        self._own = 0.0
        self._inks = Inks(state)
        self.slider = pmui.FloatSlider(
            label="redshift tried", start=0, end=1, step=STEP, value=0, format="0.0000",
            sizing_mode="stretch_width", size="small", margin=(4, 14),
        )  # fmt: skip
        self.box = pmui.TextInput(label="z", width=96, **SMALL)
        self.back = pmui.Button(label="catalogue's z", variant="outlined", **SMALL)
        self.scan = pmui.Button(label="scan", variant="outlined", **SMALL)
        self.words = line("")
        self.sources: dict[str, Any] = {
            name: ColumnDataSource({"z": [], "chi2": []}, name=f"trial {name}")
            for name in ("scan", "tried", "now", "own")
        }
        self.figure = self._figure()
        self.slider.param.watch(lambda event: self._try(event.new), "value")
        self.box.param.watch(lambda event: self._read(event.new), "value")
        self.back.on_click(lambda _event: self._go_back())
        self.scan.on_click(lambda _event: self._scan())
        state.param.watch(lambda *_: self._begin(), ["selected", "guest", "trying"])
        state.param.watch(lambda *_: self._follow(), "trial_z")
        self._content = pn.Column(
            wrapping(self.slider, self.box, self.back, self.scan),
            self.words,
            pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", height=HEIGHT, margin=0),
            sizing_mode="stretch_width", margin=0, visible=False,
        )  # fmt: skip
        self._begin()

    def _figure(self) -> Any:  # noqa: ANN401 - Bokeh's figure
        fig = new_figure(
            name="trial", height=HEIGHT, sizing_mode="stretch_width", tools=[],
            x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1),
            x_axis_label="redshift (click to try)", y_axis_label="χ²", min_border_left=52,
            min_border_right=10,
        )  # fmt: skip
        fig.yaxis.ticker.desired_num_ticks = 3
        own = fig.vspan("z", source=self.sources["own"], line_width=1, line_dash="dashed")
        curve = fig.line("z", "chi2", source=self.sources["scan"], line_width=1.2)
        dots = fig.scatter("z", "chi2", source=self.sources["tried"], size=5, line_color=None)
        now = fig.scatter("z", "chi2", source=self.sources["now"], size=10, fill_alpha=0)
        self._inks.add(own, line_color="faint")
        self._inks.add(curve, line_color="text")
        self._inks.add(dots, fill_color="model")
        self._inks.add(now, line_color="accent")
        fig.on_event(Tap, self._on_tap)
        self._inks.paint(fig)
        return fig

    def __panel__(self) -> pn.viewable.Viewable:
        """Return slider, box, buttons and figure; shown while the trial is open."""
        return self._content

    # What the user does.

    def _try(self, z: float) -> None:
        if not self._filling:
            self._state.trial_z = float(z)

    def _go_back(self) -> None:
        self._state.trial_z = None

    def _read(self, text: str | None) -> None:
        if self._filling or not text:
            return
        try:
            z = float(text)
        except ValueError:
            z = np.nan
        self.box.error_state = not LOWEST <= z <= HIGHEST
        if self.box.error_state:
            self.words.object = escape(f"A redshift is a number from -0.01 to 10; got {text[:20]}.")
        else:
            self._state.trial_z = z

    def _on_tap(self, event: Any) -> None:  # noqa: ANN401 - Bokeh's event
        if event.x is not None and self._state.chosen is not None:
            with together():
                self._state.trial_z = float(np.clip(event.x, LOWEST, HIGHEST))

    def _scan(self) -> None:
        chosen, dataset = self._state.chosen, self._state.dataset
        if chosen is not None:
            redshifts = np.linspace(self.slider.start, self.slider.end, N_SCAN)
            model, own = dataset.atlas.model, self._own
            self._scanning.submit(
                lambda: (
                    chosen, scan_redshifts(model, inspect(dataset, chosen).spectra, redshifts, own)
                ),
                self._show_scan,
            )  # fmt: skip

    # What follows from the state.

    def _begin(self) -> None:
        """Start anew for the object inspected, with its own redshift."""
        state = self._state
        chosen, dataset = state.chosen, state.dataset
        if not state.trying:
            state.trial_z = None
            self._content.visible = False
            return  # a click need not wait for what is not seen
        for source in self.sources.values():
            if len(source.data["z"]):
                source.data = {"z": [], "chi2": []}
        self.words.object = "" if chosen is not None else "Select an object first."
        for widget in (self.slider, self.box, self.back, self.scan):
            widget.disabled = chosen is None
        # What changes while a browser opens the trial may be lost: it is opened when all is sent.
        afterwards(self._open)
        if chosen is None:
            return
        self._own = redshift_of(dataset, chosen)
        self._fill(low=max(LOWEST, self._own - REACH), high=self._own + REACH, z=self._own)
        self._comparing.submit(
            lambda: (chosen, trials(dataset, chosen, None)), lambda made: self._show_own(*made)
        )

    def _open(self) -> None:
        self._content.visible = self._state.trying

    def _show_own(self, chosen: int | Guest, made: Trials) -> None:
        if chosen == self._state.chosen:
            self.sources["own"].data = {"z": made.z, "chi2": made.chi2_red}
            self._follow()

    def _fill(self, *, low: float, high: float, z: float) -> None:
        self._filling = True
        if not low <= z <= high:
            low, high = max(LOWEST, min(low, z - MARGIN)), max(high, z + MARGIN)
        self.slider.param.update(start=low, end=high, value=z)
        self.box.param.update(value=f"{z:.5f}", error_state=False)
        self._filling = False

    def _follow(self) -> None:
        """Encode at the redshift tried."""
        state = self._state
        chosen, dataset, z = state.chosen, state.dataset, state.trial_z
        if chosen is None or not state.trying:
            return
        self._fill(
            low=float(self.slider.start),
            high=float(self.slider.end),
            z=self._own if z is None else z,
        )
        if z is None:
            self._draw(self._own, float(np.nan))
            return
        self._encoding.submit(
            lambda: (chosen, trials(dataset, chosen, [z])), lambda made: self._show(*made)
        )

    def _show(self, chosen: int | Guest, made: Trials) -> None:
        if chosen == self._state.chosen and self._state.trial_z is not None:
            self._draw(float(made.z[0]), float(made.chi2_red[0]))

    def _show_scan(self, made: tuple[int | Guest, Trials]) -> None:
        chosen, scanned = made
        if chosen == self._state.chosen:
            self.sources["scan"].data = {"z": scanned.z, "chi2": scanned.chi2_red}
            best = int(np.nanargmin(scanned.chi2_red))
            self._fit_figure()
            self.words.object = (
                f"χ² is least, {scanned.chi2_red[best]:.3f}, at z = {scanned.z[best]:.5f} of "
                f"{len(scanned.z)} redshifts tried."
            )

    def _draw(self, z: float, chi2: float) -> None:
        """Mark a redshift tried, and say what it gives."""
        own = np.asarray(self.sources["own"].data["chi2"], dtype=float)
        text = f"Catalogue: z = {self._own:.5f}, χ² = {own[0]:.3f}." if len(own) else ""
        now = {"z": [z], "chi2": [chi2]} if np.isfinite(chi2) else {"z": [], "chi2": []}
        if np.isfinite(chi2):
            before = self.sources["tried"].data
            self.sources["tried"].data = {
                "z": [*before["z"], z], "chi2": [*before["chi2"], chi2]
            }  # fmt: skip
            text = f"Tried: z = {z:.5f}, χ² = {chi2:.3f} per pixel, encoded anew. {text}"
        self.sources["now"].data = now
        self.words.object = text
        self._fit_figure()

    def _fit_figure(self) -> None:
        values = np.concatenate(
            [np.asarray(source.data["chi2"], dtype=float) for source in self.sources.values()]
        )
        values = values[np.isfinite(values)]
        if len(values):
            low, high = float(values.min()), float(values.max())
            pad = 0.15 * (high - low) or 0.1
            self.figure.y_range.update(start=low - pad, end=high + pad)
        self.figure.x_range.update(start=self.slider.start, end=self.slider.end)


def redshift_of(dataset: Dataset, chosen: int | Guest) -> float:
    """Return the redshift of an object in the catalogue, or of what a user brought."""
    return chosen.z if isinstance(chosen, Guest) else float(dataset.catalog["z"].iloc[chosen])


def trials(dataset: Dataset, chosen: int | Guest, redshifts: Any) -> Trials:  # noqa: ANN401
    """Encode an object at redshifts; None = its own."""
    spectra = inspect(dataset, chosen).spectra
    wanted = spectra.z if redshifts is None else redshifts
    return try_redshifts(dataset.atlas.model, spectra, wanted)
