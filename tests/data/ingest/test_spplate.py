"""Whole plates: one row a fibre, redshifts beside the file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data.grid import INSTRUMENTS
from data.ingest.file_list import find_files
from data.ingest.formats import read_file
from data.ingest.pixel_mask import DEFAULT_POLICY, SDSS_BITS
from data.ingest.raw_spectrum import NO_MASK, RawSpectrum

N_FIBER, N_PIXEL = 7, 4600


def table(**columns: Any) -> fits.BinTableHDU:
    """A table of columns."""
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    arrays = {k: v.astype("S") if v.dtype.kind == "U" else v for k, v in arrays.items()}
    rows = np.zeros(len(arrays["FIBERID"]), [(k, v.dtype, v.shape[1:]) for k, v in arrays.items()])
    for name, values in arrays.items():
        rows[name] = values
    return fits.BinTableHDU(rows)


def write_plate(path: Path, *, named: bool = True, without: str = "", **cards: Any) -> fits.HDUList:
    """Write a plate of `N_FIBER` fibres, the third of them on sky; return its HDUs."""
    rng = np.random.default_rng(2)
    flux = rng.normal(10, 1, (N_FIBER, N_PIXEL)).astype("f4")
    ivar = rng.uniform(0.5, 2, (N_FIBER, N_PIXEL)).astype("f4")
    mask = np.zeros((N_FIBER, N_PIXEL), "i4")
    mask[1, 30:40] = 1 << SDSS_BITS["NODATA"]
    header = {"COEFF0": 3.553, "COEFF1": 1e-4, "PLATEID": 4055, "MJD": 55359, "RUN2D": "v5_7_0"}
    fibers = table(
        FIBERID=1 + np.arange(N_FIBER, dtype="i4"),
        RA=236.0 + 0.1 * np.arange(N_FIBER),
        DEC=1.5 + 0.1 * np.arange(N_FIBER),
        OBJTYPE=["GALAXY", "GALAXY", "SKY", "GALAXY", "QSO", "GALAXY", "NA"],
    )
    hdus = [fits.PrimaryHDU(flux), fits.ImageHDU(ivar), fits.ImageHDU(mask), fits.ImageHDU(mask)]
    hdus += [fits.ImageHDU(np.ones_like(flux)), fibers]
    names = ("FLUX", "IVAR", "ANDMASK", "ORMASK", "WAVEDISP", "PLUGMAP")
    for hdu, name in zip(hdus, names, strict=True):
        if named:
            hdu.header["EXTNAME"] = name
    hdus[0].header.update(header | cards)
    whole = fits.HDUList([h for h, name in zip(hdus, names, strict=True) if name != without])
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.writeto(path, overwrite=True)
    return whole


def write_redshifts(path: Path, *, fits_per_fiber: int = 1) -> None:
    """Write redshifts 0.01 times the fibre's number; further fits of a fibre are worse."""
    fibers = np.repeat(1 + np.arange(N_FIBER), fits_per_fiber)
    worse = np.tile(np.arange(fits_per_fiber), N_FIBER)
    best = table(
        FIBERID=fibers.astype("i4"),
        Z=0.01 * fibers + worse,
        Z_ERR=np.full(len(fibers), 1e-5),
        CLASS=["GALAXY"] * len(fibers),
        ZWARNING=np.zeros(len(fibers), "i4"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(), best]).writeto(path)


def check(raws: list[RawSpectrum], hdus: fits.HDUList) -> None:
    """Compare what was read with what was written."""
    assert len(raws) == N_FIBER
    grid = INSTRUMENTS["boss"]
    for k, raw in enumerate(raws):
        np.testing.assert_array_equal(raw.flux, hdus[0].data[k])
        np.testing.assert_array_equal(raw.ivar, hdus[1].data[k])
        np.testing.assert_array_equal(raw.masked, DEFAULT_POLICY.masked(hdus[2].data[k]))
        wave = 10 ** (grid.start + grid.step * raw.pixel)
        np.testing.assert_allclose(wave, 10 ** (3.553 + 1e-4 * np.arange(N_PIXEL)), atol=0.1)
        assert raw.instrument == "boss"
        assert raw.facts["object_id"] == f"4055-55359-{k + 1:04d}"
        assert raw.facts["ra"] == pytest.approx(236.0 + 0.1 * k)
        assert raw.facts["dec"] == pytest.approx(1.5 + 0.1 * k)
    assert [raw.problem for raw in raws] == ["", "", "sky fibre", "", "", "", ""]


