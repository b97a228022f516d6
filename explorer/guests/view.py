"""Bring your own: files of spectra placed in the atlas, for this session only."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import shorten
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from explorer.guests.drop_area import DropArea
from explorer.guests.list import GuestList
from explorer.guests.placing import Arrivals, Upload, place_uploads, redshifts
from explorer.server.in_turn import InTurn
from explorer.server.notices import announce
from explorer.state.guest import Guest
from explorer.state.state import ExplorerState
from explorer.theme.text import line

_SMALL: dict[str, Any] = {"size": "small", "sizing_mode": "stretch_width", "margin": (5, 10)}

UNITS = {"Å from 2500 on": "", "Å": "Angstrom", "nm": "nm", "µm": "micron", "log10 Å": "log"}
"""Units offered for wavelengths of files that state none -> as `Assumed` has it."""
MOST_LINES, LONGEST = 6, 180
"""Lines on what was left out, and letters of each; all of it is in the pointer's hint."""


class GuestsView(pn.viewable.Viewer):
    """Takes files, places their objects, lists them."""

    def __init__(self, state: ExplorerState) -> None:
        """Start without a guest."""
        super().__init__()
        self._state = state
        self._placing = InTurn()
        self._uploads: Sequence[Upload] = ()
        self.area = DropArea(self.bring)
        self.z = pmui.TextInput(
            label="Redshift, or several to try", placeholder="as the file says", max_length=200,
            **_SMALL,
        )  # fmt: skip
        self.air = pmui.Checkbox(
            label="wavelengths in air, if a file does not say", value=False, size="small",
            margin=(0, 10),
        )  # fmt: skip
        self.unit = pmui.Select(
            label="Unit of wavelengths, if not said", options=UNITS, value="", **_SMALL
        )
        self.said = line("", margin=(2, 10))
        self.list = GuestList(self._choose, self._remove)
        self.z.param.watch(lambda *_: self.place(), "value")
        self.unit.param.watch(lambda *_: self.place(), "value")
        self.air.param.watch(lambda *_: self.place(), "value")
        state.param.watch(lambda *_: self._follow(), ["guest", "guests"])

    def __panel__(self) -> pn.viewable.Viewable:
        """Return the area, the choices and the list."""
        return pn.Column(
            self.area, self.z, self.unit, self.air, self.list, self.said,
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def bring(self, uploads: Sequence[Upload]) -> None:
        """Take files and place what is in them."""
        self._uploads = tuple(uploads)
        self.place()

    def place(self) -> None:
        """Place the files brought last, with the choices as they are now."""
        uploads, dataset = self._uploads, self._state.dataset
        air, unit = bool(self.air.value), str(self.unit.value)
        try:
            trials = redshifts(self.z.value or "")
        except ValueError as error:
            self.z.error_state = True
            self._say([str(error)])
            return
        self.z.error_state = False
        if not uploads:
            return
        self._say([f"placing {', '.join(upload.name for upload in uploads)} …"])
        self._placing.submit(
            lambda: self._placed(uploads, trials, air=air, unit=unit, dataset=dataset), self._show
        )

    @staticmethod
    def _placed(
        uploads: Sequence[Upload],
        trials: tuple[float, ...],
        *,
        air: bool,
        unit: str,
        dataset: Any,  # noqa: ANN401
    ) -> Arrivals:
        try:
            return place_uploads(dataset, uploads, trials=trials, air=air, wave_unit=unit)
        except (ValueError, OSError) as error:  # of the atlas, not of a file
            return Arrivals(left_out=[str(error)])

    def _show(self, arrivals: Arrivals) -> None:
        """List what was placed in the place of what the same files gave before; open the best."""
        self._say(arrivals.left_out)
        if not arrivals.guests:
            return
        files = {guest.file for guest in arrivals.guests}
        kept = [guest for guest in self._state.guests if guest.file not in files]
        self._state.guests = kept + arrivals.guests
        self._state.choose(best(arrivals.guests))
        self._state.tab = "Inspect"
        announce(f"{len(arrivals.guests)} placed: {arrivals.guests[0].file}")

    def _say(self, lines: list[str]) -> None:
        shown = [f'<div title="{escape(text)}">{escape(_short(text))}</div>' for text in lines]
        more = f"<div>… and {len(lines) - MOST_LINES} more</div>" if len(lines) > MOST_LINES else ""
        self.said.object = "".join(shown[:MOST_LINES]) + more

    def _follow(self) -> None:
        state = self._state
        items = [
            {"name": guest.name[:80], "told": told(guest), "file": guest.file}
            for guest in state.guests
        ]
        chosen = next((i for i, guest in enumerate(state.guests) if guest is state.guest), -1)
        self.list.param.update(items=items, chosen=chosen)

    def _choose(self, number: int) -> None:
        self._state.choose(self._state.guests[number])

    def _remove(self, number: int) -> None:
        state = self._state
        if state.guests[number] is state.guest:
            state.choose(None)
        state.guests = [guest for i, guest in enumerate(state.guests) if i != number]
        files = {guest.file for guest in state.guests}
        self._uploads = [upload for upload in self._uploads if upload.name in files]


def _short(text: str) -> str:
    return shorten(text, LONGEST, placeholder=" …") if len(text) > LONGEST else text


def told(guest: Guest) -> str:
    """Return redshift and misfit in a few letters."""
    misfit = guest.placed.row.get("chi2_red", np.nan)
    return f"z {guest.z:.4f} · χ² {misfit:.2f}"


def best(guests: Sequence[Guest]) -> Guest:
    """Return the guest to show first: of the first object, the redshift that fits best."""
    first = guests[0]
    trials = [g for g in guests if (g.name, g.file) == (first.name, first.file)]
    return min(trials, key=lambda guest: float(guest.placed.row.get("chi2_red", np.inf)))
