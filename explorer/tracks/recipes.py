"""How to make a track: draw it, or follow a recipe; the widgets of each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui

from explorer.components.wrapping import wrapping
from explorer.latents.basis import RAW, ROTATED, first_number
from explorer.state.state import ExplorerState
from explorer.theme.text import SMALL
from explorer.tracks.centroids import centroid_track
from explorer.tracks.classes import ALL, choices
from explorer.tracks.drawing import DrawingTools
from explorer.tracks.presets import FORMER, OWN, PRESETS, presets_of
from explorer.tracks.result import track_maker
from model.tracks.track import Track

DRAW, CENTROIDS, PATH, LATENT = "draw", "binned centroids", "shortest path", "one latent"
_GIVEN = {
    CENTROIDS: ("quantity", "weights", "percentiles", "classes"),
    PATH: (),
    LATENT: ("axes", "latent", "held"),
}
"""Recipe -> attributes of `TrackRecipes` whose widgets hold its settings."""


def depends_on(track: dict[str, Any]) -> set[str]:
    """Return the parameters of the state that invalidate a recipe's track when they change."""
    if track["recipe"] == CENTROIDS:
        return {"filters", "region"}
    if track["recipe"] == LATENT and track["held"]:
        return {"n_knot", "selected"}
    return {"n_knot"} if track["recipe"] in (PATH, LATENT) else set()


