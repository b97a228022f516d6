"""What a column of a catalogue holds, and what follows from it for columns derived from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

_BY_NEIGHBOURS = re.compile(r"(\w+?)_near(?:_(low|high))?")
"""Properties as neighbours tell them (`model.properties.known`)."""
_MEASURED = re.compile(r"(\w+?)_(data|model)(_err)?")
"""What an atlas measures of each object (`model.atlas.line_columns`)."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a column of a catalogue holds.

    Attributes:
        label: Its name on screen, without unit.
        short: Its name where there is little room, if that differs; read `heading`.
        symbol: Unit on screen, in brackets after the label; empty = none is shown.
        unit: Unit of exported tables, as `astropy.units` reads it; empty = none.
        ucd: Unified Content Descriptor (IVOA UCD1+) of exported VOTables; empty = none.
        description: One line for a reader of an exported table; empty = the label says it.
    """

    label: str
    short: str = ""
    symbol: str = ""
    unit: str = ""
    ucd: str = ""
    description: str = ""

    @property
    def title(self) -> str:
        """Label and unit, as shown on axes, in menus and in tables."""
        return f"{self.label} [{self.symbol}]" if self.symbol else self.label

    @property
    def heading(self) -> str:
        """Name where there is little room: over a narrow column, beside a picture."""
        return self.short or self.label


def derived(name: str, known: Mapping[str, Column]) -> Column | None:
    """Return what a column derived from a known one holds; None if it is derived from none."""
    told = _BY_NEIGHBOURS.fullmatch(name)
    if told and told[1] in known:
        return _by_neighbours(known[told[1]], told[2])
    measured = _MEASURED.fullmatch(name)
    if measured and measured[1] in known:
        return _measured(known[measured[1]], measured[2], error=bool(measured[3]))
    return None


def _by_neighbours(known: Column, end: str) -> Column:
    """Return what a property told by neighbours is, or an `end`, `low` or `high`, of it."""
    which = f"{end} end of the 68 % interval, " if end else ""
    words = known.description or known.label
    return replace(
        known,
        label=f"{known.label} by neighbours" + (f", {end}" if end else ""),
        short=f"{known.heading} near" + (f" {end}" if end else ""),
        ucd="",
        description=f"{words}: {which}estimated from the nearest objects in latent space",
    )


def _measured(known: Column, where: str, *, error: bool) -> Column:
    """Return what a measured quantity is in the `data` or the `model`, or its error."""
    words = known.description or known.label
    origin = "in the spectrum" if where == "data" else "in the model's reconstruction"
    ucd = f"stat.error;{known.ucd}" if error and known.ucd else known.ucd
    return replace(
        known,
        label=f"{'error of ' if error else ''}{known.label} ({where})",
        short=f"{'± ' if error else ''}{known.heading} ({where})",
        ucd=ucd.split(";arith")[0] if error else ucd,
        description=f"{words}, {'1 sigma error of what is ' if error else ''}measured {origin}",
    )
