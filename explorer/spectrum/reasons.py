"""Why the selected object is strange: reasons with their strengths, worked out when asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from threading import Condition

import panel as pn
from cachetools import LRUCache, cached

from explorer.server.latest import Latest
from explorer.server.panel_html import Html
from explorer.spectrum.inspection import inspect
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest
from explorer.state.state import ExplorerState
from model.residuals.reasons import STRONG, Reason, suggested_class

KEPT = 512
"""Objects whose reasons are kept for all sessions on an atlas."""
_STYLE = """
ol {margin: 2px 0 0; padding-left: 20px; font-size: 12px; line-height: 1.45}
p {margin: 2px 0; font-size: 12px}
.strength {display: inline-block; width: 3.2em; opacity: .75; font-variant-numeric: tabular-nums}
.weak {opacity: .7}
"""


class ReasonsView(pn.viewable.Viewer):
    """The reasons of the selected object."""

    def __init__(self, state: ExplorerState) -> None:
        """Follow the selection."""
        super().__init__()
        self._state = state
        self._explaining = Latest(patient=True)
        self._text = Html("", stylesheets=[_STYLE], sizing_mode="stretch_width", margin=(0, 10))
        state.param.watch(lambda *_: self._explain(), ["selected", "guest"])
        self._explain()

    @property
    def html(self) -> str:
        """What is shown."""
        return str(self._text.object)

    def _explain(self) -> None:
        chosen, dataset = self._state.chosen, self._state.dataset
        self._text.object = ""
        if chosen is None:
            self._explaining.drop()
            return
        self._explaining.submit(
            lambda: reasons_of(dataset, chosen),
            self._show,
        )

    def _show(self, reasons: list[Reason]) -> None:
        self._text.object = reasons_html(reasons)

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the list."""
        return self._text


def reasons_of(dataset: Dataset, chosen: int | Guest) -> list[Reason]:
    """Return the reasons of a row, slow the first time, or of what a user brought.

    Safe to use from threads.
    """
    if isinstance(chosen, Guest):
        return _explained(dataset, chosen)

    def make() -> Callable[[int], list[Reason]]:
        kept = LRUCache[int, list[Reason]](KEPT)
        return cached(kept, condition=Condition())(partial(_explained, dataset))

    return dataset.keep(("reasons",), make)(chosen)


def _explained(dataset: Dataset, chosen: int | Guest) -> list[Reason]:
    item = inspect(dataset, chosen)
    return dataset.atlas.explainer.reasons_of_one(item.spectra, item.model)


def reasons_html(reasons: list[Reason]) -> str:
    """Return the reasons as a list; what is said of an object is text, whatever it looks like."""
    if not reasons:
        return "<p>Why strange? Nothing is above what 0.5 % of ordinary objects show.</p>"
    items = "".join(
        f'<li{"" if reason.strong else " class=weak"}><span class="strength" title="1 is the limit'
        f' of ordinary objects, {STRONG:g} is strong">{reason.strength:.1f}</span>'
        f"{escape(reason.text)}</li>"
        for reason in reasons
    )
    suggestion = suggested_class(reasons)
    told = f" Suggested class (Liang+2023): <b>{escape(suggestion)}</b>?" if suggestion else ""
    return f"<p>Why strange?{told}</p><ol>{items}</ol>"
