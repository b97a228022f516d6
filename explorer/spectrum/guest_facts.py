"""What is known of an object that the user brought: facts, scores, what its neighbours tell."""

from __future__ import annotations

from html import escape

from data.columns import FACTS, column
from data.ingest.cells import number
from explorer.spectrum.fact import fact
from explorer.spectrum.links import page_links
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest

ENDS = ("_near", "_near_low", "_near_high")
N_NEAREST = 5
"""Nearest objects named."""
_FACTS = ("z", "z_err", "class", "subclass", "snr", "norm", "mask_fraction", "ra", "dec")


def guest_position(guest: Guest) -> tuple[float, float]:
    """Return right ascension and declination (degrees), NaN where the file has none."""
    ra, dec = (number(guest.facts.get(name)) for name in ("ra", "dec"))
    return ra, dec


def guest_html(dataset: Dataset, guest: Guest) -> str:
    """Return all that is known as HTML; nothing from the file is taken as HTML."""
    ra, dec = guest_position(guest)
    links = "".join(
        f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer">{escape(name)}</a>'
        for name, address in page_links(guest.name, ra=ra, dec=dec)
    )
    parts = (
        ("", guest_facts(dataset, guest)),
        ("Scores, and how much of the atlas has at least that", scores(dataset, guest)),
        ("What the neighbours tell", estimates(guest)),
        ("Nearest in the latents, marked on the map", nearest(dataset, guest)),
    )
    return (
        f'<div><span class="name">{escape(guest.name)}</span><span class="links">{links}</span>'
        f"</div><p>Yours, from {escape(guest.file)}; not part of the atlas, forgotten when this "
        "page closes.</p>" + "".join(_listed(title, pairs) for title, pairs in parts)
    )


def guest_facts(dataset: Dataset, guest: Guest) -> list[tuple[str, str]]:
    """Return label and value of what its file tells."""
    return [(dataset.label(name), fact(guest.facts.get(name), name)) for name in _FACTS]


def scores(dataset: Dataset, guest: Guest) -> list[tuple[str, str]]:
    """Return label and value of each score of the atlas, with its rank among the objects."""
    row = guest.placed.row
    return [
        (dataset.label(name), f"{fact(row[name])} ({100 * share:.3g} %)")
        for name, share in guest.shares.items()
    ]


def estimates(guest: Guest) -> list[tuple[str, str]]:
    """Return the properties that the neighbours tell, each with its 68 % interval."""
    row = guest.placed.row
    names = [name.removesuffix("_near") for name in row if name.endswith("_near")]
    found = []
    for name in sorted(names, key=[*FACTS, *names].index):
        value, low, high = (float(row[name + end]) for end in ENDS)
        if value == value:  # NaN where nothing is known
            found.append((column(name).title, f"{value:.2f} ({low:.2f} to {high:.2f})"))
    return found


def nearest(dataset: Dataset, guest: Guest) -> list[tuple[str, str]]:
    """Return identifier and latent distance of the nearest objects."""
    placed = guest.placed
    pairs = zip(placed.neighbours[:N_NEAREST], placed.distances[:N_NEAREST], strict=True)
    return [(str(dataset.ids[row]), f"{distance:.3g}") for row, distance in pairs]


def _listed(title: str, pairs: list[tuple[str, str]]) -> str:
    entries = "".join(
        f'<div><dt title="{escape(name)}">{escape(name)}</dt>'
        f'<dd title="{escape(value)}">{escape(value)}</dd></div>'
        for name, value in pairs
        if value
    )
    heading = f"<p><b>{escape(title)}</b></p>" if title else ""
    return f"{heading}<dl>{entries}</dl>" if entries else ""
