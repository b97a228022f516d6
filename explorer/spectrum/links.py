"""Where other services show an object: pages about it, and an image of the sky around it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from urllib.parse import quote, urlencode

_SDSS_ID = re.compile(r"(\d{1,5})-(\d{5})-(\d{1,4})")
CUTOUT_SIZE = 30.0
"""Side of the image, arcsec."""


DESI_RELEASES = {"fuji": "edr", "iron": "dr1", "loa": "dr2"}
"""Spectroscopic production -> public release."""
_DESI_PAGES = ("dr1", "edr")
"""Releases whose spectra the viewer shows."""


def desi_release(facts: Iterable[str]) -> str | None:
    """Return the DESI release that texts about an object name: productions, releases, paths.

    Args:
        facts: Cells of the catalogue and what is known of the survey, such as `iron`, `DR1`,
            `/data/desi/spectro/redux/fuji/healpix`.
    """
    words = {word for text in facts for word in re.split(r"[^a-z0-9]+", text.lower())}
    named = [release for name, release in DESI_RELEASES.items() if {name, release} & words]
    return named[0] if len(named) == 1 else None


def page_links(
    object_id: str, *, ra: float, dec: float, facts: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """Return names and addresses of pages about an object.

    Args:
        object_id: The catalogue's id; plate-mjd-fiber and targetid lead to spectra.
        ra: Right ascension, degrees ICRS; NaN leaves the pages found by position out.
        dec: Declination, degrees.
        facts: What may name the release of a DESI spectrum (see `desi_release`); where it is not
            known, each release with a viewer is offered.
    """
    links = []
    if match := _SDSS_ID.fullmatch(object_id):
        plate, mjd, fiber = (int(number) for number in match.groups())
        query = urlencode({"plateid": plate, "mjd": mjd, "fiberid": fiber})
        links.append(("SDSS spectrum", f"https://dr17.sdss.org/optical/spectrum/view?{query}"))
    elif object_id.isdecimal() and len(object_id) > 12:
        release = desi_release(facts)
        for page in _DESI_PAGES if release is None else (release,):
            if page in _DESI_PAGES:
                address = (
                    f"https://www.legacysurvey.org/viewer/desi-spectrum/{page}/targetid{object_id}"
                )
                links.append((f"DESI {page.upper()} spectrum", address))
    return links + (_position_links(ra, dec) if math.isfinite(ra) and math.isfinite(dec) else [])


def _position_links(ra: float, dec: float) -> list[tuple[str, str]]:
    """Return names and addresses of pages about a position, degrees."""
    position = {"ra": f"{ra:.6f}", "dec": f"{dec:.6f}"}
    skyserver = "https://skyserver.sdss.org/dr17/VisualTools/explore/summary?" + urlencode(position)
    legacy = "https://www.legacysurvey.org/viewer/?" + urlencode(
        position | {"zoom": 15, "layer": "ls-dr9", "mark": f"{ra:.6f},{dec:.6f}"}
    )
    simbad = "https://simbad.cds.unistra.fr/simbad/sim-coo?" + urlencode(
        {
            "Coord": f"{ra:.6f}d{dec:+.6f}d", "CooFrame": "ICRS", "CooEpoch": 2000,
            "CooEqui": 2000, "Radius": 10, "Radius.unit": "arcsec",
        }
    )  # fmt: skip
    ned = "https://ned.ipac.caltech.edu/conesearch?" + urlencode(
        {
            "search_type": "Near Position Search", "coordinates": f"{ra:.6f}d {dec:+.6f}d",
            "radius": 0.2, "in_csys": "Equatorial", "in_equinox": "J2000",
        },
        quote_via=quote,
    )  # fmt: skip
    return [
        ("SkyServer", skyserver),
        ("Legacy Survey", legacy),
        ("SIMBAD", simbad),
        ("NED", ned),
    ]


def cutout_address(*, ra: float, dec: float, pixels: int = 160) -> str:
    """Return the address of a Legacy Survey image, `CUTOUT_SIZE` on a side."""
    query = {
        "ra": f"{ra:.6f}", "dec": f"{dec:.6f}", "layer": "ls-dr9", "size": pixels,
        "pixscale": f"{CUTOUT_SIZE / pixels:.4f}",
    }  # fmt: skip
    return "https://www.legacysurvey.org/viewer/cutout.jpg?" + urlencode(query)
