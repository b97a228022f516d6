"""Units, air and vacuum, redshift and position of spectra of any instrument."""

from typing import Any

import numpy as np
import pytest
from astropy import units as u

from data.grid import INSTRUMENTS
from data.ingest.generic.assumed import Assumed
from data.ingest.generic.own_grid import (
    AIR_ASSUMED,
    VACUUM_ASSUMED,
    Recorded,
    own_grid_spectrum,
)
from data.ingest.generic.units import RELATIVE
from data.ingest.raw_spectrum import OTHER, RawSpectrum

WAVE = np.linspace(4000.0, 9000.0, 2001)


def read(air: bool = False, **changes: Any) -> RawSpectrum:
    parts: dict[str, Any] = {
        "wave": WAVE, "flux": np.full(2001, 3.0), "variance": np.full(2001, 0.25), "mask": None,
        "wave_unit": "Angstrom", "flux_unit": "1e-17 erg/s/cm2/A", "cards": {"VACUUM": True},
        "name": "one",
    }  # fmt: skip
    return own_grid_spectrum(Recorded(**parts | changes), assumed=Assumed(air=air))


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("erg/cm2/s/A", u.erg / u.s / u.cm**2 / u.AA),
        ("10**(-20)*erg/s/cm**2/Angstrom", 1e-20 * u.erg / u.s / u.cm**2 / u.AA),
        ("1E-17 erg/cm^2/s/Ang", 1e-17 * u.erg / u.s / u.cm**2 / u.AA),
        ("erg s**(-1) cm**(-2) nm**(-1)", u.erg / u.s / u.cm**2 / u.nm),
        ("ergs cm-2 s-1 A-1", u.erg / u.s / u.cm**2 / u.AA),
        ("uJy", u.uJy),
        ("W m-2 um-1", u.W / u.m**2 / u.um),
    ],
)
def test_fluxes_of_any_unit_agree_with_astropy(text: str, unit):
    raw = read(flux_unit=text)
    target = 1e-17 * u.erg / u.s / u.cm**2 / u.AA
    expected = (np.full(2001, 3.0) * unit).to_value(target, u.spectral_density(WAVE * u.AA))
    np.testing.assert_allclose(raw.flux, expected, rtol=1e-10)
    np.testing.assert_allclose(raw.flux * np.sqrt(raw.ivar), 3.0 / 0.5, rtol=1e-10)


def test_a_flux_in_counts_is_told():
    raw = read(flux_unit="counts")
    assert RELATIVE in raw.remarks
    np.testing.assert_array_equal(raw.flux, 3.0)


@pytest.mark.parametrize(
    ("wave", "unit"),
    [(WAVE / 10, "nm"), (WAVE / 1e4, "um"), (np.log10(WAVE), "log"), (WAVE, ""), (WAVE, "A")],
)
def test_wavelengths_of_any_unit(wave, unit):
    raw = read(wave=wave, wave_unit=unit)
    assert raw.instrument == OTHER
    np.testing.assert_allclose(raw.wave, WAVE, rtol=1e-12)


@pytest.mark.parametrize("wave", [WAVE / 1e4, np.log10(WAVE), WAVE / 10])
def test_wavelengths_without_unit_are_not_guessed(wave):
    with pytest.raises(ValueError, match="wavelength unit not known: the file states none"):
        read(wave=wave, wave_unit="")


@pytest.mark.parametrize(
    ("cards", "air", "in_air", "told"),
    [
        ({"VACUUM": True}, True, False, None),
        ({"VACUUM": False}, False, True, None),
        ({"AIRORVAC": "air"}, False, True, None),
        ({"AIRORVAC": "vac"}, True, False, None),
        ({"CTYPE1": "AWAV"}, False, True, None),
        ({"CTYPE1": "WAVE"}, True, False, None),
        ({"TELESCOP": "JWST"}, True, False, None),
        ({}, False, False, VACUUM_ASSUMED),
        ({}, True, True, AIR_ASSUMED),
    ],
)
def test_air_or_vacuum_as_the_header_says(cards, air, in_air, told):
    raw = read(air=air, cards=cards)
    assert raw.wave is not None
    assert ({VACUUM_ASSUMED, AIR_ASSUMED} & set(raw.remarks)) == ({told} if told else set())
    if in_air:  # Ciddor 1996, ApOpt 35, 1566
        s = (1e4 / WAVE) ** 2
        index = 1 + 0.05792105 / (238.0185 - s) + 0.00167917 / (57.362 - s)
        np.testing.assert_allclose(raw.wave, WAVE * index, atol=0.01)
    else:
        np.testing.assert_allclose(raw.wave, WAVE)


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_a_spectrum_on_the_grid_of_an_instrument_stays_as_it_is(name):
    grid = INSTRUMENTS[name]
    wave = grid.wave[100:2101]
    raw = read(wave=wave)
    assert raw.wave is None
    np.testing.assert_allclose(INSTRUMENTS[raw.instrument].wave[raw.pixel], wave, atol=0.02)


def test_decreasing_wavelengths_are_turned_round():
    flux = np.arange(2001.0)
    raw = read(wave=WAVE[::-1], flux=flux, variance=flux + 1)
    np.testing.assert_allclose(raw.wave, WAVE)
    np.testing.assert_allclose(raw.flux, flux[::-1])
    np.testing.assert_allclose(raw.ivar, 1 / (flux[::-1] + 1))


@pytest.mark.parametrize("wave", [np.full(2001, 5000.0), np.where(WAVE > 5000, np.nan, WAVE)])
def test_bad_wavelengths_are_told(wave):
    with pytest.raises(ValueError, match="bad wavelengths"):
        read(wave=wave)


def test_arrays_that_do_not_fit_are_told():
    with pytest.raises(ValueError, match=r"bad shape: .* have \[2000, 2001\]"):
        read(variance=np.ones(2000))


def test_pixels_without_an_error_have_no_weight():
    variance = np.array([0.0, -1.0, np.nan, np.inf] + [1.0] * 1997)
    raw = read(variance=variance)
    np.testing.assert_array_equal(raw.ivar[:4], [0, -1, 0, 0])  # what is negative is told
    assert raw.n_measured == 1997


@pytest.mark.parametrize(
    ("cards", "ra", "dec"),
    [
        ({"RA": 150.1, "DEC": -2.5}, 150.1, -2.5),
        ({"RA": "12:19:17.596", "DEC": "+15:23:55.63"}, 184.823317, 15.398786),
        ({"RA": "10:00:00", "DEC": "-00:30:00"}, 150.0, -0.5),
        ({"RA": "3.97576206", "DEC": "56.0493"}, 3.97576206, 56.0493),
        ({"SRCRA": 34.41, "SRCDEC": -5.13, "RA": 1.0, "DEC": 1.0}, 34.41, -5.13),
        ({"RA": 150.0, "RA comment": "RA of telescope boresight", "DEC": 2.0}, np.nan, np.nan),
        ({}, np.nan, np.nan),
    ],
)
def test_positions(cards, ra, dec):
    facts = read(cards=cards).facts
    np.testing.assert_allclose((facts["ra"], facts["dec"]), (ra, dec), atol=1e-5)


@pytest.mark.parametrize(
    ("cards", "z"), [({"Z": 0.1}, 0.1), ({"REDSHIFT": "0.2"}, 0.2), ({"Z": -9999}, np.nan)]
)
def test_redshifts(cards, z):
    np.testing.assert_equal(read(cards=cards).facts["z"], z)
