from dataclasses import replace

import numpy as np
import pytest

from data.grid import INSTRUMENTS, WaveGrid
from data.spectra import Spectra

CUSTOM = WaveGrid(scale="log", start=3.6, step=np.pi * 1e-4, n_pixel=300)


def _spectra(rng, grid, n=5):
    flux = rng.normal(size=(n, grid.n_pixel)).astype(np.float32)
    return Spectra(grid=grid, flux=flux, ivar=flux**2, z=rng.uniform(0, 0.4, n))


def test_the_grid_is_carried_unchanged(rng):
    spectra = _spectra(rng, CUSTOM)
    assert spectra.grid is CUSTOM
    assert spectra.wave is CUSTOM.wave
    assert spectra.take(np.array([1])).grid is CUSTOM
    assert replace(spectra, z=spectra.z + 1).grid is CUSTOM


@pytest.mark.parametrize(
    "rows", [np.array([3, 0, 3]), np.array([True, False, False, True, True]), slice(1, 4)]
)
def test_take_returns_the_rows_asked_for(rng, rows):
    spectra = _spectra(rng, CUSTOM)
    part = spectra.take(rows)
    for name in ("flux", "ivar", "z"):
        assert np.array_equal(getattr(part, name), getattr(spectra, name)[rows])


@pytest.mark.parametrize("grid", [*INSTRUMENTS.values(), CUSTOM], ids=lambda grid: grid.n_pixel)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_an_array_of_wavelengths_is_as_good_as_its_grid(rng, grid, kind):
    spectra = _spectra(rng, grid)
    same = Spectra(wave=grid.wave.astype(kind), flux=spectra.flux, ivar=spectra.ivar, z=spectra.z)
    assert same.grid.matches(grid)


def test_either_the_grid_or_the_wavelengths_are_given(rng):
    flux = rng.normal(size=(2, CUSTOM.n_pixel))
    for both_or_none in ({}, {"grid": CUSTOM, "wave": CUSTOM.wave}):
        with pytest.raises(TypeError, match="either grid or wave"):
            Spectra(flux=flux, ivar=flux, z=np.zeros(2), **both_or_none)


def test_arrays_of_other_shapes_are_refused(rng):
    flux = rng.normal(size=(2, CUSTOM.n_pixel))
    with pytest.raises(ValueError, match=r"\(n_galaxy, n_pixel\) = \(3, 300\)"):
        Spectra(grid=CUSTOM, flux=flux, ivar=flux, z=np.zeros(3))