@pytest.mark.parametrize("named", [True, False])
def test_each_fibre_is_a_spectrum(tmp_path: Path, monkeypatch, named: bool):
    path = tmp_path / "spPlate-4055-55359.fits"
    hdus = write_plate(path, named=named)
    monkeypatch.setattr("data.ingest.spplate.N_ROW", 3)
    raws = list(read_file(path))
    check(raws, hdus)
    assert all(np.isnan(raw.facts["z"]) for raw in raws)


@pytest.mark.parametrize("folder", [".", "v5_7_0"])
@pytest.mark.parametrize(("kind", "n_fit"), [("spZbest", 1), ("spZall", 5)])
def test_redshifts_come_from_the_file_beside(tmp_path: Path, folder: str, kind: str, n_fit: int):
    path = tmp_path / "spPlate-4055-55359.fits"
    write_plate(path)
    write_redshifts(tmp_path / folder / f"{kind}-4055-55359.fits", fits_per_fiber=n_fit)
    raws = list(read_file(path))
    np.testing.assert_allclose([raw.facts["z"] for raw in raws], 0.01 * np.arange(1, N_FIBER + 1))
    assert {raw.facts["class"] for raw in raws} == {"GALAXY"}
    assert find_files([tmp_path]).files == [str(path)]


@pytest.mark.parametrize("part", ["IVAR", "PLUGMAP"])
def test_a_part_that_is_missing_is_named(tmp_path: Path, part: str):
    path = tmp_path / "spPlate-4055-55359.fits"
    write_plate(path, without=part)
    with pytest.raises(ValueError, match=f"missing parts: .*without {part}"):
        list(read_file(path))


def test_a_plate_without_mask_is_told(tmp_path: Path):
    path = tmp_path / "spPlate-4055-55359.fits"
    write_plate(path, without="ANDMASK")
    assert {raw.remarks for raw in read_file(path)} == {(NO_MASK,)}


def test_parts_that_do_not_fit_are_told(tmp_path: Path):
    path = tmp_path / "spPlate-4055-55359.fits"
    hdus = write_plate(path)
    hdus["PLUGMAP"].data = hdus["PLUGMAP"].data[:-1]
    hdus.writeto(path, overwrite=True)
    with pytest.raises(ValueError, match="PLUGMAP has 6 rows for 7 spectra"):
        list(read_file(path))
    hdus["IVAR"].data = hdus["IVAR"].data[:, :-1]
    hdus.writeto(path, overwrite=True)
    with pytest.raises(ValueError, match="bad shape: images must have equal axes"):
        list(read_file(path))


def test_data_that_do_not_match_their_checksum_are_refused(tmp_path: Path):
    path = tmp_path / "spPlate-4055-55359.fits"
    write_plate(path).writeto(path, overwrite=True, checksum=True)
    with fits.open(path) as hdus:
        check(list(read_file(path)), hdus)
        offset = hdus["IVAR"].fileinfo()["datLoc"]
    content = bytearray(path.read_bytes())
    content[offset + 401] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="do not match their checksum"):
        list(read_file(path))


def test_the_real_plate_lacks_all_but_the_flux(real_spectra: Path):
    (path,) = (real_spectra / "formats/spplate").glob("*.fits")
    with fits.open(path) as hdus:
        assert len(hdus) == 1
    with pytest.raises(ValueError, match="without IVAR and PLUGMAP"):
        list(read_file(path))
