"""An atlas with what is derived from it, shared by all sessions of the server."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data import columns
from data.arrays import BoolArray, FloatArray
from data.parts import wave_range
from explorer.state.cache import Cache, Remembered, new_version
from explorer.state.kinds import Classes, ColumnKinds, finite
from explorer.state.second import join
from model.store.identifiers import Identifiers
from model.store.mapped import let_go
from model.tracks.places import Places

if TYPE_CHECKING:
    from model.atlas.atlas import Atlas
    from model.atlas.scores import Score

T = TypeVar("T")
DENSITY = "density"
"""The colour choice that shows counts only."""
SELECTION, GRADE, CLASS, NOTE = "selection", "label_grade", "label_class", "label_note"
"""Columns that a session gets by itself: its named selections, and what labels say."""

CAVEATS = {
    "neg_log_p": "Take it qualitatively: few data train the encoder and the flow there, so a low "
    "density means rare, but the exact values mean little and can not be compared between models "
    "(Liang+2023, 5.1).",
}
"""Score -> how far it can be trusted."""


class Dataset:
    """An atlas with what views derive from it: computed once, kept for all sessions.

    A session has a dataset of its own (`for_session`), which shares all of this and may have
    columns beside those of the atlas: every view shows them as it shows the others.

    Attributes:
        atlas: The atlas.
        second: A second atlas of the same objects; None without one.
        catalog: Its catalogue, row = object, with the columns added.
        ids: `object_id` of each row, as text.
        added: Name of each column added -> what it is, in words.
        conditions: Name -> mask: what an expression may call by that name.
        kept: What was computed from columns added.
        remembered: What expressions gave lately.
        versions: Name of a column or condition added -> a number that changes with it.
    """

    def __init__(self, atlas: Atlas, *, second: Atlas | None = None) -> None:
        """Take an opened atlas, and a second one of the same objects to compare with.

        Raises:
            ValueError: The two have no object in common.
        """
        self.atlas = atlas
        self.second = None if second is None else join(atlas, second)
        self.catalog: pd.DataFrame = atlas.catalog
        self.ids = Identifiers(pd.Series(self.catalog["object_id"]))
        self.added: dict[str, str] = {}
        self.conditions: dict[str, BoolArray] = {}
        self._shared = Cache()
        self.kept, self.remembered = Cache(), Remembered()
        self.versions: dict[str, int] = {}

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.catalog)

    def for_session(self) -> Dataset:
        """Return a dataset that shares everything with this one but the columns added to it."""
        own = self.trial()
        own.remembered = Remembered()
        return own

    def trial(self) -> Dataset:
        """Return a dataset for one computation: columns added to it are not added to this one."""
        _ = self.numeric_columns, self.class_columns
        own = copy.copy(self)
        own.kept, own.versions = Cache(), dict(self.versions)
        return own

    def add(self, name: str, values: FloatArray | NDArray[np.object_], *, meaning: str) -> None:
        """Add a column of numbers (NaN = missing) or of text (None), or replace one added.

        Raises:
            ValueError: The atlas has a column of that name.
        """
        if name in self.catalog and name not in self.added:
            raise ValueError(f"{name!r} is a column of the atlas; choose another name")
        is_number = np.issubdtype(np.asarray(values).dtype, np.number)
        self._list(name, among_numbers=is_number, among_words=not is_number)
        self.kept.forget(name)
        others = self.catalog.drop(columns=name) if name in self.catalog else self.catalog
        # An insertion into a catalogue that is mapped column by column would warn of its pieces.
        self.catalog = pd.concat([others, pd.DataFrame({name: values})], axis=1)
        self.added = {**self.added, name: meaning}
        self.versions[name] = new_version()

    def remove(self, name: str) -> None:
        """Remove a column that was added, if it is there."""
        if name in self.added:
            self._list(name, among_numbers=False, among_words=False)
            self.added = {item: text for item, text in self.added.items() if item != name}
            self.catalog = self.catalog.drop(columns=name)
            self.kept.forget(name)

    def name_condition(self, name: str, mask: BoolArray | None) -> None:
        """Let expressions call a mask by a name; None = no longer."""
        others = {item: known for item, known in self.conditions.items() if item != name}
        self.conditions = others if mask is None else {**others, name: mask}
        self.versions[name] = new_version()

    def remember(self, text: str, columns: tuple[str, ...], make: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Return what an expression of some columns gives: computed, or remembered from lately.

        Args:
            text: The expression.
            columns: All that it reads.
            make: Computes it.
        """
        key = (text, *(self.versions.get(name, 0) for name in columns))
        return self.remembered.get(key, make)

    def _list(self, name: str, *, among_numbers: bool, among_words: bool) -> None:
        for attribute, there in (
            ("numeric_columns", among_numbers),
            ("class_columns", among_words),
        ):
            names = [item for item in getattr(self, attribute) if item != name]
            setattr(self, attribute, [*names, name] if there else names)

    def keep(
        self, key: tuple[str, ...], make: Callable[[], Any], *, columns: tuple[str, ...] = ()
    ) -> Any:  # noqa: ANN401
        """Compute once per key and columns and keep the result; thread-safe.

        Keys are namespaced by the caller: two functions may use the same key for different things.

        Args:
            key: What the result depends on, beside the atlas.
            make: Computes it; a function or lambda written inside the caller.
            columns: Columns that it depends on and that may be added: it goes with them.
        """
        cache = self._shared if self.added.keys().isdisjoint(columns) else self.kept
        return cache.keep((make.__module__, make.__qualname__, *key), columns, make)

    @property
    def name(self) -> str:
        """Name of the atlas."""
        return str(self.atlas.info.get("name") or "atlas")

    @cached_property
    def scores(self) -> dict[str, Score]:
        """The outlier scores of the atlas by their column."""
        return {score.column: score for score in self.atlas.scores}

    def label(self, column: str) -> str:
        """Return what to call a column on screen, with its unit; scores by the atlas's label."""
        score = self.scores.get(column)
        return columns.column(column).title if score is None else score.label

    def explanation(self, score: Score) -> str:
        """Return what a score means, in words, with the caveat that its paper gives."""
        return " ".join(filter(None, [score.explanation, CAVEATS.get(score.column)]))

    @cached_property
    def wave_range(self) -> tuple[float, float]:
        """First and last observed-frame wavelength, Angstrom.

        Where the spectra are lost, which is told where they are shown, those that the model draws.
        """
        try:
            return wave_range(self.atlas.source)
        except (ValueError, OSError):
            rest = self.atlas.model.wave_rest
            near, far = np.nanpercentile(self.numeric("z"), [5, 95])
            return float(rest[0]) * (1 + float(near)), float(rest[-1]) * (1 + float(far))

    @cached_property
    def rest_range(self) -> tuple[float, float]:
        """Rest-frame wavelengths observed in at least 1 of 20 objects, Angstrom.

        Beyond it a decoder extrapolates from few or no data.
        """
        wave, rest = self.wave_range, self.atlas.model.wave_rest
        near, far = np.nanpercentile(self.numeric("z"), [5, 95])
        first = max(float(rest[0]), float(wave[0]) / (1 + float(far)))
        last = min(float(rest[-1]), float(wave[-1]) / (1 + float(near)))
        return (first, last) if first < last else (float(rest[0]), float(rest[-1]))

    @cached_property
    def rest_observed(self) -> BoolArray:
        """True for pixels of decoded spectra within `rest_range`, shape (n_rest,)."""
        first, last = self.rest_range
        wave = self.atlas.model.wave_rest
        return (wave >= first) & (wave <= last)

    @cached_property
    def kinds(self) -> ColumnKinds:
        """Which columns of the atlas are what."""
        return ColumnKinds.of(self.catalog)

    @cached_property
    def numeric_columns(self) -> list[str]:
        """Columns of numbers, the usual ones first; positions on maps are none."""
        names = self.kinds.numbers
        positions = {axis for item in self.atlas.embeddings for axis in (item.x, item.y)}
        ordered = [name for name in columns.NUMBERS if name in names]
        return ordered + [name for name in names if name not in {*ordered, *positions}]

    @cached_property
    def class_columns(self) -> list[str]:
        """Columns of words that are classes."""
        return list(self.kinds.classes)

    def numeric(self, column: str) -> FloatArray:
        """Return a column of numbers, NaN where missing, shape (n_object,); see `kinds.finite`."""
        return self.keep(("numeric",), lambda: self._converted(column, finite), columns=(column,))

    def classes(self, column: str) -> Classes:
        """Return a column of words as codes."""
        return self.keep(
            ("classes",), lambda: self._converted(column, Classes.of), columns=(column,)
        )

    def _converted(self, column: str, convert: Callable[[pd.Series], T]) -> T:
        """Return a column in another form, and let go of what was read for it."""
        values = pd.Series(self.catalog[column])
        result = convert(values)
        let_go(values)
        return result

    @property
    def latent_places(self) -> Places:
        """The latents, indexed; slow the first time."""
        return self.keep(("latent places",), lambda: Places.of(self.atlas.latents))

    def row(self, object_id: str) -> int | None:
        """Return the row of an object, or None where the atlas does not have it."""
        return self.ids.row(object_id)
