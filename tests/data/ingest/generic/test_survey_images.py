"""Images of 2dFGRS, 6dFGS, GAMA, OzDES and others: what `specutils` reads of them is read.

The files are made here in the layouts that the surveys and the loaders of `specutils` describe.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from specutils import SpectrumList

from data.ingest.formats import read_file
from data.ingest.generic.assumed import Assumed
from data.ingest.generic.survey_images import AIR_2DFDR
from data.ingest.generic.units import RELATIVE
from data.ingest.raw_spectrum import RawSpectrum
from tests.data.ingest.generic.test_spectrum_image import in_vacuum

N = 1024
AXIS = {"CRVAL1": 5000.0, "CDELT1": 4.3, "CRPIX1": 10.0}
GAMA = {"ORIGIN": "GAMA DR2", "GAMANAME": "GAMAJ1", "RA": 174.1, "DEC": 0.7, "Z": 0.12, "NQ": 4}


def six_df(**more: Any) -> dict[str, Any]:
    facts = {"OBSRA": 5.7, "OBSDEC": -34.8, "Z": 0.0512, "Z_HELIO": 0.0511, "QUALITY": 4}
    return AXIS | {"CUNIT1": "Angstroms", "CTYPE1": "LINEAR"} | facts | more


def image(values: np.ndarray, header: dict[str, Any], *, first: bool = False) -> Any:
    hdu = (fits.PrimaryHDU if first else fits.ImageHDU)(values.astype("f4"))
    hdu.header.update(header)
    return hdu


@pytest.fixture
def rows(rng) -> np.ndarray:
    """Flux, variance and sky."""
    return np.array([rng.normal(30, 5, N), rng.uniform(2, 5, N), rng.normal(90, 9, N)])


def by_specutils(path: Path, layout: str) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units that it finds bent
        return list(SpectrumList.read(path, format=layout))


def check(raw: RawSpectrum, theirs: Any, variance: np.ndarray | None = None) -> None:
    """Compare with a spectrum of specutils, in air."""
    assert raw.wave is not None
    np.testing.assert_allclose(
        raw.wave, in_vacuum(theirs.spectral_axis.to_value("Angstrom")), atol=0.01
    )
    np.testing.assert_allclose(raw.flux, theirs.flux.value, rtol=1e-6)
    if variance is None:
        power = {"var": 1, "std": 2}[theirs.uncertainty.uncertainty_type]
        variance = np.asarray(theirs.uncertainty.array) ** power
    np.testing.assert_allclose(raw.ivar, 1 / variance, rtol=1e-5)
    assert AIR_2DFDR in raw.remarks


def test_2dfgrs_observations_of_an_object(tmp_path: Path, rows):
    place = SkyCoord(150.3, -1.2, unit="deg").transform_to("fk4")
    facts = {"IMAGE": "SPECTRUM", "Z": 0.1005, "Z_HELIO": 0.1, "QUALITY": 4}
    facts |= {"OBSRA": place.ra.rad, "OBSDEC": place.dec.rad}
    chart = image(np.ones((49, 49)), {"IMAGE": "SKYCHART", "RA": "9 58 30.1"}, first=True)
    spectra = [image(rows * k, AXIS | facts) for k in (1, 2)]
    fits.HDUList([chart, *spectra]).writeto(tmp_path / "000001.fits")
    raws = list(read_file(tmp_path / "000001.fits"))
    theirs = by_specutils(tmp_path / "000001.fits", "2dFGRS")
    for raw, their in zip(raws, theirs, strict=True):
        check(raw, their)
        assert RELATIVE in raw.remarks
        assert raw.facts["z"] == 0.1
        assert raw.facts["z_quality"] == 4
        assert (raw.facts["ra"], raw.facts["dec"]) == pytest.approx((150.3, -1.2), abs=1e-5)
    assert [raw.facts["object_id"] for raw in raws] == ["000001-1", "000001-2"]


@pytest.mark.parametrize("n_row", [3, 4])
def test_6dfgs_one_image(tmp_path: Path, rows, n_row: int):
    wave = AXIS["CRVAL1"] + AXIS["CDELT1"] * (np.arange(1, N + 1) - AXIS["CRPIX1"])
    values = np.vstack([rows, wave])[:n_row]
    path = tmp_path / "all-c0022498.fits"
    image(values, six_df(), first=True).writeto(path)
    (raw,) = read_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(raw, by_specutils(path, "6dFGS-split")[0])
    assert (raw.facts["ra"], raw.facts["dec"], raw.facts["z"]) == (5.7, -34.8, 0.0511)
    assert raw.facts["object_id"] == "all-c0022498"
    if n_row == 4:
        values[3] += 4
        image(values, six_df(), first=True).writeto(path, overwrite=True)
        with pytest.raises(ValueError, match="row of wavelengths is not what the header says"):
            list(read_file(path))


def test_6dfgs_whole_file_gives_the_spectrum_of_both_arms(tmp_path: Path, rows):
    sky = {"CTYPE1": "RA---TAN", "CRVAL1": 5.7, "CD1_1": 1e-4}
    thumbnails = [image(np.ones((30, 30)), sky, first=k == 0) for k in range(5)]
    arms = [image(rows * k, six_df(EXTNAME=f"SPECTRUM {arm}")) for k, arm in ((1, "V"), (2, "R"))]
    both = image(np.vstack([rows * 3, np.ones(N)])[:3], six_df(EXTNAME="SPECTRUM VR"))
    fits.HDUList([*thumbnails, *arms, both]).writeto(tmp_path / "c.fits")
    (raw,) = read_file(tmp_path / "c.fits")
    check(raw, by_specutils(tmp_path / "c.fits", "6dFGS-combined")[2])


def test_6dfgs_table_has_no_errors(tmp_path: Path, rows):
    wave = np.linspace(4000, 7500, N)
    columns = [fits.Column("FLUX", "E", unit="COUNTS/S", array=rows[0]),
               fits.Column("WAVE", "D", unit="Angstrom", array=wave)]  # fmt: skip
    facts = {key: value for key, value in six_df().items() if key not in AXIS}
    primary = fits.PrimaryHDU()
    primary.header.update(facts)
    fits.HDUList([primary, fits.BinTableHDU.from_columns(columns)]).writeto(tmp_path / "1D.fits")
    with pytest.raises(ValueError, match="no errors: the table has flux, but no column"):
        list(read_file(tmp_path / "1D.fits"))
    (raw,) = read_file(tmp_path / "1D.fits", assumed=Assumed(assumed_snr=10))
    theirs = by_specutils(tmp_path / "1D.fits", "6dFGS-tabular")[0]
    check(raw, theirs, np.full(N, (np.median(rows[0].astype("f4")) / 10) ** 2))
    assert (raw.facts["ra"], raw.facts["z"]) == (5.7, 0.0511)


def test_gama_rows_are_calibrated_flux_and_error(tmp_path: Path, rows):
    values = np.array([rows[0], np.sqrt(rows[1]), rows[0] * 50, rows[1], rows[2]])
    axis = {"CTYPE1": "wavelength", "CUNIT1": "Angstroms", "CD1_1": 4.3, "CD2_2": 1.0}
    header = AXIS | axis | GAMA
    image(values, header, first=True).writeto(tmp_path / "G12_Y2_009_044.fit")
    (raw,) = read_file(tmp_path / "G12_Y2_009_044.fit")
    del header["CDELT1"], header["CTYPE1"], header["CUNIT1"]  # specutils wants a celestial WCS
    wave = in_vacuum(5000 + 4.3 * (np.arange(1, N + 1) - 10))
    np.testing.assert_allclose(raw.wave, wave, atol=0.01)
    np.testing.assert_allclose(raw.flux, rows[0], rtol=1e-6)
    np.testing.assert_allclose(raw.ivar, 1 / rows[1], rtol=1e-5)
    assert RELATIVE not in raw.remarks
    assert (raw.facts["ra"], raw.facts["z"], raw.facts["z_quality"]) == (174.1, 0.12, 4)


def test_rows_named_by_keywords(tmp_path: Path, rows):
    named = {"ROW1": "Spectrum", "ROW2": "Variance", "ROW3": "Sky"}
    header = AXIS | GAMA | named | {"ORIGIN": "AAO", "SURVEY": "2dFGRS"}
    image(rows, header, first=True).writeto(tmp_path / "a.fit")
    (raw,) = read_file(tmp_path / "a.fit")
    theirs = by_specutils(tmp_path / "a.fit", "GAMA-2dFGRS")
    check(raw, theirs[0])


@pytest.mark.parametrize(
    ("layout", "header", "names"),
    [
        ("GAMA-2QZ", GAMA | {"ORIGIN": "AAO", "SURVEY": "2QZ", "CD1_1": 4.3}, ("VARIANCE", "SKY")),
        ("GAMA-2SLAQ-QSO", GAMA | {"ORIGIN": "A", "SURVEY": "2SLAQ-QSO"}, ("STDEV", "SKY")),
        ("GAMA-WiggleZ", GAMA | {"ORIGIN": "A", "SURVEY": "WiggleZ"}, ("", "")),
        ("WiggleZ", {"REFCODE": "2018MNRAS.474.4151D"}, ("VARIANCE", "SKY")),
        ("OzDES", {"REFERENC": "ozdes dr2"}, ("VARIANCE", "BADPIX")),
    ],
)
def test_parts_in_images_of_their_own(tmp_path: Path, rows, layout, header, names):
    header = AXIS | {"CUNIT1": "Angstrom", "BUNIT": "count"} | header
    power = 0.5 if "STDEV" in names else 1
    values = [rows[0], rows[1] ** power, rows[2]]
    hdus = [image(part, header, first=k == 0) for k, part in enumerate(values)]
    for hdu, name in zip(hdus[1:], names, strict=True):
        hdu.header.update({"EXTNAME": name} if name else {})
    path = tmp_path / "one.fits"
    fits.HDUList(hdus).writeto(path)
    (raw,) = read_file(path)
    theirs = next(s for s in by_specutils(path, layout) if s.uncertainty is not None)
    check(raw, theirs)


def test_images_without_errors_need_a_word(tmp_path: Path, rows):
    lt = {"ORIGIN": "Liverpool JMU", "GAMANAME": "x", "CRVAL": 5000.0, "CDELT": 4.3, "CRPIX": 10.0}
    image(rows[0], lt, first=True).writeto(tmp_path / "LTF.fit")
    with pytest.raises(ValueError, match="no errors"):
        list(read_file(tmp_path / "LTF.fit"))
    (raw,) = read_file(tmp_path / "LTF.fit", assumed=Assumed(assumed_snr=10))
    (theirs,) = by_specutils(tmp_path / "LTF.fit", "GAMA-LT")
    np.testing.assert_allclose(raw.wave, theirs.spectral_axis.to_value("Angstrom"), atol=0.01)
    slaq = AXIS | {"MSTITLE": "2dF-SDSS LRG/QSO survey", "CD1_1": 4.3}
    image(rows[[0, 2]][:, None], slaq, first=True).writeto(tmp_path / "J.fit")
    with pytest.raises(ValueError, match="no errors"):
        list(read_file(tmp_path / "J.fit"))
    (raw,) = read_file(tmp_path / "J.fit", assumed=Assumed(assumed_snr=10, air=True))
    theirs = by_specutils(tmp_path / "J.fit", "2SLAQ-LRG")[0]
    np.testing.assert_allclose(raw.flux, theirs.flux.value, rtol=1e-6)
    np.testing.assert_allclose(
        raw.wave, in_vacuum(theirs.spectral_axis.to_value("Angstrom")), atol=0.01
    )
