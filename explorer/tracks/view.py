"""Tracks: drawn on the map or made by a recipe, decoded, compared with what was observed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from explorer.components.wrapping import wrapping
from explorer.export.download import Download
from explorer.export.export import Exported
from explorer.server.latest import Latest, or_error
from explorer.server.notices import report
from explorer.state.path import Path
from explorer.state.state import ExplorerState
from explorer.theme.text import SMALL, line
from explorer.tracks.diagnostics import TrackPlanes
from explorer.tracks.drawing import drawn_track
from explorer.tracks.recipes import DRAW, TrackRecipes, depends_on
from explorer.tracks.result import (
    Decoded,
    Observed,
    as_csv,
    as_fits,
    background,
    decode,
    knot_text,
    observe,
    positions,
)
from explorer.tracks.shelf import SAVED, TrackShelf
from explorer.tracks.spectra import TrackSpectra
from explorer.tracks.trends import TrackTrends
from model.tracks.track import Track

SPECTRA, TRENDS, PLANES = "spectra", "trends", "planes"


class TracksView(pn.viewable.Viewer):
    """Makes one track at a time and shows what lies along it."""

    def __init__(self, state: ExplorerState) -> None:
        """Start with the path on the map, if there is one."""
        super().__init__()
        self._state = state
        self._decoding, self._sampling = Latest(), Latest()
        self._observing = Latest(patient=True)
        self.decoded: Decoded | None = None
        self.observed: Observed | None = None
        self.sample: pd.DataFrame | None = None
        self.recipes = TrackRecipes(state, self.make)
        self.spectra, self.trends = TrackSpectra(state), TrackTrends(state)
        self.planes = TrackPlanes(state)
        self.shelf = TrackShelf(state, self.track, self.make)
        self.download = Download()
        self._make_widgets()
        state.param.watch(lambda *_: self._drawn(), "path")
        state.param.watch(lambda *_: self._place(), ["embedding", "latent_x", "latent_y"])
        state.param.watch(lambda *_: self._redraw(), "n_knot")
        state.param.watch(self._forget, ["filters", "region", "n_knot", "selected"])
        self._follow_address()

    def _make_widgets(self) -> None:
        self.part = pmui.RadioButtonGroup(
            label="", options=[SPECTRA, TRENDS, PLANES], value=SPECTRA, **SMALL
        )
        self.knot = pmui.Player(
            start=0, end=1, value=0, interval=250, loop_policy="reflect", width=230,
            show_loop_controls=False, visible_buttons=["previous", "pause", "play", "next"],
            margin=(0, 4), disabled=True, align="center",
        )  # fmt: skip
        self.export = pmui.MenuButton(
            label="Take away", variant="outlined", on_click=self._export,
            items=[{"label": "Table as CSV"}, {"label": "Spectra as FITS"}], **SMALL,
        )  # fmt: skip
        self.message = line(
            "No track yet: draw one across the map, or choose a recipe and press make."
        )
        self.knot.param.watch(lambda *_: self._mark(), "value")
        self.part.param.watch(lambda *_: self._switch(), "value")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return recipes, figures and the shelf of saved tracks."""
        contents = {SPECTRA: self.spectra, TRENDS: self.trends, PLANES: self.planes}
        return pn.Column(
            self.recipes,
            self.shelf,
            wrapping(self.part, self.knot, self.export),
            self.message,
            *(
                pn.Column(
                    content, visible=self.part.param.value.rx() == name, margin=0,
                    sizing_mode="stretch_both" if name == SPECTRA else "stretch_width",
                )
                for name, content in contents.items()
            ),
            self.download,
            sizing_mode="stretch_both", scroll="y-auto", margin=(6, 4),
        )  # fmt: skip

    def _follow_address(self) -> None:
        """Make the track, or draw the path, that came with the address."""
        track = self._state.track
        if track is None:
            self._redraw()
            return
        try:
            (self.shelf if track.get("recipe") == SAVED else self.recipes).follow(track)
        except ValueError as error:
            self.message.object = escape(str(error))
            self._state.track = None
            report(error)

    def _forget(self, *events: Any) -> None:  # noqa: ANN401 - param's events
        """Leave the track out of the address once its recipe would make another one."""
        track = self._state.track
        if track is not None and {event.name for event in events} & depends_on(track):
            self._state.track = None

    def _drawn(self) -> None:
        """Follow a path drawn on the map; one that a track was placed on is known already."""
        path = self._state.path
        if path is None or path.is_wanted:
            self._state.track = None
            self._redraw()

    def _redraw(self) -> None:
        wanted = self.recipes.recipe.value == DRAW and self._state.track is None
        make = drawn_track(self._state) if wanted else None
        if make is not None:
            self.make(make)

    def make(self, make: Callable[[], Track]) -> None:
        """Make a track, decode it and show it."""
        dataset = self._state.dataset
        self._decoding.submit(or_error(lambda: decode(dataset, make())), self._decode_done)

    def _decode_done(self, result: Decoded | ValueError) -> None:
        if isinstance(result, ValueError):
            self.message.object = escape(str(result))
            self._state.track = None
            report(result)
        else:
            self.draw(result)

    def draw(self, decoded: Decoded) -> None:
        """Show a decoded track; its observed stacks follow when they are read."""
        self.decoded, self.observed = decoded, None
        n_knot = len(decoded.track)
        knot = min(int(self.knot.value), n_knot - 1)
        self.knot.param.update(end=n_knot - 1, value=knot, disabled=False)
        self.spectra.draw_stack(decoded, knot)
        self._draw_measured()
        self._place()
        dataset, track = self._state.dataset, decoded.track
        self._observing.submit(or_error(lambda: observe(dataset, track)), self._observe_done)
        self._make_sample()

    def _observe_done(self, result: Observed | ValueError) -> None:
        if isinstance(result, ValueError):
            self.message.object = escape(str(result))
        elif self.decoded is not None and result.track is self.decoded.track:
            self.observed = result
            self._draw_measured()

    def _sample_done(self, sample: pd.DataFrame) -> None:
        self.sample = sample
        self._draw_measured()

    def _switch(self) -> None:
        """Fill the part chosen: what is out of sight was not drawn."""
        self._draw_measured()
        self._make_sample()

    def _make_sample(self) -> None:
        """Make the sample behind the planes when they are first looked at."""
        if self.part.value == PLANES and self.sample is None:
            dataset = self._state.dataset
            self._sampling.submit(lambda: background(dataset), self._sample_done)

    def _draw_measured(self) -> None:
        """Draw trends or planes, if they are open: Bokeh paints whatever figure is changed."""
        if self.decoded is not None and self.part.value == TRENDS:
            self.trends.draw(self.decoded, self.observed)
        if self.decoded is not None and self.part.value == PLANES:
            self.planes.draw(self.decoded, self.observed, self.sample)
        self._mark()

    def _mark(self) -> None:
        """Show the knot that the slider is at."""
        decoded = self.decoded
        if decoded is None:
            return
        knot = min(int(self.knot.value), len(decoded.track) - 1)
        self.spectra.draw_knot(decoded, self.observed, knot)
        if self.part.value == TRENDS:
            self.trends.mark(knot)
        if self.part.value == PLANES:
            self.planes.mark(knot)
        self.message.object = escape(knot_text(decoded.track, knot, self.observed))

    def _place(self) -> None:
        """Draw the track on the map."""
        state = self._state
        if self.decoded is None:
            return
        track, plane, path = self.decoded.track, state.plane, state.path
        state.track_latents = track.latents
        knots = positions(state.dataset, track, plane)
        knots = knots[np.isfinite(knots).all(axis=1)]
        drawn = track.recipe.get("path", [])
        if path is not None and path.plane == plane.key and np.array_equal(drawn, path.vertices):
            state.param.update(knots=knots)  # the track was made of this path, which stays
        else:
            state.param.update(path=Path(knots, plane.key, "track"), knots=knots)

    def track(self, name: str) -> Track | None:
        """Return the track shown, under a name; None without one."""
        return None if self.decoded is None else replace(self.decoded.track, name=name)

    def _export(self, item: dict[str, str]) -> None:
        if self.decoded is None:
            report(ValueError("there is no track yet; draw or make one"))
            return
        self.download.send(self.exported("fits" if "FITS" in item["label"] else "csv"))

    def exported(self, form: str) -> Exported:
        """Return the track as a file: `csv` or `fits`."""
        assert self.decoded is not None
        named = replace(
            self.decoded, track=replace(self.decoded.track, name=self.shelf.title.value)
        )
        if form == "csv":
            return as_csv(named, self.observed)
        wave = self._state.dataset.atlas.model.wave_rest
        return as_fits(named, self.observed, wave=wave)
