"""What the page tells other programs by SAMP: tables, spectra, places; slow, for a thread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.arrays import IndexArray
from explorer.export.export import export_table
from explorer.samp.hub import SampConnection
from explorer.samp.messages import (
    HIGHLIGHT,
    LOAD_SPECTRUM,
    LOAD_TABLE,
    POINT,
    SELECT,
    spectrum_file,
)
from explorer.spectrum.facts import position
from explorer.spectrum.inspection import inspect
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest

MOST_SELECTED = 100_000
"""Rows of a selection that are told of."""


def tell_table(connection: SampConnection, dataset: Dataset, rows: IndexArray) -> tuple[str, int]:
    """Send objects as a VOTable; return its address, which names it, and how many programs got it.

    Raises:
        OSError: It can not be written, or the hub does not answer.
    """
    exported = export_table(dataset, rows, "votable")
    url = connection.write(exported.name, exported.content)
    params = {"url": url, "table-id": url, "name": f"{dataset.name} ({len(rows)} objects)"}
    return url, connection.tell(LOAD_TABLE, **params)


def tell_spectrum(connection: SampConnection, dataset: Dataset, chosen: int | Guest) -> int:
    """Send a spectrum as a FITS table; return how many programs got it.

    Raises:
        OSError: It can not be written, or the hub does not answer.
    """
    item = inspect(dataset, chosen)
    name = str(dataset.ids[chosen]) if isinstance(chosen, int) else chosen.name
    content = spectrum_file(item, norm=item.norm)
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in name)[:80]
    url = connection.write(f"{plain}.fits", content)
    meta = {"Access.Format": "application/fits", "Access.Reference": url}
    return connection.tell(LOAD_SPECTRUM, url=url, name=name, meta=meta, **{"spectrum-id": url})


def tell_object(
    connection: SampConnection, dataset: Dataset, row: int,
    tables: Sequence[tuple[str, IndexArray]],
) -> None:  # fmt: skip
    """Point at an object, and highlight its row in the newest table sent that has it.

    Args:
        connection: To the hub.
        dataset: The atlas.
        row: Of its catalogue.
        tables: Address and rows of each table sent, the newest last.

    Raises:
        OSError: The hub does not answer.
    """
    for table, rows in reversed(tables):
        if len(at := np.flatnonzero(rows == row)):
            named = {"table-id": table, "url": table}
            connection.tell(HIGHLIGHT, **named, row=str(at[0]))
            break
    ra, dec = position(dataset, row)
    if np.isfinite([ra, dec]).all():
        connection.tell(POINT, ra=f"{ra:.7f}", dec=f"{dec:.7f}")


def tell_selection(connection: SampConnection, table: str, rows: IndexArray) -> None:
    """Select rows of a table that was sent, at most `MOST_SELECTED`.

    Raises:
        OSError: The hub does not answer.
    """
    told = [str(row) for row in rows[:MOST_SELECTED]]
    connection.tell(SELECT, **{"table-id": table, "url": table, "row-list": told})