class TrackRecipes(pn.viewable.Viewer):
    """The ways to make a track; calls back with something that makes it."""

    def __init__(
        self, state: ExplorerState, on_make: Callable[[Callable[[], Track]], None]
    ) -> None:
        """Make the widgets.

        Args:
            state: The session.
            on_make: Called with a function that makes a track; run that off the event loop.
        """
        super().__init__()
        self._state, self._on_make = state, on_make
        self._ends: list[int | None] = [None, None]
        self.recipe = pmui.RadioButtonGroup(
            label="", options=[DRAW, CENTROIDS, PATH, LATENT], value=DRAW, **SMALL
        )
        self.n_knot = pmui.IntInput.from_param(
            state.param.n_knot, label="knots", width=80, description="", **SMALL
        )
        self.n_knot.visible = self.recipe.param.value.rx() != CENTROIDS
        self.drawing = DrawingTools(state)
        self._make_centroids()
        self._make_path()
        self._make_latent()
        self.recipe.param.watch(lambda *_: state.param.update(drawing="off"), "value")

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the choice of recipe and the widgets of the one chosen."""
        rows = {
            DRAW: [self.drawing],
            CENTROIDS: [self.quantity, self.weights, self.percentiles, self.classes,
                        self.go_centroids],
            PATH: [self.start, self.stop, self.go_path],
            LATENT: [self.axes, self.latent, self.held, self.go_latent],
        }  # fmt: skip
        return pn.Column(
            wrapping(self.recipe, self.n_knot, margin=(6, 0, 0, 0)),
            *(
                wrapping(*widgets, visible=self.recipe.param.value.rx() == name)
                for name, widgets in rows.items()
            ),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def remember(self, recipe: str) -> None:
        """Write a recipe and its settings to the state, so that the URL keeps them."""
        given = {name: getattr(self, name).value for name in _GIVEN[recipe]}
        if recipe == PATH:
            given["ends"] = [
                None if row is None else self._state.dataset.ids[row] for row in self._ends
            ]
        if recipe == LATENT:
            given["latent"] = self._latent
        self._state.track = {"recipe": recipe, **given}

    def follow(self, track: dict[str, Any]) -> None:
        """Set the widgets to a recipe that `remember` wrote down, and make its track.

        Raises:
            ValueError: There is no such recipe, or it can not be given that here.
        """
        recipe = track.get("recipe")
        if recipe not in (CENTROIDS, PATH, LATENT):
            raise ValueError(f"there is no recipe {str(recipe)[:40]!r} for tracks")
        if recipe == CENTROIDS:
            named = track.get("quantity")
            track = track | {"quantity": FORMER.get(str(named), named)}
        if recipe == LATENT and isinstance(track.get("latent"), int):
            track = track | {"latent": track["latent"] + first_number(str(track.get("axes")))}
        for name in _GIVEN[recipe]:
            widget, value = getattr(self, name), track.get(name)
            options = getattr(widget, "options", None)
            known = list(options.values()) if isinstance(options, dict) else options
            if not isinstance(value, type(widget.value)) or (known and value not in known):
                raise ValueError(
                    f"a track by {recipe} can not have {name} = {str(value)[:40]!r} here"
                )
            widget.value = value
        if recipe == PATH:
            ends = track.get("ends")
            names = ends if isinstance(ends, list) else []
            rows = [self._state.dataset.row(str(name)) for name in names]
            if len(rows) != 2 or None in rows:
                raise ValueError("a shortest path needs two objects of this atlas as its ends")
            for end, row in enumerate(rows):
                self._set_end(end, row)
        self.recipe.value = recipe
        {CENTROIDS: self.make_centroids, PATH: self.make_path, LATENT: self.make_latent}[recipe]()

    def _button(self, label: str, action: Callable[[], None]) -> Any:  # noqa: ANN401 - a Button
        button = pmui.Button(label=label, variant="outlined", **SMALL)
        button.on_click(lambda _event: action())
        return button

    # Binned centroids.

    def _make_centroids(self) -> None:
        dataset = self._state.dataset
        presets = presets_of(dataset)
        options = {name: name for name in presets}
        options |= {OWN: OWN}
        options |= {dataset.label(name): name for name in dataset.numeric_columns}
        self.quantity = pmui.Select(
            label="bins of", options=options, value=next(iter(options.values())), width=185,
            **SMALL,
        )  # fmt: skip
        self.weights = pmui.TextInput(label="axes", value="PC1", width=120, **SMALL)
        self.weights.visible = self.quantity.param.value.rx() == OWN
        self.percentiles = pmui.TextInput(
            label="edges [percentiles]", value="0 20 40 60 80 100", width=155, **SMALL
        )
        self.classes = pmui.Select(
            label="class", options=choices(dataset), value=ALL, width=150, **SMALL
        )
        self.go_centroids = self._button("make", self.make_centroids)
        self.quantity.param.watch(self._preset, "value")
        self._preset()

    def _preset(self, *events: Any) -> None:  # noqa: ANN401 - param's events
        """Take over bins and mask of a preset; its mask goes when another quantity is chosen."""
        preset = PRESETS.get(str(self.quantity.value))
        if preset is not None:
            self.percentiles.value, self.classes.value = preset.percentiles, preset.classes
            return
        former = PRESETS.get(str(events[0].old)) if events else None
        if former is not None and self.classes.value == former.classes:
            self.classes.value = ALL

    def make_centroids(self) -> None:
        """Make the track of binned centroids."""
        make = partial(
            centroid_track, self._state.dataset, str(self.quantity.value),
            combination=self.weights.value, percentiles=self.percentiles.value,
            classes=str(self.classes.value), among=self._state.rows(),
        )  # fmt: skip
        self.remember(CENTROIDS)
        self._on_make(make)

    # The shortest path.

    def _make_path(self) -> None:
        state = self._state
        self.start = self._button(
            "from: the selected object", lambda: self._set_end(0, state.selected)
        )
        self.stop = self._button(
            "to: the selected object", lambda: self._set_end(1, state.selected)
        )
        self.go_path = self._button("make", self.make_path)

    def _set_end(self, end: int, row: int | None) -> None:
        self._ends[end] = row
        name = "the selected object" if row is None else str(self._state.dataset.ids[row])
        button = (self.start, self.stop)[end]
        button.label = f"{('from', 'to')[end]}: {name}"

    def make_path(self) -> None:
        """Make the track along nearest neighbours."""
        dataset, n_knot = self._state.dataset, self.n_knot.value
        start, stop = self._ends

        def make() -> Track:
            if start is None or stop is None:
                raise ValueError(
                    "a shortest path needs two objects: select one, press from; then to"
                )
            name = f"{dataset.ids[start]} to {dataset.ids[stop]}"
            return track_maker(dataset).shortest_path(start, stop, name=name, n_knot=n_knot)

        self.remember(PATH)
        self._on_make(make)

    # One latent.

    def _make_latent(self) -> None:
        n_latent = self._state.dataset.atlas.latents.shape[1]
        self.axes = pmui.Select(label="along", options=[RAW, ROTATED], width=120, **SMALL)
        self.latent = pmui.IntInput(
            label="number", value=0, start=0, end=n_latent - 1, width=80, **SMALL
        )
        self.axes.param.watch(self._renumber, "value")
        self.held = pmui.Checkbox(label="others from the selected object", **SMALL)
        self.go_latent = self._button("make", self.make_latent)

    def _renumber(self, event: Any) -> None:  # noqa: ANN401 - param's event
        """Keep the latent's place among the axes: latents count from 0, principal axes from 1."""
        start = first_number(event.new)
        place = int(self.latent.value) - first_number(event.old)
        end = start + self._state.dataset.atlas.latents.shape[1] - 1
        self.latent.param.update(start=start, end=end, value=start + place)

    @property
    def _latent(self) -> int:
        """Which latent or principal axis is chosen, from 0, as addresses have it."""
        return int(self.latent.value) - first_number(str(self.axes.value))

    def make_latent(self) -> None:
        """Make the track along one latent."""
        dataset, n_knot = self._state.dataset, self.n_knot.value
        rotated, latent = self.axes.value == ROTATED, self._latent
        row = self._state.selected if self.held.value else None
        start = None if row is None else dataset.atlas.latents[row]
        name = f"{'axis' if rotated else 'latent'} {self.latent.value}"

        def make() -> Track:
            return track_maker(dataset).one_latent(
                latent, name=name, start=start, rotated=rotated, n_knot=n_knot
            )

        self.remember(LATENT)
        self._on_make(make)
