"""Tables as users write them: decimal commas, units in names or below them, text, missing cells."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from data.ingest.formats import read_file
from data.ingest.generic.assumed import Assumed
from data.ingest.raw_spectrum import RawSpectrum
from tests.fixtures.spectrum_files import write_sdss

WAVE = np.linspace(4000.0, 9000.0, 301)
FLUX = np.random.default_rng(5).normal(50, 3, 301).round(3)


def lines(mark: str, wave: np.ndarray = WAVE, unit: float = 1, *, comma: bool = False) -> str:
    values = zip(wave, FLUX * unit, strict=True)
    rows = [mark.join((f"{w:.6f}", f"{f:.7g}", f"{1.5 * unit}")) for w, f in values]
    text = "\n".join(rows) + "\n"
    return text.replace(".", ",") if comma else text


def read(path: Path, text: str, assumed: Assumed | None = None) -> RawSpectrum:
    path.write_text(text, encoding="utf-8")
    (raw,) = read_file(path, assumed=assumed or Assumed())
    return raw


def check(raw: RawSpectrum, flux: np.ndarray = FLUX) -> None:
    assert raw.wave is not None
    np.testing.assert_allclose(raw.wave, WAVE, rtol=1e-6)
    np.testing.assert_allclose(raw.flux, flux, rtol=1e-6)
    np.testing.assert_allclose(raw.ivar[np.isfinite(flux)], 1.5**-2, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "wave;flux;err\n" + lines(";", comma=True)),
        ("a.csv", "# z = 0.1\nwave\tflux\terr\n" + lines("\t")),
        ("a.dat", "wave flux err\n" + lines(" ", comma=True)),
        ("a.txt", "# wave flux err\n" + lines("  ")),
        ("a.csv", "Wavelength (nm),Flux (1e-17 erg/s/cm2/A),err\n" + lines(",", WAVE / 10)),
        ("a.csv", "wave,flux,err\nnm,erg/s/cm2/A,erg/s/cm2/A\n" + lines(",", WAVE / 10, 1e-17)),
        ("a.csv", "wave [Angstrom],flux,err\n" + lines(",")),
        ("A.CSV", "WAVE,FLUX,ERR\n" + lines(",")),
    ],
)  # fmt: skip
def test_text_of_many_kinds(tmp_path: Path, name: str, text: str):
    raw = read(tmp_path / name, text)
    check(raw)
    assert raw.facts["object_id"].lower() == "a"


def test_text_where_numbers_are_expected_is_told(tmp_path: Path):
    text = "wave,flux,err\n" + lines(",") + "end of table,,\n"
    with pytest.raises(ValueError, match="bad column: wave holds text, as 'end of table'"):
        read(tmp_path / "a.csv", text)


def test_missing_cells_are_no_pixels(tmp_path: Path):
    missing = np.arange(301) % 50 == 7
    columns = {"wave": WAVE, "flux": MaskedColumn(FLUX, mask=missing), "err": np.full(301, 1.5)}
    table = Table(columns, meta={"z": 0.1234, "VACUUM": True})
    table.write(tmp_path / "a.ecsv")
    (raw,) = read_file(tmp_path / "a.ecsv")
    check(raw, np.where(missing, np.nan, FLUX))
    assert raw.facts["z"] == 0.1234


@pytest.mark.parametrize("scale", [1.0, 0.001])
def test_integers_that_stand_for_none_are_no_pixels(tmp_path: Path, scale: float):
    whole = np.round(FLUX / scale).astype(int)
    missing = np.arange(301) % 50 == 7
    raw_values = np.where(missing, 99999999, whole).astype(np.int32)
    columns = [
        fits.Column("wave", "D", array=WAVE),
        fits.Column("flux", "J", array=raw_values, null=99999999),
        fits.Column("err", "D", array=np.full(301, 1.5)),
    ]
    hdu = fits.BinTableHDU.from_columns(columns)
    if scale != 1:
        hdu.header["TSCAL2"] = scale
    hdu.writeto(tmp_path / "a.fits")
    (raw,) = read_file(tmp_path / "a.fits")
    check(raw, np.where(missing, np.nan, whole * scale))


def test_scaled_images_and_names_in_capitals(tmp_path: Path):
    hdu = fits.PrimaryHDU(np.round(FLUX / 0.01).astype(np.int16))
    axis = {"CRVAL1": 4000.0, "CDELT1": WAVE[1] - WAVE[0], "CRPIX1": 1, "CUNIT1": "ANGSTROM"}
    hdu.header.update(axis | {"BSCALE": 0.01, "BUNIT": "10**-17 ERG/CM**2/S/ANGSTROM"})
    error = fits.ImageHDU(np.full(301, 1.5), name="error")
    fits.HDUList([hdu, error]).writeto(tmp_path / "A.FITS")
    with fits.open(tmp_path / "A.FITS", do_not_scale_image_data=True) as hdus:
        flux = hdus[0].data * 0.01
    (raw,) = read_file(tmp_path / "A.FITS")
    check(raw, flux)
    assert raw.facts["object_id"] == "A"


def test_a_compressed_file_is_known_by_its_bytes(tmp_path: Path):
    plain = write_sdss(tmp_path / "spec-1.fits")
    (expected,) = read_file(plain)
    (tmp_path / "spec-2.fits").write_bytes(gzip.compress(plain.read_bytes()))
    (raw,) = read_file(tmp_path / "spec-2.fits")
    np.testing.assert_array_equal(raw.flux, expected.flux)


def test_the_mark_that_excel_puts_before_a_text_is_no_name(tmp_path: Path):
    check(read(tmp_path / "a.csv", "\ufeffwave,flux,err\n" + lines(",")))


@pytest.mark.parametrize("words", [("True", "False"), ("TRUE", "FALSE"), ("true", "false")])
def test_truth_values_mask_pixels(tmp_path: Path, words):
    body = lines(",").strip().split("\n")
    marked = [f"{line},{words[0] if row < 5 else words[1]}" for row, line in enumerate(body)]
    raw = read(tmp_path / "a.csv", "wave,flux,err,mask\n" + "\n".join(marked) + "\n")
    assert raw.masked.tolist() == [True] * 5 + [False] * 296


def test_a_mask_of_words_is_told(tmp_path: Path):
    body = lines(",").replace("\n", ",good\n")
    with pytest.raises(ValueError, match="got .*good"):
        read(tmp_path / "a.csv", "wave,flux,err,mask\n" + body)
