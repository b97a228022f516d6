"""Axes of frequency, wavenumber and energy, fluxes per frequency; against astropy, specutils."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from specutils import Spectrum

from data.ingest.formats import read_file
from data.ingest.generic.assumed import Assumed
from data.ingest.generic.spectrum_table import FROM_SNR
from data.ingest.generic.units import (
    PER_FREQUENCY,
    RELATIVE,
    check_axis_unit,
    flux_scale,
    unit_of,
    wavelengths,
)

WAVE = np.linspace(4000.0, 9000.0, 501)
F_LAMBDA = 1e-17 * u.erg / u.s / u.cm**2 / u.AA


@pytest.mark.parametrize(
    ("unit", "name"),
    [("Hz", "frequency"), ("THz", "nu"), ("1/cm", "wavenumber"), ("eV", "energy"), ("nm", "wave")],
)
@pytest.mark.parametrize("flux_unit", ["uJy", "1e-17 erg / (s cm2 Angstrom)", "W / (m2 Hz)"])
def test_a_table_on_any_axis_is_what_specutils_converts(tmp_path: Path, rng, unit, name, flux_unit):
    axis = np.sort((WAVE * u.AA).to_value(u.Unit(unit), u.spectral()))
    flux = rng.normal(50, 5, len(axis))
    table = Table(
        {name: axis, "flux": flux, "error": np.full(len(axis), 2.0)},
        units={name: unit, "flux": flux_unit, "error": flux_unit},
    )
    table.write(tmp_path / "one.fits")
    (raw,) = read_file(tmp_path / "one.fits")
    theirs = Spectrum(spectral_axis=axis * u.Unit(unit), flux=flux * u.Unit(flux_unit))
    wave = theirs.spectral_axis.to_value(u.AA, u.spectral())
    order = np.argsort(wave)
    assert raw.wave is not None
    np.testing.assert_allclose(raw.wave, wave[order], rtol=1e-9)
    density = theirs.with_flux_unit(F_LAMBDA).flux.value[order]
    np.testing.assert_allclose(raw.flux, density, rtol=1e-9)
    sigma = raw.flux / flux[order] * 2
    np.testing.assert_allclose(raw.ivar, sigma**-2, rtol=1e-9)
    assert not {RELATIVE, PER_FREQUENCY} & {*raw.remarks}


def test_fluxes_per_energy_and_per_wavenumber():
    """Photon energy E = h nu, so f_E dE = f_nu dnu; wavenumber k = nu / c."""
    for unit, axis, ratio in (
        ("erg/s/cm2/eV", "eV", (u.eV / u.Hz).to(u.J / u.Hz) / 6.62607015e-34),
        ("erg/s/cm2/cm-1", "1/cm", 2.99792458e10),
    ):
        scale, told = flux_scale(unit, np.ones(501), WAVE, axis)
        per_hz = (np.ones(501) / ratio * u.erg / u.s / u.cm**2 / u.Hz).to_value(
            F_LAMBDA, u.spectral_density(WAVE * u.AA)
        )
        np.testing.assert_allclose(scale, per_hz, rtol=1e-9)
        assert told == ""


@pytest.mark.parametrize("unit", ["MJy/sr", "ct/s/Hz", "Lsun/Hz", "1/Hz"])
def test_relative_fluxes_per_frequency_keep_their_shape(unit: str):
    scale, told = flux_scale(unit, np.ones(501), WAVE)
    np.testing.assert_allclose(scale * WAVE**2, (scale * WAVE**2)[0] * np.ones(501), rtol=1e-12)
    assert told == PER_FREQUENCY


def test_the_name_of_a_flux_may_say_that_it_is_per_frequency(tmp_path: Path):
    columns = {"wavelength": WAVE, "fnu": np.full(501, 3.0), "err_fnu": np.full(501, 0.3)}
    Table(columns).write(tmp_path / "one.fits")
    (raw,) = read_file(tmp_path / "one.fits")
    np.testing.assert_allclose(raw.flux * WAVE**2, raw.flux[0] * WAVE[0] ** 2, rtol=1e-9)
    np.testing.assert_allclose(raw.flux * np.sqrt(raw.ivar), 10)
    assert PER_FREQUENCY in raw.remarks
    Table(columns, units={"fnu": "erg/(s cm2 Angstrom)"}).write(tmp_path / "two.fits")
    with pytest.raises(ValueError, match="contradiction: the column fnu is in"):
        list(read_file(tmp_path / "two.fits"))


@pytest.mark.parametrize(
    ("unit", "reason"),
    [
        ("erg/s/cm2", "is per no wavelength or frequency"),
        ("mag(AB)", "is a magnitude"),
        ("MJY", "spell it as in mJy"),
    ],
)
def test_fluxes_of_unknown_shape_are_told(unit: str, reason: str):
    with pytest.raises(ValueError, match=reason):
        flux_scale(unit, np.ones(501), WAVE)


def test_a_flux_without_unit_on_an_axis_of_frequency_is_told():
    with pytest.raises(ValueError, match="on an axis in Hz it may be per Angstrom or per Hz"):
        flux_scale("", np.ones(501), WAVE, "Hz")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("log(Angstrom)", np.log10(WAVE)), ("LOG10(NM)", np.log10(WAVE / 10)),
        ("dex(Angstrom)", np.log10(WAVE)), ("ln(Angstrom)", np.log(WAVE)),
        ("MICRONS", WAVE / 1e4), ("Nanometers", WAVE / 10), ("m", WAVE / 1e10),
    ],
)  # fmt: skip
def test_wavelengths_as_files_spell_them(text: str, value: np.ndarray):
    wave, in_medium = wavelengths(value, text)
    np.testing.assert_allclose(wave, WAVE, rtol=1e-12)
    assert in_medium


def test_frequencies_are_of_vacuum():
    wave, in_medium = wavelengths((WAVE * u.AA).to_value(u.GHz, u.spectral()), "GHZ")
    np.testing.assert_allclose(wave, WAVE, rtol=1e-12)
    assert not in_medium


@pytest.mark.parametrize(
    ("axis", "unit", "kind", "reason"),
    [
        (
            WAVE / 1e4,
            "",
            "wavelength",
            "may be micron, nm or a logarithm.*choose its unit .--wave-unit",
        ),
        (WAVE * 1e11, "", "frequency", "frequency unit not known: the file states none"),
        (np.log(WAVE), "log", "wavelength", "natural logarithms have the unit ln"),
        (WAVE, "um", "wavelength", "unit not right: 4000 ... 9000 in um are 4e+07 ... 9e+07 A"),
        (WAVE, "km/s", "wavelength", "wavelength unit not known: 'km/s'"),
    ],
)
def test_axes_in_no_right_unit_are_told(axis, unit, kind, reason):
    with pytest.raises(ValueError, match=re.escape(reason) if "*" not in reason else reason):
        wavelengths(axis, unit, kind=kind)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("ERG/S/CM2/A", u.erg / u.s / u.cm**2 / u.AA), ("UJY", u.uJy), ("JY", u.Jy),
        ("10**-17 ERG/CM**2/S/ANGSTROM", F_LAMBDA), ("W/M2/UM", u.W / u.m**2 / u.um),
        ("MJy", u.MJy), ("mJy", u.mJy),
    ],
)  # fmt: skip
def test_units_in_capitals(text: str, unit):
    assert unit_of(text).to(unit) == pytest.approx(1)


def test_flux_and_signal_to_noise_give_errors(tmp_path: Path, rng):
    flux, ratio = rng.normal(1, 2, 501), rng.uniform(1, 30, 501)
    ratio[:3], flux[:5] = [0, np.nan, -999], [1, 1, 1, 0, -2]
    Table({"wave": WAVE, "flux": flux, "SNR": ratio}).write(tmp_path / "one.fits")
    (raw,) = read_file(tmp_path / "one.fits")
    np.testing.assert_array_equal(raw.ivar[:4], 0)
    np.testing.assert_allclose(raw.ivar[4:], (ratio[4:] / flux[4:]) ** 2, rtol=1e-6)
    assert FROM_SNR in raw.remarks


def test_errors_of_another_kind_than_the_flux_are_told(tmp_path: Path):
    columns = {"wave": WAVE, "flux": np.ones(501), "ivar": np.full(501, 4.0)}
    unit = "erg / (s cm2 Angstrom)"
    for ivar, reason in (("Jy-2", "one can not be right"), ("1e34 s2 cm4 Angstrom2 / erg2", "")):
        units = {"flux": f"1e-17 {unit}", "ivar": ivar}
        Table(columns, units=units).write(tmp_path / "one.fits", overwrite=True)
        if reason:
            with pytest.raises(ValueError, match=reason):
                list(read_file(tmp_path / "one.fits"))
    (raw,) = read_file(tmp_path / "one.fits")
    np.testing.assert_allclose(raw.ivar, 4, rtol=1e-6)


def test_the_unit_of_wavelengths_may_be_said(tmp_path: Path, rng, real_spectra: Path):
    flux = rng.normal(5, 1, 501)
    (tmp_path / "one.csv").write_text(
        "wave,flux,err\n"
        + "\n".join(f"{w:.5f},{f},0.5" for w, f in zip(WAVE / 10, flux, strict=True))
    )
    with pytest.raises(ValueError, match="--wave-unit"):
        list(read_file(tmp_path / "one.csv"))
    (raw,) = read_file(tmp_path / "one.csv", assumed=Assumed(wave_unit="nm"))
    np.testing.assert_allclose(raw.wave, WAVE, rtol=1e-7)
    with pytest.raises(ValueError, match="wavelength unit not known: 'furlong'"):
        check_axis_unit("furlong")


def test_a_real_table_without_unit_and_with_padding(real_spectra: Path):
    path = real_spectra / "formats/jwst/stacked_1D_16625.fits"
    (raw,) = read_file(path, assumed=Assumed(wave_unit="um"))
    table = Table.read(path)
    real = np.isfinite(np.ma.filled(np.ma.asarray(table["wavelength"], float), np.nan))
    assert np.count_nonzero(~real) == 16
    assert raw.wave is not None
    np.testing.assert_allclose(raw.wave, np.asarray(table["wavelength"], float)[real] * 1e4)
    flux = np.asarray(table["flux_opt_ext"], float)[real]
    sigma = np.asarray(table["flux_opt_ext_err"], float)[real]
    np.testing.assert_allclose(raw.flux, flux * 1e17)
    good = np.isfinite(flux) & (sigma > 0)
    np.testing.assert_allclose(raw.ivar[good], (sigma[good] * 1e17) ** -2)
