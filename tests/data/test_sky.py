import tracemalloc
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from data.sky import (
    SAME_OBJECT,
    chord,
    known_positions,
    object_groups,
    position_tree,
    separation,
    unit_vectors,
)

UNKNOWN = [
    (0.0, 0.0),
    (-0.0, 0.0),
    (-9999.0, -9999.0),
    (np.nan, np.nan),
    (10.0, np.nan),
    (np.inf, 0.0),
    (10.0, 90.1),
    (361.0, 0.0),
]


@pytest.mark.parametrize("position", UNKNOWN)
def test_unknown_positions_join_nothing(position):
    ra, dec = np.full(1000, position[0]), np.full(1000, position[1])
    assert not known_positions(ra, dec).any()
    assert len(set(object_groups(ra, dec, radius=SAME_OBJECT))) == 1000
    tree, rows = position_tree(ra, dec)
    assert tree.n == len(rows) == 0


@pytest.mark.parametrize("position", [(0.0, 1e-9), (1e-9, 0.0), (360.0, 90.0), (-180.0, -90.0)])
def test_edges_of_the_sky_are_known(position):
    assert known_positions(np.array([position[0]]), np.array([position[1]])).all()


@pytest.mark.parametrize("position", [(0.0, 0.0), (-9999.0, -9999.0), (187.5, 12.25)])
def test_memory_is_linear_where_many_rows_have_one_position(position):
    ra, dec = np.full(20_000, position[0]), np.full(20_000, position[1])
    tracemalloc.start()
    try:
        groups = object_groups(ra, dec, radius=SAME_OBJECT, ids=np.arange(20_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(set(groups)) == (20_000 if not known_positions(ra, dec).any() else 1)
    assert peak < 20_000 * 1000  # bytes; the pairs alone would be 3.2 GB


def test_rows_are_linked_by_position_identifier_and_chain():
    ra = np.array([10.0, 10.0 + 1.5 / 3600, 10.0 + 3.0 / 3600, 200.0, 0.0, 50.0])
    dec = np.array([0.0, 0.0, 0.0, 45.0, 0.0, -30.0])
    ids = np.array(["a", "b", "c", "d", "d", "e"])
    groups = object_groups(ra, dec, radius=SAME_OBJECT, ids=ids)
    assert len(set(groups[:3])) == 1, "a chain of neighbours is one object"
    assert groups[3] == groups[4], "an identifier links a row of unknown position"
    assert len(set(groups)) == 3
    assert len(set(object_groups(ra, dec, radius=SAME_OBJECT))) == 4


def test_both_conventions_of_right_ascension_are_the_same_position():
    ra = np.array([350.0, -10.0, 359.9999, 0.0001])
    dec = np.array([20.0, 20.0, 60.0, 60.0])
    assert list(object_groups(ra, dec, radius=SAME_OBJECT)) == [0, 0, 1, 1]


def test_no_rows_have_no_groups():
    assert object_groups(np.empty(0), np.empty(0), radius=SAME_OBJECT).shape == (0,)


def test_unit_vectors_and_chord_agree_with_astropy(rng):
    ra, dec = rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    sky: Any = SkyCoord(ra * units.deg, dec * units.deg)
    np.testing.assert_allclose(unit_vectors(ra, dec), sky.cartesian.xyz.value.T, atol=1e-14)
    apart = sky[:-1].separation(sky[1:]).arcsec
    distance = np.linalg.norm(np.diff(unit_vectors(ra, dec), axis=0), axis=1)
    np.testing.assert_allclose([chord(value) for value in apart], distance, rtol=1e-9)


def test_separations_agree_with_astropy(rng, monkeypatch):
    monkeypatch.setattr("data.sky.BLOCK_ROWS", 7)
    ra, dec = rng.uniform(0, 360, 50), np.degrees(np.arcsin(rng.uniform(-1, 1, 50)))
    ra[:3], dec[:3] = [10.0, 10.0001, 190.0], [80.0, 80.0, -80.0]
    theirs = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(10.0, 80.0, unit="deg"))
    np.testing.assert_allclose(separation(ra, dec, 10.0, 80.0), theirs.deg, rtol=1e-7, atol=1e-9)
