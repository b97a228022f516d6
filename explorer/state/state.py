"""The state of one browser session: the only thing that its views share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import param

from data.arrays import BoolArray, FloatArray, IndexArray
from explorer.state.calculated import calculate_all, check_name, columns_that_work
from explorer.state.choices import MOST_PINS, Choices
from explorer.state.dataset import DENSITY, SELECTION, Dataset
from explorer.state.guest import Guest
from explorer.state.named import masks_of, membership, selections_that_work
from explorer.state.plane import AXES, LATENTS, Plane
from explorer.state.planes import plane_of
from explorer.state.selection import applies, inside_region, passing, region_applies


class ExplorerState(Choices):
    """Every choice and selection of one session.

    Views read and write these parameters and do not know each other. Parameters change on the
    event loop only; slow work goes through `server.latest.Latest`. Rows are indices into the
    catalogue; the URL and the user see `object_id`.
    """

    def __init__(self, dataset: Dataset, **params: Any) -> None:  # noqa: ANN401
        """Start a session on an atlas; `params` are first choices."""
        embeddings = [item.name for item in dataset.atlas.embeddings] + [LATENTS, AXES]
        super().__init__(dataset=dataset.for_session(), may_write=params.pop("may_write", True))
        self.param["embedding"].objects = embeddings
        colours = self.param["colour"].objects = self._colours()
        scores = [score.column for score in dataset.atlas.scores]
        self.param["score"].objects = scores or [None]
        self.param.update(embedding=embeddings[0], colour=colours[0], score=(scores or [None])[0])
        self.param.update(**params)

    @property
    def plane(self) -> Plane:
        """The plane the map shows."""
        numbers = f":{self.latent_x}:{self.latent_y}" if self.embedding in (LATENTS, AXES) else ""
        return plane_of(self.dataset, f"{self.embedding}{numbers}")

    @property
    def selected_id(self) -> str:
        """`object_id` of the object inspected; empty without one."""
        return "" if self.selected is None else str(self.dataset.ids[self.selected])

    @property
    def chosen(self) -> int | Guest | None:
        """What is inspected: a row, or an object that the user brought."""
        return self.guest if self.selected is None else self.selected

    def choose(self, guest: Guest | None) -> None:
        """Inspect an object that the user brought, or none."""
        self.param.update(selected=None, guest=guest)

    def pin(self) -> None:
        """Pin the selected object, or unpin it.

        Raises:
            ValueError: There is none, or there are six already.
        """
        chosen = self.selected_id
        if not chosen:
            raise ValueError("select an object to pin it")
        if chosen in self.pins:
            self.pins = [pin for pin in self.pins if pin != chosen]
        elif len(self.pins) == MOST_PINS:
            raise ValueError(f"{MOST_PINS} objects are pinned: unpin one first")
        else:
            self.pins = [*self.pins, chosen]

    def pinned_rows(self) -> list[int]:
        """Return the rows of the pinned objects, in the order in which they were pinned."""
        rows = self.dataset.ids.rows(self.pins)
        return [rows[pin] for pin in self.pins if pin in rows]

    def near(self) -> list[int]:
        """Return the rows nearest to what is inspected in the latents, nearest first."""
        chosen = self.chosen
        if isinstance(chosen, Guest):
            return [int(row) for row in chosen.placed.neighbours[: self.n_neighbours]]
        return [] if chosen is None else self.neighbours(chosen)

    def neighbours(self, row: int) -> list[int]:
        """Return the rows of an object's nearest neighbours in the latents, nearest first."""
        indices = self.dataset.atlas.neighbours.indices[row][: self.n_neighbours]
        return [int(index) for index in indices]

    def rows(self) -> IndexArray:
        """Return the rows selected: in the region, else all that pass the filters."""
        mask = self.subset if self.subset is not None else self.shown
        return np.arange(len(self.dataset)) if mask is None else np.flatnonzero(mask)

    def calculate_columns(
        self, columns: Mapping[str, str], *, calculated: Mapping[str, FloatArray] | None = None
    ) -> None:
        """Set the columns that are calculated; what is asked of one that is gone is forgotten.

        Args:
            columns: Name -> expression, of the columns of the atlas and of those named before it.
            calculated: Their values, if `calculated.calculate_all` has computed them.

        Raises:
            ValueError: A name is taken, or an expression can not be computed; nothing changes then.
        """
        dataset = self.dataset
        if calculated is None:
            calculated = calculate_all(dataset, columns, replacing=self.columns)
        for name in self.columns.keys() - columns.keys():
            dataset.remove(name)
        for name, text in columns.items():
            dataset.add(name, calculated[name], meaning=text)
        self._follow_added(columns=dict(columns), selections=self._select_again())

    def name_selections(
        self, selections: Mapping[str, Mapping[str, Any]], *, new: BoolArray | None = None
    ) -> None:
        """Set the named selections; what is asked of one that is gone is forgotten.

        Args:
            selections: Name -> `filters` and `region`, see `named.masks_of`.
            new: The objects of the last one, if the others are there already.

        Raises:
            ValueError: A name is taken, or a selection is none; nothing changes then.
        """
        dataset = self.dataset
        if new is None:
            masks = masks_of(dataset, selections, replacing=self.selections)
        else:
            check_name(dataset, [*selections][-1])
            masks = {**dataset.conditions, [*selections][-1]: new}
        for name in self.selections.keys() - selections.keys():
            dataset.name_condition(name, None)
        for name, mask in masks.items():
            dataset.name_condition(name, mask)
        self._tell_membership()
        self._follow_added(selections={name: dict(it) for name, it in selections.items()})

    def restore(
        self,
        *,
        columns: Mapping[str, str],
        selections: Mapping[str, Mapping[str, Any]],
        filters: Mapping[str, Any],
        region: Mapping[str, Any] | None,
    ) -> list[str]:
        """Set all that says which objects are looked at, in one step, as far as it can be found.

        Returns:
            What can not, in words: a column of labels that it needs may be gone.
        """
        dataset = self.dataset
        with param.parameterized.batch_call_watchers(self):
            try:
                self.calculate_columns(columns)
                if selections != self.selections:
                    self.name_selections(selections)
            except ValueError:
                self.calculate_columns(columns_that_work(dataset, columns, replacing=self.columns))
                self.name_selections(
                    selections_that_work(dataset, selections, replacing=self.selections)
                )
            there = {name: it for name, it in filters.items() if applies(dataset, name, it)}
            inside = None if region is None or not region_applies(dataset, region) else {**region}
            self.param.update(filters=there, region=inside)
        known = {*self.columns, *self.selections, *there}
        lost = [name for name in (*columns, *selections, *filters) if name not in known]
        return lost if inside == region else [*lost, "what was selected"]

    def selection(self) -> dict[str, Any]:
        """Return what is selected now, as `named.masks_of` reads it."""
        now = {"filters": dict(self.filters), "region": self.region}
        return {name: value for name, value in now.items() if value}

    def add_columns(
        self, columns: Mapping[str, tuple[Any, str]], *, replacing: Iterable[str] = ()
    ) -> None:
        """Add columns of this session; what is calculated from them is calculated anew.

        Args:
            columns: Name -> values and what they are.
            replacing: Names of columns added before, which these take the place of.
        """
        dataset = self.dataset
        for name in {*replacing} - columns.keys():
            dataset.remove(name)
        for name, (values, meaning) in columns.items():
            if name in dataset.added or name not in dataset.catalog:
                dataset.add(name, values, meaning=meaning)
        self.calculate_columns(columns_that_work(dataset, self.columns, replacing=self.columns))

    def _select_again(self) -> dict[str, dict[str, Any]]:
        """Find the objects of the named selections anew; return those that still can be found."""
        dataset, before = self.dataset, self.selections
        kept = selections_that_work(dataset, before, replacing=before)
        masks = masks_of(dataset, kept, replacing=before)
        for name in before:
            dataset.name_condition(name, masks.get(name))
        self._tell_membership()
        return kept

    def _tell_membership(self) -> None:
        """Keep the column of text that says in which selections an object is."""
        dataset = self.dataset
        if not dataset.conditions:
            dataset.remove(SELECTION)
        elif SELECTION in dataset.added or SELECTION not in dataset.catalog:
            values = membership(dataset.conditions, len(dataset))
            dataset.add(SELECTION, values, meaning="Named selections that hold the object")

    def _follow_added(self, **changes: Any) -> None:  # noqa: ANN401 - parameters
        """Offer the columns that there are now, and forget what is asked of others."""
        dataset = self.dataset
        with param.parameterized.batch_call_watchers(self):
            self.param["colour"].objects = self._colours()
            if self.colour not in self.param["colour"].objects:
                changes["colour"] = self._colours()[0]
            filters = {name: it for name, it in self.filters.items() if applies(dataset, name, it)}
            if len(filters) < len(self.filters):
                changes["filters"] = filters
            if self.region is not None and not region_applies(dataset, self.region):
                changes["region"] = None
            self.param.update(added=self.added + 1, **changes)

    def _colours(self) -> list[str]:
        return [*self.dataset.numeric_columns, *self.dataset.class_columns, DENSITY]

    @param.depends("added", watch=True)
    def _derive_again(self) -> None:
        known = {*self.dataset.numeric_columns, *self.dataset.class_columns} - {*self.dataset.added}
        if self.region is not None or not known.issuperset(self.filters):
            self._derive_masks()

    @param.depends("selected", watch=True)
    def _leave_guest(self) -> None:
        if self.selected is not None:
            self.guest = None

    @param.depends("selected", "guest", watch=True)
    def _end_trial(self) -> None:
        self.trial_z = None

    @param.depends("filters", "region", watch=True)
    def _derive_masks(self) -> None:
        shown = passing(self.dataset, self.filters)
        subset = None if self.region is None else inside_region(self.dataset, self.region)
        if shown is not None and subset is not None:
            subset = subset & shown
        self.param.update(shown=shown, subset=subset)
