"""Spectra in images: IRAF bands, 2dF rows, MUSE, LAMOST."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data.grid import INSTRUMENTS
from data.ingest.formats import read_file
from data.ingest.raw_spectrum import RawSpectrum

N_PIXEL = 2000
AXIS = {"CRVAL1": 4000.0, "CRPIX1": 1.0, "CD1_1": 2.5, "CUNIT1": "Angstrom"}


def read_one(path: Path) -> RawSpectrum:
    (raw,) = read_file(path)
    return raw


def in_vacuum(wave: np.ndarray) -> np.ndarray:
    """Vacuum wavelengths of air wavelengths (Ciddor 1996, ApOpt 35, 1566)."""
    s = (1e4 / wave) ** 2
    return wave * (1 + 0.05792105 / (238.0185 - s) + 0.00167917 / (57.362 - s))


def check(raw: RawSpectrum, flux: np.ndarray, variance: np.ndarray, wave: np.ndarray) -> None:
    """Compare a spectrum with what the file has; ivar 0 where there is no variance."""
    np.testing.assert_allclose(raw.flux, flux, rtol=1e-6)
    good = np.isfinite(flux) & np.isfinite(variance) & (variance > 0)
    np.testing.assert_array_equal(raw.ivar > 0, good)
    np.testing.assert_allclose(raw.ivar[good], 1 / variance[good], rtol=1e-6)
    own = raw.wave if raw.wave is not None else INSTRUMENTS[raw.instrument].wave[raw.pixel]
    np.testing.assert_allclose(own, wave, atol=0.1)


def image(values: np.ndarray, name: str = "", **cards: Any) -> fits.ImageHDU:
    hdu = fits.ImageHDU(values, name=name)
    hdu.header.update(AXIS | cards)
    return hdu


@pytest.mark.parametrize(("name", "power"), [("STAT", 2), ("ERROR", 1), ("IVAR", -2)])
def test_an_image_with_its_errors_beside_it(tmp_path: Path, rng, name: str, power: int):
    flux, sigma = rng.normal(5, 1, N_PIXEL), rng.uniform(0.5, 1, N_PIXEL)
    unit = {"BUNIT": "10**(-20)*erg/s/cm**2/Angstrom", "CTYPE1": "AWAV"}
    hdus = [fits.PrimaryHDU(), image(flux, "DATA", **unit), image(sigma**power, name)]
    fits.HDUList(hdus).writeto(tmp_path / "muse.fits")
    wave = in_vacuum(4000 + 2.5 * np.arange(N_PIXEL))
    check(read_one(tmp_path / "muse.fits"), flux * 1e-3, (sigma * 1e-3) ** 2, wave)


def test_the_axis_may_be_logarithmic(tmp_path: Path, rng):
    flux = rng.normal(5, 1, N_PIXEL)
    log = {"CRVAL1": 3.6, "CD1_1": 1e-4, "DC-FLAG": 1, "VACUUM": True}
    hdus = [fits.PrimaryHDU(), image(flux, **log), image(np.ones(N_PIXEL), "VARIANCE")]
    fits.HDUList(hdus).writeto(tmp_path / "one.fits")
    raw = read_one(tmp_path / "one.fits")
    check(raw, flux, np.ones(N_PIXEL), 10 ** (3.6 + 1e-4 * np.arange(N_PIXEL)))
    assert raw.instrument == "sdss"


def fibres(n: int, kinds: str) -> fits.BinTableHDU:
    rows = np.zeros(n, [("NAME", "S8"), ("TYPE", "S1"), ("RA", "f8"), ("DEC", "f8")])
    rows["NAME"] = [f"T{k}" for k in range(n)]
    rows["TYPE"] = list(kinds)
    rows["RA"], rows["DEC"] = np.radians(10 + np.arange(n)), np.radians(-5 - np.arange(n))
    return fits.BinTableHDU(rows, name="FIBRES")


@pytest.mark.parametrize("vacuum", [True, False])
def test_rows_of_2df_are_targets(tmp_path: Path, rng, vacuum: bool):
    flux, variance = rng.normal(5, 1, (4, N_PIXEL)), rng.uniform(1, 2, (4, N_PIXEL))
    primary = fits.PrimaryHDU(flux)
    primary.header.update(AXIS | ({"VACUUM": True} if vacuum else {}))
    hdus = [primary, image(variance, "VARIANCE"), fibres(4, "PSPU")]
    fits.HDUList(hdus).writeto(tmp_path / "field.fits")
    raws = list(read_file(tmp_path / "field.fits"))
    assert [raw.facts["object_id"] for raw in raws] == ["field-T0", "field-T2"]
    assert [raw.facts["ra"] for raw in raws] == pytest.approx([10, 12])
    assert [raw.facts["dec"] for raw in raws] == pytest.approx([-5, -7])
    wave = 4000 + 2.5 * np.arange(N_PIXEL)
    for raw, row in zip(raws, (0, 2), strict=True):
        check(raw, flux[row], variance[row], wave if vacuum else in_vacuum(wave))


def test_iraf_bands(tmp_path: Path, rng):
    bands = rng.uniform(1, 2, (4, 1, N_PIXEL))
    primary = fits.PrimaryHDU(bands)
    names = {f"BANDID{k}": text for k, text in enumerate(("spectrum", "raw", "background"), 1)}
    primary.header.update(AXIS | names | {"BANDID4": "sigma - background fit"})
    primary.writeto(tmp_path / "one.fits")
    wave = 4000 + 2.5 * np.arange(N_PIXEL)
    check(read_one(tmp_path / "one.fits"), bands[0, 0], bands[3, 0] ** 2, wave)
    primary.header["BANDID4"] = "continuum"
    primary.writeto(tmp_path / "two.fits")
    with pytest.raises(ValueError, match="no errors: nearest to an IRAF spectrum"):
        read_one(tmp_path / "two.fits")


def test_an_image_without_errors_is_told(tmp_path: Path):
    flux = image(np.ones(N_PIXEL))
    fits.HDUList([fits.PrimaryHDU(), flux]).writeto(tmp_path / "one.fits")
    with pytest.raises(ValueError, match="no errors: nearest to an image of a spectrum"):
        read_one(tmp_path / "one.fits")
    hdus = [fits.PrimaryHDU(), flux, image(np.ones(N_PIXEL))]
    fits.HDUList(hdus).writeto(tmp_path / "one.fits", overwrite=True)
    with pytest.raises(ValueError, match="of the flux's shape are the HDUs without name"):
        read_one(tmp_path / "one.fits")


def test_real_lamost_file_lies_on_the_grid_of_sdss(real_spectra: Path):
    (path,) = (real_spectra / "formats/lamost").glob("*.fits")
    raw = read_one(path)
    with fits.open(path) as hdus:
        header, (flux, ivar, _, mask, _) = hdus[0].header, np.asarray(hdus[0].data, float)
    variance = np.divide(1, ivar, out=np.zeros(len(ivar)), where=ivar > 0)
    wave = 10 ** (header["COEFF0"] + header["COEFF1"] * np.arange(len(flux)))
    check(raw, flux, variance, wave)
    assert raw.instrument == "boss"
    np.testing.assert_array_equal(raw.masked, mask != 0)
    assert raw.facts["z"] == header["Z"]
    assert raw.facts["class"] == "STAR"
    assert (raw.facts["ra"], raw.facts["dec"]) == (header["RA"], header["DEC"])


def test_real_aaomega_files(real_spectra: Path):
    folder = real_spectra / "formats/aaomega"
    for name, vacuum in (("emlLinearSkyAirHelio", False), ("emlLogVacuumHelioMultiple", True)):
        raws = list(read_file(folder / f"{name}.fits"))
        with fits.open(folder / f"{name}.fits") as hdus:
            fluxes, variances = (np.atleast_2d(hdus[k].data).astype(float) for k in (0, 1))
            header = hdus[0].header
            first = header["CRVAL1"] - (header["CRPIX1"] - 1) * header["CDELT1"]
            waves = [first + header["CDELT1"] * np.arange(5037)] * len(fluxes)
            if vacuum:
                waves = [10**row for row in hdus["WAVELENGTH"].data]
            targets = hdus["FIBRES"].data
            assert len(raws) == len(fluxes)
            for k, raw in enumerate(raws):
                wave = waves[k] if vacuum else in_vacuum(waves[k])
                check(raw, fluxes[k], variances[k], wave)
                assert raw.facts["ra"] == pytest.approx(np.degrees(targets["RA"][k]))
                assert raw.facts["dec"] == pytest.approx(np.degrees(targets["DEC"][k]))


def test_real_iraf_files(real_spectra: Path):
    folder = real_spectra / "formats/generic-1d"
    for name in ("J2125-1719_OPT_A", "spec_J001554.18+560257.5_LJT"):
        raw = read_one(folder / f"{name}.fits")
        with fits.open(folder / f"{name}.fits") as hdus:
            header, data = hdus[0].header, np.asarray(hdus[0].data, float) * 1e17
        first = header["CRVAL1"] - (header.get("CRPIX1", 1) - 1) * header["CD1_1"]
        wave = first + header["CD1_1"] * np.arange(data.shape[-1])
        check(raw, data[0, 0], data[3, 0] ** 2, wave)
        assert raw.facts["object_id"] == name


@pytest.mark.parametrize(
    "name",
    ["muse/Spectrum_Variance", "longslit/gp121903_osiris", "generic-1d/SDSSJ220248.31+123656.3"],
)
def test_real_files_whose_errors_have_no_name_are_refused(real_spectra: Path, name: str):
    with pytest.raises(ValueError, match="no errors: nearest to an image of a spectrum"):
        read_one(real_spectra / "formats" / f"{name}.fits")
