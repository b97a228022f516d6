"""SAMP on the page: connect, send the selection or the spectrum, follow what others point at."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document

from data.arrays import IndexArray
from explorer.guests.placing import Upload
from explorer.samp.heard import Heard
from explorer.samp.hub import HUB_STOPS, TOLD_TO_LEAVE, HubGoneError, SampConnection
from explorer.samp.messages import HEARD
from explorer.samp.telling import tell_object, tell_selection, tell_spectrum, tell_table
from explorer.server.in_turn import InTurn
from explorer.server.latest import Latest
from explorer.server.messages import on_loop
from explorer.state.state import ExplorerState
from explorer.theme.text import line

CONNECT, LEAVE = "Connect", "Disconnect"
SEND_TABLE, SEND_SPECTRUM = "Send selection as table", "Send spectrum"


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
        self._state = state
        self._document = pn.state.curdoc
        self._working, self._telling, self._selecting = InTurn(), Latest(), Latest()
        self.connection: SampConnection | None = None
        self._connecting = False
        self._registered: SampConnection | None = None  # set by the thread that connects
        self._page_closed = False
        self._tables: dict[str, IndexArray] = {}  # those sent, by address: their rows
        self.heard = Heard(state, self._tables, on_spectra)
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
        self._working.submit(self._register, self._opened)

    def _register(self) -> SampConnection | OSError:
        """Register with the hub, in a thread; a page that was closed meanwhile leaves again."""
        try:
            self._registered = SampConnection(self._receive, HEARD)
        except OSError as error:
            return error
        if self._page_closed:
            self._registered.close()
        return self._registered

    def _opened(self, result: SampConnection | OSError) -> None:
        self._connecting = False
        if isinstance(result, OSError):
            self._say(str(result))
            return
        self.connection = result
        self.menu.items = [{"label": name} for name in (SEND_TABLE, SEND_SPECTRUM, LEAVE)]
        self._say("connected: the object selected is told to other programs")

    def leave(self, why: str = "") -> None:
        """Leave the hub, and say why where it was not asked for."""
        connection, self.connection = self.connection, None
        self._tables.clear()
        self.menu.items = [{"label": CONNECT}]
        self._say(why)
        if connection is not None:
            self._working.submit(connection.close, lambda _done: None)

    def _left(self, _context: object) -> None:
        self._page_closed = True
        if self._registered is not None:  # a hub may be slow to answer: nobody waits for it
            threading.Thread(target=self._registered.close).start()

    def _when_told(
        self, connection: SampConnection, deliver: Callable[[Any], None]
    ) -> Callable[[Any], None]:
        """Return what takes the result of `_or_error`: says it, leaves a hub that went."""

        def take(result: Any) -> None:  # noqa: ANN401 - what was worked for
            if self.connection is not connection:
                return
            if isinstance(result, HubGoneError):
                self.leave(f"{result}; connect again once one runs")
            elif isinstance(result, OSError):
                self._say(str(result))
            else:
                deliver(result)

        return take

    # What is told.

    def send_table(self) -> None:
        """Send what is selected, else all that pass the filters, as a VOTable."""
        dataset, rows, connection = self._state.dataset, self._state.rows(), self.connection
        if connection is None:
            return

        self._say(f"sending {len(rows):,} objects …")

        work = partial(tell_table, connection, dataset, rows)

        def sent(result: tuple[str, int]) -> None:
            self._tables[result[0]] = rows
            self._say(f"{len(rows):,} objects sent to {_programs(result[1])}")

        self._working.submit(_or_error(work), self._when_told(connection, sent))

    def send_spectrum(self) -> None:
        """Send the spectrum inspected as a FITS table."""
        state, connection = self._state, self.connection
        chosen = state.chosen
        if connection is None:
            return
        if chosen is None:
            self._say("select an object first")
            return
        work = partial(tell_spectrum, connection, state.dataset, chosen)

        def sent(number: int) -> None:
            self._say(f"spectrum sent to {_programs(number)}")

        self._working.submit(_or_error(work), self._when_told(connection, sent))

    def _tell_object(self) -> None:
        """Point at the object selected, and highlight its row in the newest table that has it."""
        row, connection = self._state.selected, self.connection
        chosen_there = self.heard.take_row()
        if connection is None or row is None or row == chosen_there:
            return
        tables = list(self._tables.items())
        work = partial(tell_object, connection, self._state.dataset, row, tables)
        self._telling.submit(_or_error(work), self._when_told(connection, lambda _none: None))

    def _tell_selection(self) -> None:
        """Select in other programs what is selected here, of the newest table sent."""
        subset, connection = self._state.subset, self.connection
        if connection is None or subset is None or not self._tables:
            return
        table, rows = list(self._tables.items())[-1]
        work = partial(tell_selection, connection, table, np.flatnonzero(subset[rows]))
        self._selecting.submit(_or_error(work), self._when_told(connection, lambda _none: None))

    # What is heard.

    def _receive(self, mtype: str, params: Mapping[str, Any]) -> None:
        """Take a message, in a thread of the client."""
        if self._document is None or self._document.session_context is None:
            self.hear(mtype, params)
        else:
            on_loop(self._document, partial(self.hear, mtype, params))

    def hear(self, mtype: str, params: Mapping[str, Any]) -> None:
        """Follow what another program, or the hub, says; on the event loop."""
        if mtype in (HUB_STOPS, TOLD_TO_LEAVE):
            if self.connection is not None:
                self.leave("the SAMP hub has ended the connection; connect again once one runs")
        else:
            self.heard.follow(mtype, params)

    def _say(self, text: str) -> None:
        self.said.object = escape(text)


def _programs(number: int) -> str:
    return f"{number} program{'' if number == 1 else 's'}"


def _or_error(work: Callable[[], Any]) -> Callable[[], Any]:
    """Return work that returns its `OSError` instead of raising it."""

    def attempt() -> Any:  # noqa: ANN401 - what is worked for
        try:
            return work()
        except OSError as error:
            return error

    return attempt


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
