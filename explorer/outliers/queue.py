"""The list of outliers of one session: what is on it, which page is open, what comes next."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import param

from data.arrays import IndexArray
from data.columns import column
from explorer.labels.label import Label
from explorer.labels.store import LabelStore
from explorer.outliers.contact_sheet import PER_PAGE
from explorer.outliers.ranking import Ranking, rank
from explorer.server.latest import Latest
from explorer.server.notices import report
from explorer.state.outlier_options import GOOD, LABELS, UNSATURATED
from explorer.state.state import ExplorerState
from model.atlas.active import expected_improvement, relearn
from model.atlas.cuts import GOOD_SHARE
from model.atlas.score_record import score_records
from model.atlas.scores import Score

TAB = "Outliers"
BY_RANK, BY_MAGNITUDE, PROTEGE = "ranks and grades", "score and grades", "grades alone (Protege)"
RULES = (BY_RANK, BY_MAGNITUDE, PROTEGE)
"""How labels re-rank: Astronomaly's rule on ranks or on the score, or Protege's."""
SEED = 20230727
"""Seed of the forest that learns from labels."""


class OutlierQueue(param.Parameterized):
    """Keeps the list in step with the state, while its tab is open."""

    ranking: Ranking | None = param.ClassSelector(class_=Ranking, default=None, doc="The list.")  # type: ignore[assignment]
    page: int = param.Integer(0, bounds=(0, None), doc="Page of the contact sheet, from 0.")  # type: ignore[assignment]
    per_page: int = param.Integer(PER_PAGE, bounds=(1, None), doc="Objects on a page.")  # type: ignore[assignment]
    learn: bool = param.Boolean(False, doc="Let the labels re-rank the score.")  # type: ignore[assignment]

    rule: str = param.Selector(default=RULES[0], objects=list(RULES), doc="How labels re-rank.")  # type: ignore[assignment]

    def __init__(self, state: ExplorerState, store: LabelStore | None) -> None:
        """Follow the state; `store` is None where labels can not be kept."""
        super().__init__()
        self._state, self._store = state, store
        self._ordering = Latest()
        self._stale = True
        self._from_address = state.first_tab == TAB
        state.param.watch(
            lambda *_: self.reorder(),
            ["score", "ordinary_first", "outlier_options", "shown", "subset"],
        )
        state.param.watch(lambda *_: self._open(), "tab")
        state.param.watch(lambda *_: self._follow(), "selected")
        self.param.watch(lambda *_: self.reorder(), ["learn", "rule"])
        self._open()

    @property
    def position(self) -> int | None:
        """Place of the selected object on the list, from 0."""
        return None if self.ranking is None else self.ranking.position(self._state.selected)

    @property
    def n_page(self) -> int:
        """Number of pages."""
        return 0 if self.ranking is None else -(-len(self.ranking) // self.per_page)

    def rows(self, page: int) -> list[int]:
        """Return the rows on a page."""
        if self.ranking is None:
            return []
        first = page * self.per_page
        return [int(row) for row in self.ranking.rows[first : first + self.per_page]]

    def resize(self, per_page: int) -> None:
        """Change the length of a page, keeping its first object in sight."""
        first = self.page * self.per_page
        self.param.update(per_page=per_page, page=first // per_page)

    def labels(self) -> dict[str, Label]:
        """Return all labels; none, and say so in the page, where they can not be read."""
        try:
            return {} if self._store is None else self._store.all()
        except (OSError, ValueError) as error:
            report(error)
            return {}

    def step(self, by: int) -> None:
        """Select the object that comes next on the list (1), or the one before (-1)."""
        if self.ranking is None or len(self.ranking) == 0:
            return
        at = self.position
        if at is None:
            at = self.page * self.per_page - (1 if by > 0 else 0)
        self._state.selected = int(self.ranking.rows[min(max(at + by, 0), len(self.ranking) - 1)])

    def turn(self, by: int) -> None:
        """Open the page after (1) or before (-1)."""
        self.page = min(max(self.page + by, 0), max(self.n_page - 1, 0))

    def reorder(self) -> None:
        """Make the list anew, if its tab is open."""
        state = self._state
        self._stale = state.tab != TAB
        if self._stale or state.score is None:
            return
        column, labels, among = state.score, self.labels(), state.rows()
        learn = self.rule if self.learn else ""
        ordinary_first, options = state.ordinary_first, tuple(state.outlier_options)

        def work() -> Ranking:
            return make_ranking(
                state, column=column, ordinary_first=ordinary_first, options=options,
                labels=labels, learn=learn, among=among,
            )  # fmt: skip

        self._ordering.submit(work, self._show)

    def _show(self, ranking: Ranking) -> None:
        """Open a list at its top; at the selected object's page if both came with the address."""
        at = ranking.position(self._state.selected) if self._from_address else None
        self._from_address = False
        self.param.update(ranking=ranking, page=0 if at is None else at // self.per_page)

    def _open(self) -> None:
        if self._state.tab == TAB and self._stale:
            self.reorder()

    def _follow(self) -> None:
        at = self.position
        if at is not None:
            self.page = at // self.per_page


def make_ranking(
    state: ExplorerState,
    *,
    column: str,
    ordinary_first: bool,
    options: Collection[str],
    labels: dict[str, Label],
    learn: str,
    among: IndexArray,
) -> Ranking:
    """Rank by a score, or by what the labels make of it; slow.

    Args:
        state: The session; only what never changes of it is read.
        column: Column of the score.
        ordinary_first: Rank from the other end.
        options: Of `state.outlier_options.OPTIONS`.
        labels: object_id -> label.
        learn: One of `RULES` by which the grades re-rank; empty = not.
        among: Rows that may be listed.
    """
    dataset = state.dataset
    score = next(item for item in dataset.atlas.scores if item.column == column)
    rows = dataset.ids.rows(name for name, label in labels.items() if not label.empty)
    labelled = set(rows.values())
    values, highest_first = dataset.numeric(column), score.higher_is_stranger
    if learn:
        graded = [
            (row, grade) for name, row in rows.items() if (grade := labels[name].grade) is not None
        ]
        given = {
            "rows": np.array([row for row, _grade in graded], dtype=np.int64),
            "grades": np.array([grade for _row, grade in graded], dtype=float),
        }
        latents = dataset.atlas.latents
        if learn == PROTEGE and len(graded) >= 2:
            values = expected_improvement(latents, seed=SEED, **given)
        else:
            raw = values if highest_first else -values
            values = relearn(latents, raw, seed=SEED, by_rank=learn != BY_MAGNITUDE, **given)
        highest_first = True
    return rank(
        dataset, values, among=among, highest_first=highest_first != ordinary_first,
        options=options, labelled=labelled,
    )  # fmt: skip


def explain(state: ExplorerState, ranking: Ranking, *, learn: bool, n_graded: int) -> str:
    """Return what the list is ranked by, in which direction, and what it leaves out."""
    score = next(item for item in state.dataset.atlas.scores if item.column == state.score)
    strange = "highest" if score.higher_is_stranger else "lowest"
    ordinary = "lowest" if score.higher_is_stranger else "highest"
    first = ordinary if state.ordinary_first else strange
    text: list[Any] = [f"{state.dataset.explanation(score)} The {first} come first."]
    text += _record(state, score)
    if learn and n_graded:
        text.append(
            f"Re-ranked by {n_graded} grades: near them the grades count, elsewhere the score."
        )
    if learn and not n_graded:
        text.append("Nothing is graded yet, so there is nothing to learn from.")
    listed = f"{ranking.n_ranked:,}"
    if len(ranking) < ranking.n_ranked:
        listed = f"The first {len(ranking):,} of {listed}"
    text.append(f"{listed} objects listed, {ranking.n_left_out:,} left out.")
    rules = {
        GOOD: f"reduced χ² among the lowest {100 * GOOD_SHARE:.0f} % at the same S/N",
        UNSATURATED: "no three neighbouring pixels above 100 times the continuum",
    }
    for name, n_hidden in ranking.hidden.items():
        option = LABELS.get(name, name)
        text.append(f"{option[0].upper()}{option[1:]} ({rules[name]}) hides {n_hidden:,}.")
    return " ".join(text)


def _record(state: ExplorerState, score: Score) -> list[str]:
    """Say where the top 1 % begins, and warn where the score follows something else."""
    dataset = state.dataset
    records = dataset.keep(
        ("records",), lambda: score_records(dataset.catalog, dataset.atlas.scores)
    )
    record = records[score.column] if score.column in records else None
    if record is None:
        return []
    beyond = "above" if score.higher_is_stranger else "below"
    text = [f"The top 1 % lies {beyond} {record.threshold:.3g}."]
    if record.warnings:
        told = ", ".join(
            f"{column(name).heading} (rho {record.dependence[name]:+.2f})"
            for name in record.warnings
        )
        text.append(f"Beware: it follows {told}.")
    return text
