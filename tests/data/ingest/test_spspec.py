"""SDSS-I/II files: an image of rows, and facts in the header."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data.grid import INSTRUMENTS
from data.ingest.formats import read_file
from data.ingest.pixel_mask import DEFAULT_POLICY, SDSS_BITS
from data.ingest.raw_spectrum import RawSpectrum

N_PIXEL = 3840


def read_one(path: Path) -> RawSpectrum:
    (raw,) = read_file(path)
    return raw


def wavelengths(raw: RawSpectrum) -> np.ndarray:
    """Vacuum Angstrom of the pixels of a spectrum."""
    grid = INSTRUMENTS[raw.instrument]
    return 10 ** (grid.start + grid.step * raw.pixel)


def write_spspec(path: Path, *, n_row: int = 5, table: bool = True, **cards: Any) -> np.ndarray:
    """Write a file, and return its rows."""
    rng = np.random.default_rng(5)
    rows = np.zeros((5, N_PIXEL), "f4")
    rows[0] = rng.normal(10, 1, N_PIXEL)
    rows[2] = rng.uniform(0.5, 2, N_PIXEL)
    rows[2, :7] = 0
    rows[3, 100:110] = 1 << SDSS_BITS["BRIGHTSKY"]
    header = {
        "COEFF0": 3.58, "COEFF1": 1e-4, "PLATEID": 266, "MJD": 51630, "FIBERID": 7,
        "RAOBJ": 146.5, "DECOBJ": -0.5, "Z": 0.0214, "Z_ERR": 1e-4, "Z_STATUS": 4,
        "Z_WARNIN": 0, "SPEC_CLN": 2, "VEL_DIS": -9999.0, "OBJTYPE": "GALAXY", "VACUUM": True,
    } | cards  # fmt: skip
    primary = fits.PrimaryHDU(rows[:n_row])
    primary.header.update(header)
    hdus = [primary]
    if table:
        mask = np.zeros(N_PIXEL, [("andMask", "i4"), ("orMask", "i4")])
        mask["andMask"][200:220] = 1 << SDSS_BITS["NODATA"]
        hdus.append(fits.BinTableHDU(mask))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return rows


def test_the_real_file_reads_as_astropy_reads_it(real_spectra: Path):
    for path in sorted((real_spectra / "formats/spspec").glob("*.fits")):
        raw = read_one(path)
        with fits.open(path) as hdus:
            header, rows = hdus[0].header, hdus[0].data
            mask = hdus[6].data["andMask"]
            noise = rows[2].astype(float)
            expected = np.divide(1, noise**2, out=np.zeros(len(noise)), where=noise > 0)
            np.testing.assert_array_equal(raw.flux, rows[0])
            np.testing.assert_allclose(raw.ivar, expected, rtol=1e-12)
            np.testing.assert_array_equal(raw.masked, DEFAULT_POLICY.masked(mask))
            loglam = header["COEFF0"] + header["COEFF1"] * np.arange(rows.shape[1])
            np.testing.assert_allclose(wavelengths(raw), 10**loglam, atol=0.1)
            assert raw.facts["z"] == pytest.approx(header["Z"])
            assert (raw.facts["ra"], raw.facts["dec"]) == (header["RAOBJ"], header["DECOBJ"])
            key = header["PLATEID"], header["MJD"], header["FIBERID"]
            assert raw.facts["object_id"] == "{:04d}-{:05d}-{:04d}".format(*key)
        assert raw.facts["class"] == "GALAXY"
        assert raw.problem == ""


def test_rows_and_header_are_read(tmp_path: Path):
    path = tmp_path / "spSpec-51630-0266-007.fit"
    rows = write_spspec(path)
    raw = read_one(path)
    np.testing.assert_array_equal(raw.flux, rows[0])
    np.testing.assert_array_equal(raw.ivar[:7], 0)
    np.testing.assert_allclose(raw.ivar[7:], rows[2, 7:].astype(float) ** -2)
    np.testing.assert_array_equal(np.flatnonzero(raw.masked), np.arange(200, 220))
    np.testing.assert_allclose(wavelengths(raw), 10 ** (3.58 + 1e-4 * np.arange(N_PIXEL)))
    assert raw.instrument == "sdss"
    assert raw.facts["object_id"] == "0266-51630-0007"
    assert raw.facts["z"] == 0.0214
    assert (raw.facts["ra"], raw.facts["dec"]) == (146.5, -0.5)
    assert np.isnan(raw.facts["vdisp"])


def test_the_mask_of_the_image_serves_where_no_table_has_one(tmp_path: Path):
    write_spspec(tmp_path / "a.fit", table=False)
    raw = read_one(tmp_path / "a.fit")
    np.testing.assert_array_equal(np.flatnonzero(raw.masked), np.arange(100, 110))


@pytest.mark.parametrize(
    ("number", "name"), [(1, "STAR"), (2, "GALAXY"), (3, "QSO"), (4, "QSO"), (6, "STAR"), (0, "")]
)
def test_class_numbers_have_their_names(tmp_path: Path, number: int, name: str):
    write_spspec(tmp_path / "a.fit", SPEC_CLN=number)
    assert read_one(tmp_path / "a.fit").facts["class"] == name


@pytest.mark.parametrize("cards", [{"SPEC_CLN": 5}, {"OBJTYPE": "SKY"}])
def test_sky_is_told(tmp_path: Path, cards):
    write_spspec(tmp_path / "a.fit", **cards)
    assert read_one(tmp_path / "a.fit").problem == "sky fibre"


@pytest.mark.parametrize("cards", [{"Z_STATUS": 1}, {"Z_STATUS": 0}, {"Z": -9999.0}])
def test_a_redshift_that_failed_is_none(tmp_path: Path, cards):
    write_spspec(tmp_path / "a.fit", **cards)
    assert np.isnan(read_one(tmp_path / "a.fit").facts["z"])


@pytest.mark.parametrize(
    ("n_row", "cards", "message"),
    [
        (2, {}, "missing rows"),
        (5, {"VACUUM": False}, "wavelengths in air"),
        (5, {"COEFF0": "x"}, "no wavelengths: COEFF0"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, n_row, cards, message):
    write_spspec(tmp_path / "a.fit", n_row=n_row, **cards)
    with pytest.raises(ValueError, match=message):
        read_one(tmp_path / "a.fit")


def test_a_file_cut_anywhere_is_told(tmp_path: Path, rng):
    path = tmp_path / "a.fit"
    write_spspec(path)
    whole, content = read_one(path), path.read_bytes()
    n_told = 0
    for cut in rng.integers(1, len(content), 40).tolist():
        path.write_bytes(content[:cut])
        try:
            raw = read_one(path)
        except ValueError:
            n_told += 1
            continue
        np.testing.assert_array_equal(raw.flux, whole.flux)
    assert n_told > 30
