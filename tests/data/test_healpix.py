"""Pixel numbers against those of published tables, and of another implementation."""

import numpy as np
import pytest

from data.healpix import FINEST, first_number, partitions, pixel_numbers


def sphere(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def test_base_pixels_lie_as_in_the_paper():
    """Gorski et al. (2005), Figure 3: four around each pole, four on the equator."""
    ra = np.array([45, 135, 225, 315, 0, 90, 180, 270, 45, 135, 225, 315.0])
    dec = np.repeat([60.0, 0.1, -60.0], 4)
    np.testing.assert_array_equal(pixel_numbers(ra, dec, order=0), np.arange(12))


def test_pixels_hold_equal_areas_and_children_lie_in_parents(rng: np.random.Generator):
    ra, dec = sphere(rng, 120_000)
    fine = pixel_numbers(ra, dec)
    for order in (0, 3, 17):
        np.testing.assert_array_equal(
            pixel_numbers(ra, dec, order=order), fine >> (2 * (FINEST - order))
        )
    counts = np.bincount(pixel_numbers(ra, dec, order=1), minlength=48)
    assert np.abs(counts - 2500).max() < 5 * 50  # five standard deviations


def test_near_positions_have_one_pixel_at_the_poles():
    ra = np.array([10.0, 11.0])
    for dec in (90 - 1e-5, -90 + 1e-5):
        assert len(set(pixel_numbers(ra, np.full(2, dec), order=12))) == 1


def test_partitions_hold_each_row_once_in_order(rng: np.random.Generator):
    numbers = np.sort(pixel_numbers(*sphere(rng, 5000)))
    found = list(partitions(numbers, most=100))
    assert [part.start for part in found[1:]] == [part.stop for part in found[:-1]]
    assert (found[0].start, found[-1].stop) == (0, 5000)
    assert max(part.stop - part.start for part in found) <= 100
    for order, pixel, start, stop in found:
        assert numbers[start] >= first_number(order, pixel)
        assert numbers[stop - 1] < first_number(order, pixel + 1)


def test_agrees_with_cdshealpix(rng: np.random.Generator):
    cdshealpix = pytest.importorskip("cdshealpix", reason="cdshealpix is not installed")
    from astropy.coordinates import Latitude, Longitude

    ra, dec = sphere(rng, 50_000)
    for order in (0, 4, 12, 29):
        theirs = cdshealpix.nested.lonlat_to_healpix(
            Longitude(ra, "deg"), Latitude(dec, "deg"), order
        )
        np.testing.assert_array_equal(pixel_numbers(ra, dec, order=order), theirs)
