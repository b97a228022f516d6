"""Finds objects by name or position, however a user writes them."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units
from astropy.coordinates import Angle, SkyCoord

from data.sky import known_positions, separation
from explorer.state.dataset import Dataset

RADIUS = Angle(10, unit=units.arcsec)
"""Cone searched where the user gives none."""
MOST_DIFFERING = 2
"""An id with more letters that differ is not offered for a mistyped one."""
SHORTEST_PART = 3
"""Letters from which on ids that contain a text are offered, capitals or not."""
MOST_SORTED = 2_000_000
"""Objects whose ids are sorted to offer one for a mistyped one: more would take gigabytes."""
MAX_FOUND = 200
"""At most this many objects of a cone are marked."""

_PLATE_MJD_FIBER = re.compile(r"(?:spec[-_])?(\d{1,5})[-_,\s]+(\d{5})[-_,\s]+(\d{1,4})(?:\.fits)?")
_COORDINATES = re.compile(
    r"(?P<ra>[\d.:hms]+)[,\s]+(?P<dec>[+\-\N{MINUS SIGN}]?[\d.:dms]+)"
    r"(?:[,\s]+(?:r\s*=\s*)?(?P<radius>[\d.]+)\s*(?P<unit>\"|''|'|arcsec|arcmin|deg|d|°)?)?"
)
_UNITS = {
    '"': units.arcsec, "''": units.arcsec, "arcsec": units.arcsec, None: units.arcsec,
    "'": units.arcmin, "arcmin": units.arcmin, "deg": units.deg, "d": units.deg, "°": units.deg,
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a search gave.

    Attributes:
        rows: Rows found, the best first; empty where nothing was.
        message: One line that says what was looked for and found.
    """

    rows: list[int]
    message: str


def find(dataset: Dataset, text: str) -> Found:
    """Find objects by `object_id`, plate-mjd-fiber, targetid, or right ascension and declination.

    Args:
        dataset: The atlas.
        text: What the user typed: `0266-51602-0107`, `266 51602 107`, `spec-0266-51602-0107.fits`,
            a targetid, `146.49 -0.37`, `09:45:57 -00:22:08 30"` (radius; 10" if none).
    """
    text = text.strip()
    if not text:
        return Found([], "Type an object id, plate-mjd-fiber, targetid, or ra dec [radius].")
    row = dataset.row(text)
    if row is not None:
        return Found([row], f"found {text}")
    if match := _PLATE_MJD_FIBER.fullmatch(text):
        numbers = tuple(int(number) for number in match.groups())
        row = dataset.ids.matching("0*{}-0*{}-0*{}".format(*numbers))
        name = "{:04d}-{}-{:04d}".format(*numbers)
        if row is None:
            return Found([], f"no {name} in this atlas{_offer(dataset, name)}")
        return Found([row], f"found {name}")
    for name in dict.fromkeys(["targetid", *dataset.kinds.identifiers]):
        if text.isdecimal() and name in dataset.catalog:
            rows = np.flatnonzero(dataset.catalog[name].astype("string").eq(text).fillna(False))
            if len(rows):
                return Found([int(row) for row in rows], f"found {name} {text}")
    if match := _COORDINATES.fullmatch(text):
        return _find_around(dataset, match)
    return Found(
        [],
        f"no object is called {text!r}{_offer(dataset, text)}; ids, plate-mjd-fiber, targetid, "
        "or ra dec",
    )


def nearest_ids(dataset: Dataset, text: str, *, n: int = 3) -> list[str]:
    """Return the ids most like a text, the shortest of those that contain it first.

    Then come those that share the longest beginning, or all but a letter or two.

    Args:
        dataset: The atlas.
        text: What was looked for.
        n: At most so many.

    Returns:
        Them; none in an atlas of more than `MOST_SORTED` objects.
    """
    if len(dataset) > MOST_SORTED:
        return []
    ordered = dataset.keep(("sorted ids",), lambda: np.sort(dataset.ids[:].astype(str)))
    letters = dataset.keep(("ids as letters",), lambda: _letters(ordered))
    candidates: list[str] = []
    for form in dict.fromkeys([text, text.lstrip("0")]):
        at = int(np.searchsorted(ordered, form))
        candidates += ordered[max(at - n, 0) : at + n].tolist()[::-1]
        if 0 < len(form) <= letters.shape[1]:
            differing = (letters != _letters(np.array([form], dtype=ordered.dtype))).sum(axis=1)
            near = np.argsort(differing, kind="stable")[:n]
            candidates += ordered[near[differing[near] <= MOST_DIFFERING]].tolist()
    folded = text.casefold()
    close = difflib.get_close_matches(text, list(dict.fromkeys(candidates)), n=n, cutoff=0.6)
    if len(folded) < SHORTEST_PART:
        return list(close)
    holding = ordered[np.strings.find(np.strings.lower(ordered), folded) >= 0].tolist()
    holding.sort(key=lambda name: (len(name), not name.casefold().endswith(folded)))
    return list(dict.fromkeys([*holding[:n], *close]))[:n]


def _letters(ids: Any) -> Any:  # noqa: ANN401 - arrays of text and of numbers
    """Return the letters of ids as numbers, shape (n_object, n_letter)."""
    return np.ascontiguousarray(ids).view(np.uint32).reshape(len(ids), -1)


def _offer(dataset: Dataset, text: str) -> str:
    near = nearest_ids(dataset, text)
    return f"; nearest: {', '.join(near)}" if near else ""


def _find_around(dataset: Dataset, match: re.Match[str]) -> Found:
    if not {"ra", "dec"} <= set(dataset.numeric_columns):
        return Found([], "this atlas has no positions (columns ra and dec)")
    sexagesimal = any(mark in match["ra"] for mark in ":hms")
    try:
        position: Any = SkyCoord(
            match["ra"],
            match["dec"].replace("\N{MINUS SIGN}", "-"),
            unit=(units.hourangle if sexagesimal else units.deg, units.deg),
        )
    except ValueError as error:
        return Found([], f"no position: {error}")
    radius: Any = RADIUS
    if match["radius"]:
        radius = Angle(float(match["radius"]), unit=_UNITS[match["unit"]])
    ra, dec = (dataset.catalog[name].to_numpy(float, na_value=np.nan) for name in ("ra", "dec"))
    known = known_positions(ra, dec)
    if not known.any():
        return Found([], "no object of this atlas has a position")
    # A circle reaches as far north and south as its radius: few rows lie in that band.
    band = np.flatnonzero(known & (np.abs(dec - position.dec.deg) <= radius.deg))
    centre = position.ra.deg, position.dec.deg
    away = separation(ra[band], dec[band], *centre)
    near = np.flatnonzero(away <= radius.deg)
    label = f"{position.ra.deg:.5f} {position.dec.deg:+.5f}"
    if not len(near):
        rows = np.flatnonzero(known)
        nearest = Angle(separation(ra[rows], dec[rows], *centre).min(), unit=units.deg)
        return Found(
            [], f'nothing within {radius.arcsec:.4g}" of {label}; nearest {_tell(nearest)} away'
        )
    shown = band[near[np.argsort(away[near], kind="stable")[:MAX_FOUND]]].tolist()
    return Found(shown, f'{len(near):,} within {radius.arcsec:.4g}" of {label}')


def _tell(angle: Any) -> str:  # noqa: ANN401 - an Angle
    if angle.deg >= 1:
        return f"{angle.deg:.3g} deg"
    return f"{angle.arcmin:.3g}'" if angle.arcmin >= 1 else f'{angle.arcsec:.3g}"'
