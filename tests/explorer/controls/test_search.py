"""Search: every way to write an object is understood, the rest is told."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from explorer.controls.search import find, nearest_ids
from explorer.spectrum.inspection import inspect
from tests.fixtures.explorer import open_tiny


@pytest.mark.parametrize(
    "text",
    [
        "266-51602-0007", " 266-51602-0007 ", "266 51602 7", "0266-51602-0007",
        "spec-0266-51602-0007.fits", "266,51602,7", "266 - 51602 - 7",
    ],
)  # fmt: skip
def test_plate_mjd_fiber_in_any_form(tiny_atlas_path: Path, text: str) -> None:
    assert find(open_tiny(tiny_atlas_path), text).rows == [6]


def test_targetid_as_id_or_column(tiny_atlas_path: Path) -> None:
    ids = [str(39627640566453451 + row) for row in range(120)]
    assert find(open_tiny(tiny_atlas_path, object_id=ids), ids[11]).rows == [11]
    numbers = np.array(ids, dtype=np.int64)
    assert find(open_tiny(tiny_atlas_path, targetid=numbers), ids[12]).rows == [12]


def test_cone_agrees_with_astropy(tiny_atlas_path: Path, rng: np.random.Generator) -> None:
    ra, dec = rng.uniform(149.9, 150.1, 120), rng.uniform(-0.1, 0.1, 120)
    ra[:5], dec[:5] = [359.999, 0.001, 0.0, 180.0, 20.0], [0.0, 0.0, 0.001, 89.999, -90.0]
    dataset = open_tiny(tiny_atlas_path, ra=ra, dec=dec)
    sky = SkyCoord(ra, dec, unit="deg")
    for x, y, radius in ((150.0, 0.0, 120.0), (0.0, 0.0, 30.0), (12.0, 89.9999, 60.0)):
        centre = SkyCoord(x, y, unit="deg")
        away = sky.separation(centre)
        expected = np.flatnonzero(away < radius * units.arcsec)
        rows = find(dataset, f'{x} {y} {radius}"').rows
        assert sorted(rows) == expected.tolist()
        assert (np.diff(away[rows].arcsec) > -1e-6).all()  # nearest first
        assert len(expected)


def test_a_cone_search_leaves_spectra_as_they_were(tiny_atlas_path: Path) -> None:
    alone, searched = open_tiny(tiny_atlas_path), open_tiny(tiny_atlas_path)
    find(searched, '150.0 2.0 60"')
    np.testing.assert_array_equal(inspect(searched, 3).sky, inspect(alone, 3).sky)


@pytest.mark.parametrize(
    "text",
    [
        '150.0 2.0 60"', "150.0, 2.0, 1'", "150.0 +2.0 60 arcsec", "10:00:00 +02:00:00 1 arcmin",
        "10h00m00s 2d00m00s 60", "150.0 2.0 r=60",
    ],
)  # fmt: skip
def test_positions_in_any_form(tiny_atlas_path: Path, text: str) -> None:
    dataset = open_tiny(tiny_atlas_path, ra=np.linspace(100, 200, 120), dec=np.full(120, 50.0))
    dataset.catalog.loc[17, ["ra", "dec"]] = 150.0, 2.0 + 30 / 3600
    assert find(dataset, text).rows == [17]


def test_empty_cone_names_the_nearest(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path, ra=10.0, dec=np.linspace(1.0, 60.0, 120))
    found = find(dataset, "10 0")
    assert found.rows == []
    assert "nearest 1 deg away" in found.message


@pytest.mark.parametrize(
    "text", ["", "nonsense", "<b>x</b>", "400 95", "999 99999 9999", "1" * 500]
)
def test_what_is_not_there_is_told(tiny_atlas_path: Path, text: str) -> None:
    found = find(open_tiny(tiny_atlas_path), text)
    assert found.rows == []
    assert found.message


@pytest.mark.parametrize("value", [0.0, -9999.0])
def test_unknown_positions_are_not_found(tiny_atlas_path: Path, value: float) -> None:
    ra, dec = np.full(120, value), np.full(120, value)
    found = find(open_tiny(tiny_atlas_path, ra=ra, dec=dec), "0 0 1 deg")
    assert (found.rows, found.message) == ([], "no object of this atlas has a position")
    ra[7], dec[7] = 0.0, 0.5
    assert find(open_tiny(tiny_atlas_path, ra=ra, dec=dec), "0 0 1 deg").rows == [7]


def test_atlas_without_positions_is_told(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    dataset.catalog = dataset.catalog.drop(columns=["ra", "dec"])
    assert "no positions" in find(dataset, "150 2").message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("266-51602-0041", "266-51602-0040"), ("0268-51602-0041", "268-51602-0040"),
        ("266-51802-0007", "266-51602-0007"), ("366-51602-0007", "266-51602-0007"),
    ],
)  # fmt: skip
def test_a_mistyped_id_is_offered_its_neighbours(
    tiny_atlas_path: Path, text: str, wanted: str
) -> None:
    dataset = open_tiny(tiny_atlas_path)
    assert wanted in nearest_ids(dataset, text)
    found = find(dataset, text)
    assert found.rows == []
    assert wanted in found.message


@pytest.mark.parametrize("text", ["MOCK-3-17", "3-17", "k-3-17"])
def test_part_of_an_id_is_offered_whatever_its_capitals(tiny_atlas_path: Path, text: str) -> None:
    ids = [f"mock-3-{row}" for row in range(60, 180)]
    ids[50] = "mock-3-17"
    dataset = open_tiny(tiny_atlas_path, object_id=ids)
    near = nearest_ids(dataset, text)
    assert near[0] == "mock-3-17"
    assert len(near) == len(set(near)) == 3


def test_neighbours_of_a_long_identifier_keep_every_digit(tiny_atlas_path: Path) -> None:
    ids = [str(39627640566453451 + row) for row in range(120)]
    dataset = open_tiny(tiny_atlas_path, object_id=ids)
    assert set(nearest_ids(dataset, "39627640566453450")) <= set(ids)
    assert nearest_ids(dataset, "galaxy") == []


def test_of_many_ids_none_is_offered(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_tiny(tiny_atlas_path)
    assert "nearest" in find(dataset, "266-51602-0041").message
    monkeypatch.setattr("explorer.controls.search.MOST_SORTED", 10)
    assert "nearest" not in find(dataset, "266-51602-0041").message
