"""What a header, or the facts of a record, say of the object: redshift, class, position."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from data.ingest.cells import PLACEHOLDERS, number, plain_text, positive

REDSHIFTS, REDSHIFT_ERRORS = (
    "Z", "REDSHIFT", "ZBEST", "Z_BEST", "Z_SPEC", "ZSPEC", "SPEC_Z", "SPECZ", "ZHELIO", "Z_HELIO",
), ("Z_ERR", "ZERR", "Z_ERROR", "REDSHIFT_ERR")  # fmt: skip
CLASSES = ("CLASS", "SPECTYPE", "OBJCLASS")
PLACES = (("SRCRA", "SRCDEC"), ("RA_OBJ", "DEC_OBJ"), ("RA", "DEC"), ("RA_TARG", "DEC_TARG"),
          ("TARG_RA", "TARG_DEC"), ("ALPHA", "DELTA"))  # fmt: skip
"""Keywords of the target's position; others tell where the telescope pointed."""
_SEPARATOR = re.compile(r"[\s:hdms°'\"]+")
"""What stands between the parts of a sexagesimal text."""


def header_facts(cards: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the facts of a `RawSpectrum`; what is not known is NaN or empty.

    Args:
        cards: Keyword in upper case -> value, and `keyword comment` -> text.
        name: Identifier of the object.
    """
    redshifts = (number(cards.get(word)) for word in REDSHIFTS)
    z = next((value for value in redshifts if -0.1 < value < 20), math.nan)
    errors = (positive(cards.get(word)) for word in REDSHIFT_ERRORS)
    kinds = (plain_text(cards[word]).upper() for word in CLASSES if word in cards)
    ra, dec = _position(cards)
    return {
        "object_id": name,
        "ra": ra,
        "dec": dec,
        "z": math.nan if z in PLACEHOLDERS else z,
        "z_err": next((error for error in errors if math.isfinite(error)), math.nan),
        "class": next(kinds, ""),
        "subclass": plain_text(cards.get("SUBCLASS", cards.get("SUBTYPE", ""))),
        "zwarning": number(cards.get("ZWARNING")),
    }


def _position(cards: Mapping[str, Any]) -> tuple[float, float]:
    """Return right ascension and declination of the target in degrees; NaN if unknown."""
    for words in PLACES:
        if any("elescope" in str(cards.get(f"{word} comment", "")) for word in words):
            continue
        text = str(cards.get(words[0], "")).strip()
        hours = bool(_SEPARATOR.search(text)) and not re.search("[d°]", text)
        ra, dec = (_degrees(cards.get(word)) for word in words)
        ra *= 15 if hours else 1
        if -180 <= ra <= 360 and -90 <= dec <= 90:
            return ra, dec
    return math.nan, math.nan


def _degrees(value: Any) -> float:  # noqa: ANN401 - whatever a header holds
    """Return a number, or the value of a sexagesimal text, in its own unit."""
    parts = [part for part in _SEPARATOR.split(str(value).strip()) if part]
    if not parts:
        return math.nan
    numbers = [number(part) for part in parts]
    size = sum(abs(part) / 60**place for place, part in enumerate(numbers))
    return -size if parts[0].startswith("-") else size
