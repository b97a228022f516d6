"""Spectra in tables: FITS, CSV, ECSV; one pixel a row, or one spectrum a row."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from data.ingest.formats import read_file
from data.ingest.raw_spectrum import OTHER, RawSpectrum

WAVE = np.linspace(4000.0, 9000.0, 2001)
UNIT = 1e-17 * u.erg / u.s / u.cm**2 / u.AA


def read_one(path: Path) -> RawSpectrum:
    (raw,) = read_file(path)
    return raw


def check(raw: RawSpectrum, flux: np.ndarray, sigma: np.ndarray) -> None:
    """Compare flux and error (1e-17 erg/s/cm2/A), and ivar 0 where there is no error."""
    np.testing.assert_allclose(raw.flux, flux, rtol=1e-6)
    good = np.isfinite(flux) & np.isfinite(sigma) & (sigma > 0)
    np.testing.assert_array_equal(raw.ivar > 0, good)
    np.testing.assert_allclose(raw.ivar[good], sigma[good] ** -2.0, rtol=1e-6)


@pytest.fixture
def table(rng) -> Table:
    flux = rng.normal(5, 1, 2001)
    columns = {"wavelength": WAVE, "flux": flux, "error": np.full(2001, 0.5)}
    units = {"wavelength": "Angstrom", "flux": "1e-17 erg / (Angstrom s cm2)"}
    return Table(columns, units=units)


@pytest.mark.filterwarnings("ignore:.* has been deprecated in the VOUnit standard")
@pytest.mark.parametrize("name", ["one.csv", "one.ecsv", "one.vot", "one.fits", "one.fits.gz"])
def test_a_table_of_pixels(tmp_path: Path, table: Table, name: str):
    table.write(tmp_path / name, **({"format": "votable"} if name.endswith("vot") else {}))
    raw = read_one(tmp_path / name)
    check(raw, np.asarray(table["flux"]), np.full(2001, 0.5))
    np.testing.assert_allclose(raw.wave, WAVE)
    assert raw.facts["object_id"] == "one"
    assert raw.instrument == OTHER


@pytest.mark.parametrize(
    ("column", "power"), [("err", 1), ("FLUX_ERROR", 1), ("variance", 2), ("IVAR", -2)]
)
def test_errors_of_any_kind(tmp_path: Path, table: Table, column: str, power: int):
    table[column] = np.asarray(table["error"]) ** power
    table.remove_column("error")
    table.write(tmp_path / "one.fits")
    check(read_one(tmp_path / "one.fits"), np.asarray(table["flux"]), np.full(2001, 0.5))


def test_a_mask_is_kept(tmp_path: Path, table: Table):
    table["DQ"] = np.where(np.arange(2001) < 9, 4, 0)
    table.write(tmp_path / "one.fits")
    np.testing.assert_array_equal(np.flatnonzero(read_one(tmp_path / "one.fits").masked), range(9))


def test_each_row_of_vectors_is_a_spectrum(tmp_path: Path, rng):
    flux = rng.normal(5, 1, (3, 2001))
    rows = Table({"WAVE": [WAVE] * 3, "FLUX": flux, "ERR": np.ones((3, 2001)),
                  "RA": [1.0, 2.0, 3.0], "DEC": [4.0, 5.0, 6.0], "Z": [0.1, 0.2, 0.3]},
                 units={"WAVE": "Angstrom", "FLUX": "1e-17 erg / (Angstrom s cm2)"})  # fmt: skip
    rows.write(tmp_path / "many.fits")
    raws = list(read_file(tmp_path / "many.fits"))
    assert [raw.facts["object_id"] for raw in raws] == ["many-1", "many-2", "many-3"]
    assert [raw.facts["z"] for raw in raws] == [0.1, 0.2, 0.3]
    assert [(raw.facts["ra"], raw.facts["dec"]) for raw in raws] == [(1, 4), (2, 5), (3, 6)]
    for raw, expected in zip(raws, flux, strict=True):
        check(raw, expected, np.ones(2001))


@pytest.mark.parametrize(
    ("lacks", "message"),
    [("error", "no errors: the table has flux"), ("wavelength", "but no wavelength column"),
     ("flux", "but no flux column")],
)  # fmt: skip
def test_what_is_missing_is_named(tmp_path: Path, table: Table, lacks: str, message: str):
    table.remove_column(lacks)
    table.write(tmp_path / "one.csv")
    with pytest.raises(ValueError, match=message):
        read_one(tmp_path / "one.csv")


def test_text_that_is_no_table_is_told(tmp_path: Path):
    (tmp_path / "one.csv").write_text("<html>\n<a>1,2,3</a>\n<b>\n</html>")
    with pytest.raises(ValueError, match=r"no table|nearest to a table of a spectrum"):
        read_one(tmp_path / "one.csv")


def test_a_real_quasar_of_the_vlt(real_spectra: Path):
    path = real_spectra / "formats/generic-1d/XShooter_XQ100.fits.gz"
    raw = read_one(path)
    with fits.open(path) as hdus:
        row, header = hdus[1].data[0], hdus[0].header
        scale = (1 * u.erg / u.s / u.cm**2 / u.nm).to_value(UNIT)
        flux, sigma = (np.asarray(row[k], float) * scale for k in ("FLUX", "ERR_FLUX"))
        check(raw, flux, sigma)
        np.testing.assert_allclose(raw.wave, np.asarray(row["WAVE"], float) * 10, atol=0.1)
        assert (raw.facts["ra"], raw.facts["dec"]) == (header["RA"], header["DEC"])
    assert raw.facts["object_id"] == "XShooter_XQ100"


def test_a_real_galaxy_of_a_user(real_spectra: Path):
    path = real_spectra / "formats/generic-1d/galaxy1.fits"
    raw = read_one(path)
    with fits.open(path) as hdus:
        data = hdus[1].data
        check(raw, np.asarray(data["FLUX"], float), np.asarray(data["ERROR"], float))
        np.testing.assert_allclose(raw.wave, data["WAVELENGTH"], atol=0.1)


def test_a_real_galaxy_of_jwst(real_spectra: Path):
    (path,) = (real_spectra / "formats/jwst").glob("rubies-*.fits.gz")
    raw = read_one(path)
    with fits.open(path) as hdus:
        data, header = hdus["SPEC1D"].data, hdus["SPEC1D"].header
        wave = np.asarray(data["wave"], float) * 1e4
        scale = (np.ones(len(wave)) * u.uJy).to_value(UNIT, u.spectral_density(wave * u.AA))
        check(raw, data["flux"] * scale, data["err"] * scale)
        np.testing.assert_allclose(raw.wave, wave, atol=0.1)
        assert (raw.facts["ra"], raw.facts["dec"]) == (header["SRCRA"], header["SRCDEC"])
    assert raw.facts["object_id"] == "rubies-uds31-v4_prism-clear_4233_154183"


def test_the_same_quasar_as_text_and_as_image(real_spectra: Path):
    folder = real_spectra / "formats/generic-1d"
    text = read_one(folder / "spec_J001554.18+560257.5_LJT.csv")
    image = read_one(folder / "spec_J001554.18+560257.5_LJT.fits")
    table = np.genfromtxt(folder / "spec_J001554.18+560257.5_LJT.csv", delimiter=",", names=True)
    check(text, table["flux"] * 1e17, table["err"] * 1e17)
    np.testing.assert_allclose(text.wave, table["lam"], atol=0.1)
    np.testing.assert_allclose(image.wave, text.wave, atol=0.1)


def test_a_real_table_without_units_is_not_guessed(real_spectra: Path):
    with pytest.raises(ValueError, match="wavelength unit not known: .* 3.051 ... 4.103"):
        read_one(real_spectra / "formats/jwst/stacked_1D_16625.fits")
