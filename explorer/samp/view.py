"""SAMP on the page: connect, send the selection or the spectrum, follow what others point at."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document

from data.arrays import IndexArray
from explorer.controls.search import find
from explorer.export.export import export_table
from explorer.guests.placing import Upload
from explorer.samp.hub import SampConnection
from explorer.samp.messages import (
    HEARD,
    HIGHLIGHT,
    LOAD_SPECTRUM,
    LOAD_TABLE,
    POINT,
    SELECT,
    position_told,
    row_told,
    rows_told,
    spectrum_file,
    spectrum_told,
)
from explorer.server.in_turn import InTurn
from explorer.server.latest import Latest
from explorer.server.messages import on_loop
from explorer.spectrum.facts import position
from explorer.spectrum.inspection import inspect
from explorer.state.state import ExplorerState
from explorer.theme.text import line

CONNECT, LEAVE = "Connect", "Disconnect"
SEND_TABLE, SEND_SPECTRUM = "Send selection as table", "Send spectrum"
MOST_SELECTED = 100_000
"""Rows of a selection that are told of."""


class SampView(pn.viewable.Viewer):
    """A menu; while connected, what is selected here is told to others, and theirs is shown."""

    def __init__(
        self, state: ExplorerState, on_spectra: Callable[[Sequence[Upload]], None]
    ) -> None:
        """Start unconnected.

        Args:
            state: The session.
            on_spectra: Called with the spectra that other programs send.
        """
        super().__init__()
        self._state, self._on_spectra = state, on_spectra
        self._document = pn.state.curdoc
        self._working, self._fetching = InTurn(), InTurn()
        self._telling, self._selecting, self._pointing = Latest(), Latest(), Latest()
        self.connection: SampConnection | None = None
        self._connecting = False
        self._table = ""
        self._rows: IndexArray = np.empty(0, dtype=np.int64)
        self._heard: int | None = None  # row that another program chose: not told back
        self.menu = pmui.MenuButton(
            label="SAMP", icon="hub", size="small", variant="outlined", items=[{"label": CONNECT}],
            sizing_mode="stretch_width", margin=(5, 10), on_click=self._on_click,
        )  # fmt: skip
        self.said = line("", margin=(2, 10))
        state.param.watch(lambda *_: self._tell_object(), "selected")
        state.param.watch(lambda *_: self._tell_selection(), "subset")
        if self._document is not None and self._document.session_context is not None:
            self._document.on_session_destroyed(self._left)

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the menu, or nothing where the browser runs on another machine."""
        if not on_this_machine(self._document):
            return pn.Column(margin=0)
        return pn.Column(self.menu, self.said, sizing_mode="stretch_width", margin=0)

    def _on_click(self, item: Mapping[str, str]) -> None:
        actions = {
            CONNECT: self.connect, LEAVE: self.leave, SEND_TABLE: self.send_table,
            SEND_SPECTRUM: self.send_spectrum,
        }  # fmt: skip
        actions[item["label"]]()

    def connect(self) -> None:
        """Register with the hub, once."""
        if self._connecting or self.connection is not None:
            return
        self._connecting = True
        self._say("looking for a hub …")
        self._working.submit(partial(_connected, self._receive), self._opened)

    def _opened(self, result: SampConnection | OSError) -> None:
        self._connecting = False
        if isinstance(result, OSError):
            self._say(str(result))
            return
        self.connection = result
        self.menu.items = [{"label": name} for name in (SEND_TABLE, SEND_SPECTRUM, LEAVE)]
        self._say("connected: the object selected is told to other programs")

    def leave(self) -> None:
        """Leave the hub."""
        connection, self.connection = self.connection, None
        self._table, self.menu.items = "", [{"label": CONNECT}]
        self._say("")
        if connection is not None:
            self._working.submit(connection.close, lambda _done: None)

    def _left(self, _context: object) -> None:
        if self.connection is not None:
            self.connection.close()

    # What is told.

    def send_table(self) -> None:
        """Send what is selected, else all that pass the filters, as a VOTable."""
        dataset, rows, connection = self._state.dataset, self._state.rows(), self.connection
        if connection is None:
            return

        def work() -> tuple[str, int]:
            exported = export_table(dataset, rows, "votable")
            url = connection.write(exported.name, exported.content)
            params = {"url": url, "table-id": url, "name": f"{dataset.name} ({len(rows)} objects)"}
            return url, connection.tell(LOAD_TABLE, **params)

        def sent(result: tuple[str, int]) -> None:
            self._table, self._rows = result[0], rows
            self._say(f"{len(rows):,} objects sent to {_programs(result[1])}")

        self._working.submit(work, sent)

    def send_spectrum(self) -> None:
        """Send the spectrum inspected as a FITS table."""
        state, connection = self._state, self.connection
        chosen = state.chosen
        if connection is None:
            return
        if chosen is None:
            self._say("select an object first")
            return
        dataset = state.dataset

        def work() -> int:
            item = inspect(dataset, chosen)
            facts = dataset.catalog.iloc[chosen] if isinstance(chosen, int) else chosen.facts
            name = str(dataset.ids[chosen]) if isinstance(chosen, int) else chosen.name
            content = spectrum_file(item, norm=float(facts.get("norm", np.nan)))
            plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in name)[:80]
            url = connection.write(f"{plain}.fits", content)
            meta = {"Access.Format": "application/fits", "Access.Reference": url}
            told = {"url": url, "spectrum-id": url, "name": name, "meta": meta}
            return connection.tell(LOAD_SPECTRUM, **told)

        self._working.submit(work, lambda n: self._say(f"spectrum sent to {_programs(n)}"))

    def _tell_object(self) -> None:
        """Point at the object selected, and highlight its row where it is in the table sent."""
        row, connection = self._state.selected, self.connection
        heard, self._heard = self._heard, None
        if connection is None or row is None or row == heard:
            return
        ra, dec = position(self._state.dataset, row)
        table, at = self._table, np.flatnonzero(self._rows == row)

        def work() -> None:
            if table and len(at):
                connection.tell(HIGHLIGHT, **{"table-id": table, "url": table, "row": str(at[0])})
            if np.isfinite([ra, dec]).all():
                connection.tell(POINT, ra=f"{ra:.7f}", dec=f"{dec:.7f}")

        self._telling.submit(work, lambda _done: None)

    def _tell_selection(self) -> None:
        """Select in other programs what is selected here, of the table sent."""
        subset, table, connection = self._state.subset, self._table, self.connection
        if connection is None or subset is None or not table:
            return
        found = np.flatnonzero(subset[self._rows])[:MOST_SELECTED]
        params = {"table-id": table, "url": table, "row-list": [str(row) for row in found]}
        self._selecting.submit(lambda: connection.tell(SELECT, **params), lambda _n: None)

    # What is heard.

    def _receive(self, mtype: str, params: Mapping[str, Any]) -> None:
        """Take a message, in a thread of the client."""
        if self._document is None or self._document.session_context is None:
            self.hear(mtype, params)
        else:
            on_loop(self._document, partial(self.hear, mtype, params))

    def hear(self, mtype: str, params: Mapping[str, Any]) -> None:
        """Follow what another program says; what makes no sense is left alone."""
        state = self._state
        if mtype == HIGHLIGHT:
            self._select(row_told(params, self._table, self._rows))
        elif mtype == SELECT:
            rows = rows_told(params, self._table, self._rows)
            state.param.update(highlight=rows, highlight_label="selected in another program")
        elif mtype == POINT and (place := position_told(params)) is not None:
            text = f"{place[0]:.7f} {place[1]:+.7f}"
            self._pointing.submit(
                lambda: find(state.dataset, text).rows,
                lambda rows: self._select(rows[0] if rows else None),
            )
        elif mtype == LOAD_SPECTRUM:
            self._fetching.submit(
                partial(spectrum_told, params), lambda upload: self._on_spectra([upload])
            )

    def _select(self, row: int | None) -> None:
        if row is not None and row != self._state.selected:
            self._heard = row
            self._state.selected = row

    def _say(self, text: str) -> None:
        self.said.object = escape(text)


def _programs(number: int) -> str:
    return f"{number} program{'' if number == 1 else 's'}"


def _connected(receive: Callable[[str, Mapping[str, Any]], None]) -> SampConnection | OSError:
    try:
        return SampConnection(receive, HEARD)
    except OSError as error:
        return error


def on_this_machine(document: Document | None) -> bool:
    """Return whether the browser of a session runs on the machine that serves, without a proxy.

    The hub is on that machine: another person's browser must not steer its programs.
    """
    context = None if document is None else document.session_context
    request: Any = getattr(context, "request", None)
    if request is None:
        return context is None  # a notebook, a test
    if {"x-forwarded-for", "forwarded"} & {name.lower() for name in request.headers}:
        return False
    try:
        return ipaddress.ip_address(request.remote_ip).is_loopback
    except ValueError:
        return False
