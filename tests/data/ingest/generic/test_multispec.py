"""IRAF multispec images, and other layouts made as the documents of instruments describe them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data.ingest.formats import read_file
from data.ingest.raw_spectrum import RawSpectrum
from data.lines.indices import air_to_vacuum

N = 2000
WAVE = 4000 + 1.5 * np.arange(N)
FLUX = 20 + np.sin(np.arange(N) / 50)
ERROR = np.full(N, 0.7)
CGS = "erg/s/cm2/Angstrom"


def check(raw: RawSpectrum, wave: Any = WAVE, flux: Any = FLUX) -> None:
    np.testing.assert_allclose(raw.wave, wave, atol=0.01)
    np.testing.assert_allclose(raw.flux, flux, rtol=1e-5)
    np.testing.assert_allclose(raw.ivar, 0.7**-2, rtol=1e-5)


def table(path: Path, units: dict[str, str], header: dict[str, Any], **columns: Any) -> Path:
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column(name, f"{np.size(values)}D" if np.ndim(values) > 1 else "D",
                        array=values, unit=units.get(name))
            for name, values in columns.items()
        ]
    )  # fmt: skip
    hdu.header.update(header)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


def image(path: Path, rows: Any, **cards: Any) -> Path:
    primary = fits.PrimaryHDU(rows)
    primary.header.update({"CRVAL1": 4000.0, "CDELT1": 1.5, "CRPIX1": 1.0} | cards)
    fits.HDUList([primary, fits.ImageHDU(rows * 0 + 0.7, name="SIGMA")]).writeto(path)
    return path


def multispec(*apertures: str) -> dict[str, Any]:
    text = "wtype=multispec " + " ".join(
        f'spec{number} = "{fields}"' for number, fields in enumerate(apertures, 1)
    )
    parts = {f"WAT2_{k + 1:03d}": text[68 * k : 68 * k + 68] for k in range(1 + len(text) // 68)}
    return {"CTYPE1": "MULTISPE", "CRVAL1": 1.0, "CDELT1": 1.0,
            "WAT1_001": "wtype=multispec label=Wavelength units=angstroms"} | parts  # fmt: skip


def test_each_aperture_of_a_multispec_image_has_its_own_wavelengths(tmp_path):
    cards = multispec("1 1 0 4000. 1.5 2000 0. 1 2", "2 2 1 3.6 1e-4 2000 0.001 3 4")
    first, second = read_file(image(tmp_path / "m.fits", np.array([FLUX, FLUX]), **cards))
    check(first)
    check(second, 10 ** (3.6 + 1e-4 * np.arange(N)) / 1.001)


@pytest.mark.parametrize(
    ("apertures", "reason"),
    [
        (("1 1 2 4000. 1.5 2000 0. 1 2 1. 0. 1 4 1. 2000. 5500. 1500. 3. 1.",), "dispersion"),
        (("1 1 0 4000. 1.5 2000 0. 1 2",) * 3, "2 spectra, but 3 apertures"),
        ((), "without WAT2"),
    ],
)
def test_other_dispersions_are_refused(tmp_path, apertures, reason):
    path = image(tmp_path / "m.fits", np.array([FLUX, FLUX]), **multispec(*apertures))
    with pytest.raises(ValueError, match=reason):
        list(read_file(path))


def test_an_axis_of_type_log_grows_exponentially(tmp_path):
    path = image(tmp_path / "l.fits", FLUX, CTYPE1="WAVE-LOG", CUNIT1="Angstrom")
    (raw,) = read_file(path)
    check(raw, 4000 * np.exp(1.5 / 4000 * np.arange(N)))


@pytest.mark.parametrize(
    ("units", "header", "columns", "wave"),
    [
        (  # ESO science data products: one row, nm, air told by the column's UCD
            {"WAVE": "nm", "FLUX": CGS, "ERR": CGS}, {"TUCD1": "em.wl;obs.atmos"},
            {"WAVE": WAVE[None] / 10, "FLUX": FLUX[None] * 1e-17, "ERR": ERROR[None] * 1e-17},
            air_to_vacuum(WAVE),
        ),
        (  # VIPERS
            {"WAVES": "Angstrom", "FLUXES": CGS, "NOISE": CGS}, {"REDSHIFT": 0.7},
            {"WAVES": WAVE, "FLUXES": FLUX * 1e-17, "NOISE": ERROR * 1e-17}, WAVE,
        ),
        (  # errors in another unit than the flux
            {"WAVE": "Ang.", "FLUX": CGS, "ERR": "1e-17 erg/s/cm2/Angstrom"}, {},
            {"WAVE": WAVE, "FLUX": FLUX * 1e-17, "ERR": ERROR}, WAVE,
        ),
        (  # MUSE-Wide: both wavelengths
            {"WAVE_VAC": "Angstrom", "FLUX": "10^(-20)*erg/s/cm^2/Angstrom"}, {},
            {"WAVE_AIR": WAVE - 1, "WAVE_VAC": WAVE, "FLUX": FLUX * 1e3, "FLUXERR": ERROR * 1e3},
            WAVE,
        ),
        (  # W / m2 / micron over metre
            {"LAMBDA": "m", "FLUX": "W/m2/um", "FLUX_ERR": "W/m2/um"}, {"AIRORVAC": "vacuum"},
            {"LAMBDA": WAVE * 1e-10, "FLUX": FLUX * 1e-16, "FLUX_ERR": ERROR * 1e-16}, WAVE,
        ),
    ],
    ids=["eso", "vipers", "units", "muse-wide", "metre"],
)  # fmt: skip
def test_tables_of_instruments(tmp_path, units, header, columns, wave):
    (raw,) = read_file(table(tmp_path / "t.fits", units, header, **columns))
    check(raw, wave)


def test_errors_of_another_kind_than_the_flux_are_refused(tmp_path):
    units = {"WAVE": "Angstrom", "FLUX": CGS, "ERR": "mag"}
    path = table(tmp_path / "t.fits", units, {}, WAVE=WAVE, FLUX=FLUX, ERR=ERROR)
    with pytest.raises(ValueError, match="errors in mag, but the flux in erg"):
        list(read_file(path))


def test_spectra_in_further_tables_are_told(tmp_path):
    path = table(tmp_path / "t.fits", {"WAVE": "Angstrom"}, {}, WAVE=WAVE, FLUX=FLUX, ERR=ERROR)
    with fits.open(path) as hdus:
        hdus.append(hdus[1].copy())
        hdus.writeto(path, overwrite=True)
    (raw,) = read_file(path)
    assert "of several tables with spectra in the file only the first is read" in raw.remarks


@pytest.mark.parametrize("begin", ["# a comment, with a comma\nwave,flux,err\n", "wave;flux;err\n"])
def test_csv_with_comments_or_semicolons(tmp_path, begin):
    mark = ";" if ";" in begin else ","
    rows = np.column_stack([WAVE, FLUX, ERROR])
    text = "\n".join(mark.join(map(repr, row)) for row in rows.tolist())
    (tmp_path / "t.csv").write_text(begin + text)
    (raw,) = read_file(tmp_path / "t.csv")
    check(raw)
