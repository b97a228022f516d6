"""DESI: coadded spectra by HEALPix pixel (n_side 64, nested), each with its redrock file.

Layout of https://desidatamodel.readthedocs.io (DESI_SPECTRO_REDUX/SPECPROD/healpix); every folder
of the public releases has a file of SHA-256 sums.
"""

from __future__ import annotations

import numpy as np

from data.arrays import IndexArray
from data.fetch.wanted import Cone, FetchConfig, Remote, numbers_of
from data.healpix import pixel_numbers

FILES = "https://data.desi.lbl.gov/public"
PRODUCTIONS = {"edr": "fuji", "dr1": "iron"}
"""Release -> spectroscopic production."""
ORDER = 6
KINDS = ("coadd", "redrock")
STEP = 0.2
"""Distance of the positions at which a cone is probed for pixels, degrees: pixels are 0.9 wide."""


def wanted_files(config: FetchConfig) -> list[Remote]:
    """Return the files that were asked for.

    Raises:
        ValueError: The list has not the columns that name a pixel, or a query was asked for.
    """
    if config.query:
        raise ValueError("DESI's files are found by --list or --cone; sparcl takes queries")
    release = config.release or "dr1"
    if release not in PRODUCTIONS:
        raise ValueError(f"--release must be one of {', '.join(PRODUCTIONS)}, got {release}")
    base = f"{config.server or FILES}/{release}/spectro/redux/{PRODUCTIONS[release]}/healpix"
    pixels, certain = _pixels(config)
    return [
        _file(base, f"{survey}/{program}", pixel, kind, certain=certain)
        for survey, program, pixel in pixels[: config.most]
        for kind in KINDS
    ]


def _file(base: str, program: str, pixel: int, kind: str, *, certain: bool) -> Remote:
    folder = f"{program}/{pixel // 100}/{pixel}"
    name = f"{folder}/{kind}-{program.replace('/', '-')}-{pixel}.fits"
    production = base.rpartition("/healpix")[0].rpartition("/")[2]
    sums = f"redux_{production}_healpix_{folder.replace('/', '_')}.sha256sum"
    return Remote(name, (f"{base}/{name}",), f"{base}/{folder}/{sums}", certain)


def _pixels(config: FetchConfig) -> tuple[list[tuple[str, str, int]], bool]:
    """Return survey, program and pixel of each pair of files, and whether all must be there."""
    cone = Cone.of(config.cone)
    if cone:
        return _of_programs(_covering(cone).tolist(), config), False
    table = config.table()
    if "healpix" in table:
        pixels = numbers_of(table, "healpix", low=0, high=12 * 4**ORDER - 1).astype(np.int64)
        if {"survey", "program"} <= set(table):
            rows = zip(table["survey"], table["program"], pixels.tolist(), strict=True)
            return list(dict.fromkeys((str(s), str(p), n) for s, p, n in rows)), True
        return _of_programs(np.unique(pixels).tolist(), config), False
    if {"ra", "dec"} <= set(table):
        ra = numbers_of(table, "ra", low=-180, high=360)
        dec = numbers_of(table, "dec", low=-90, high=90)
        numbers = np.unique(pixel_numbers(ra, dec, order=ORDER))
        return _of_programs(numbers.tolist(), config), False
    raise ValueError("the list must have healpix (and survey, program), or ra and dec")


def _of_programs(pixels: list[int], config: FetchConfig) -> list[tuple[str, str, int]]:
    pairs = [item.partition("/") for item in config.programs]
    if not all(survey and program for survey, _, program in pairs):
        raise ValueError(f"--programs are SURVEY/PROGRAM, got {' '.join(config.programs)}")
    return [(survey, program, pixel) for pixel in pixels for survey, _, program in pairs]


def _covering(cone: Cone) -> IndexArray:
    """Return the pixels that a cone touches."""
    rings = np.linspace(0, cone.radius, int(np.ceil(cone.radius / STEP)) + 1)
    counts = np.maximum(8, np.ceil(2 * np.pi * rings / STEP)).astype(int)
    distance = np.radians(np.repeat(rings, counts))
    angle = np.concatenate([np.arange(count) * 2 * np.pi / count for count in counts])
    centre = np.radians(cone.dec)
    sine = np.sin(centre) * np.cos(distance) + np.cos(centre) * np.sin(distance) * np.cos(angle)
    dec = np.arcsin(np.clip(sine, -1, 1))
    ra = np.radians(cone.ra) + np.arctan2(
        np.sin(angle) * np.sin(distance) * np.cos(centre),
        np.cos(distance) - np.sin(centre) * np.sin(dec),
    )
    return np.unique(pixel_numbers(np.degrees(ra), np.degrees(dec), order=ORDER))
