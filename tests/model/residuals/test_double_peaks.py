import numpy as np
import pytest

from data.constants import SPEED_OF_LIGHT
from data.grid import INSTRUMENTS
from data.spectra import Spectra
from model.residuals.double_peaks import HALF_SEPARATIONS, find_double_peaks

GRIDS = {name: INSTRUMENTS[name] for name in ("sdss", "desi")}
LINES = {4862.69: 0.35, 4960.30: 0.3, 5008.24: 0.9, 6549.86: 0.13, 6564.61: 1.0, 6585.27: 0.4}
NOISE = 0.04


def galaxies(grid, rng, profiles, *, absorption=0.0):
    """Return spectra of continuum 1 whose lines have the given (height, velocity, sigma) parts."""
    z = rng.uniform(0.02, 0.2, len(profiles))
    flux = np.ones((len(profiles), grid.n_pixel))
    for row, parts in enumerate(profiles):
        for line, height in LINES.items():
            velocity = (grid.wave / (line * (1 + z[row])) - 1) * SPEED_OF_LIGHT
            for share, centre, sigma in parts:
                flux[row] += height * share * np.exp(-0.5 * ((velocity - centre) / sigma) ** 2)
        for line in (4862.69, 6564.61):
            velocity = (grid.wave / (line * (1 + z[row])) - 1) * SPEED_OF_LIGHT
            flux[row] -= absorption * np.exp(-0.5 * (velocity / 350) ** 2)
    flux += NOISE * rng.normal(size=flux.shape)
    ivar = np.full_like(flux, NOISE**-2, dtype=np.float32)
    return Spectra(grid=grid, flux=flux.astype(np.float32), ivar=ivar, z=z)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("half", [150.0, 210.0, 280.0])
def test_two_components_are_found_with_their_distance(rng, grid, half):
    pair = ((0.55, half, 80.0), (0.45, -half, 80.0))
    found = find_double_peaks(galaxies(grid, rng, [pair] * 20))
    assert found.significance.min() > 3
    step = np.diff(HALF_SEPARATIONS).max()
    assert np.abs(np.median(found.separation) - 2 * half) <= 2 * step


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize(
    ("parts", "absorption"),
    [
        (((1.0, 20.0, 80.0),), 0.0),
        (((1.0, -30.0, 250.0),), 0.0),
        (((0.8, 0.0, 90.0), (0.08, -60.0, 230.0)), 0.0),
        (((0.3, 0.0, 90.0),), 0.15),
        (((0.0, 0.0, 100.0),), 0.2),
    ],
    ids=["narrow", "wide", "wing", "absorption below", "no line"],
)
def test_single_lines_are_none_of_them(rng, grid, parts, absorption):
    found = find_double_peaks(galaxies(grid, rng, [parts] * 60, absorption=absorption))
    assert np.median(found.significance) < 2
    assert np.mean(found.significance > 3) <= 0.05
    assert np.isnan(found.separation[found.significance == 0]).all()


def test_what_is_found_does_not_depend_on_the_others(rng):
    pair, single = ((0.5, 200.0, 80.0), (0.5, -200.0, 80.0)), ((1.0, 0.0, 80.0),)
    spectra = galaxies(GRIDS["sdss"], rng, [pair, single, pair])
    whole = find_double_peaks(spectra)
    for row in range(3):
        alone = find_double_peaks(spectra.take([row]))
        assert alone.significance[0] == whole.significance[row]


def test_masked_spectra_have_none(rng):
    spectra = galaxies(GRIDS["sdss"], rng, [((0.5, 200.0, 80.0), (0.5, -200.0, 80.0))])
    spectra.ivar[:] = 0
    assert (find_double_peaks(spectra).significance == 0).all()
