"""Positions on the sky: which of them are known, and which rows observe the same object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from data.arrays import BoolArray, FloatArray, IndexArray

SAME_OBJECT = 2.0
"""Observations closer than this are of one object, arcsec: less than an SDSS fibre of 3 arcsec.
Ingest drops all but the best of them, so this errs towards keeping two objects."""
BLOCK_ROWS = 2**20
"""Positions compared at a time."""
SHARED_LIGHT = 3.0
"""Observations closer than this may hold light of one object, arcsec: the width of an SDSS fibre.
Splits keep them on one side, where a wrong link costs nothing. Saved models record this value:
another one would move their training objects into the test set."""


def known_positions(ra: FloatArray, dec: FloatArray) -> BoolArray:
    """Return which positions (degrees) are measured ones.

    Unknown are values that are not finite or outside the sky (-9999), and the placeholder 0, 0.
    Right ascensions may run from 0 to 360 or from -180 to 180.
    """
    ra, dec = np.asarray(ra, dtype=float), np.asarray(dec, dtype=float)
    return (np.abs(dec) <= 90) & (ra >= -180) & (ra <= 360) & ((ra != 0) | (dec != 0))


def unit_vectors(ra: FloatArray, dec: FloatArray) -> FloatArray:
    """Return directions (degrees) as vectors of length 1, shape (n, 3)."""
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)


def chord(arcsec: float) -> float:
    """Return the distance of two unit vectors that are `arcsec` apart (at most half a turn)."""
    return float(2 * np.sin(np.radians(min(arcsec / 3600, 180.0)) / 2))


def separation(ra: FloatArray, dec: FloatArray, ra0: float, dec0: float) -> FloatArray:
    """Return how far positions are from another one, all in degrees; exact also where they meet."""
    centre = unit_vectors(np.array([ra0]), np.array([dec0]))[0]
    apart = np.empty(len(ra))
    for start in range(0, len(ra), BLOCK_ROWS):
        some = slice(start, start + BLOCK_ROWS)
        apart[some] = np.linalg.norm(unit_vectors(ra[some], dec[some]) - centre, axis=1)
    return np.degrees(2 * np.arcsin(np.minimum(apart / 2, 1.0)))


def position_tree(ra: FloatArray, dec: FloatArray) -> tuple[KDTree, IndexArray]:
    """Return a k-d tree of the unit vectors of the known positions, and the row of each."""
    rows = np.flatnonzero(known_positions(ra, dec))
    return KDTree(unit_vectors(ra[rows], dec[rows])), rows


def object_groups(
    ra: FloatArray, dec: FloatArray, *, radius: float, ids: NDArray[Any] | None = None
) -> IndexArray:
    """Return the number of the object that each row observes.

    Rows are linked where their known positions are close; a row of unknown position is an object
    of its own. Chains of links are one object. Memory is linear in the number of rows, also
    where many have exactly the same position.

    Args:
        ra: Right ascension, degrees, shape (n_row,).
        dec: Declination, degrees, shape (n_row,).
        radius: Positions up to this apart are linked, arcsec.
        ids: Identifiers, shape (n_row,); rows with the same one are linked too.

    Returns:
        Group of each row, numbered from 0, shape (n_row,).
    """
    links = []
    rows = np.flatnonzero(known_positions(ra, dec))
    if rows.size:
        where, first, same = np.unique(
            ra[rows] + 1j * dec[rows], return_index=True, return_inverse=True
        )
        tree = KDTree(unit_vectors(where.real, where.imag))
        pairs = tree.query_pairs(chord(radius), output_type="ndarray")
        links = [np.stack([rows, rows[first[same]]]), rows[first[pairs.reshape(-1, 2)]].T]
    if ids is not None:
        _, first, same = np.unique(
            pd.factorize(ids, use_na_sentinel=False)[0], return_index=True, return_inverse=True
        )
        links.append(np.stack([np.arange(len(ids)), first[same]]))
    one, other = np.concatenate([np.empty((2, 0), dtype=np.int64), *links], axis=1)
    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(len(ra), len(ra)))
    return connected_components(graph, directed=False)[1]


def separations(
    ra: FloatArray, dec: FloatArray, other_ra: FloatArray, other_dec: FloatArray
) -> FloatArray:
    """Return how far positions (degrees) are from others, arcsec; 0 where one is unknown."""
    known = known_positions(ra, dec) & known_positions(other_ra, other_dec)
    chords = np.linalg.norm(unit_vectors(ra, dec) - unit_vectors(other_ra, other_dec), axis=1)
    arcsec = np.degrees(2 * np.arcsin(np.clip(chords / 2, 0, 1))) * 3600
    return np.where(known, arcsec, 0.0)
