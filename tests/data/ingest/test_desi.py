"""DESI files: whose redshift is whose, and which rows are one object."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data.grid import INSTRUMENTS
from data.ingest.batch import read_batch
from data.ingest.criteria import Criteria
from data.ingest.damage import IMPOSSIBLE_PIXELS
from data.ingest.desi.spectra import read_desi
from data.ingest.file_list import find_files
from data.ingest.formats import read_file
from data.ingest.grids import one_grid
from data.ingest.pixel_mask import DEFAULT_POLICY
from data.ingest.raw_spectrum import NO_MASK
from tests.fixtures.spectrum_files import write_desi


def change(path: Path, name: str, **columns: Any) -> None:
    """Replace columns of a table of a file."""
    with fits.open(path) as hdus:
        for column, values in columns.items():
            hdus[name].data[column] = values
        hdus.writeto(path, overwrite=True)


@pytest.fixture
def coadd(tmp_path: Path) -> Path:
    return write_desi(tmp_path / "coadd-1.fits", targetids=[39, 40], z=[0.1, 0.2])


def test_rows_of_one_target_at_two_places_are_no_exposures_of_one_object(coadd):
    change(coadd, "FIBERMAP", TARGETID=[39, 39], TARGET_RA=[150.0, 151.1])
    (only,) = read_file(coadd)
    assert only.problem.startswith("contradiction: the 2 rows of this TARGETID lie up to 39")


def test_rows_of_one_target_at_one_place_are_coadded(coadd):
    change(coadd, "FIBERMAP", TARGETID=[39, 39], TARGET_RA=[150.0, 150.0 + 0.5 / 3600])
    (only,) = read_file(coadd)
    assert only.problem == ""
    assert only.ivar.max() == pytest.approx(4 * 8.0 / 2)  # two exposures, overlap of two arms


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_redshifts_the_one_without_warning_is_taken(coadd, order):
    redrock = coadd.with_name("redrock-1.fits")
    rows = {"TARGETID": [39, 39], "Z": [0.369, 0.1], "ZWARN": [0, 4]}
    change(redrock, "REDSHIFTS", **{name: np.take(values, order) for name, values in rows.items()})
    first, second = read_file(coadd)
    assert (first.facts["z"], first.facts["zwarning"]) == (0.369, 0)
    assert np.isnan(second.facts["z"])


def test_redshifts_in_the_file_itself(coadd):
    redrock = coadd.with_name("redrock-1.fits")
    with fits.open(coadd) as hdus, fits.open(redrock) as beside:
        fits.HDUList([*hdus, beside["REDSHIFTS"]]).writeto(coadd.with_name("one-target.fits"))
    redrock.unlink()
    spectra = list(read_file(coadd.with_name("one-target.fits")))
    assert [item.facts["z"] for item in spectra] == [0.1, 0.2]
    assert {item.facts["class"] for item in spectra} == {"GALAXY"}


@pytest.mark.parametrize("packed", ["coadd", "redrock", "both"])
def test_redshifts_beside_though_one_of_them_is_compressed(coadd, packed):
    redrock = coadd.with_name("redrock-1.fits")
    for path in (coadd, redrock):
        if packed in (path.name.split("-")[0], "both"):
            with path.open("rb") as plain, gzip.open(f"{path}.gz", "wb") as out:
                shutil.copyfileobj(plain, out)
            path.unlink()
    (name,) = coadd.parent.glob("coadd*")
    assert [item.facts["z"] for item in read_file(name)] == [0.1, 0.2]


def test_redshifts_beside_a_file_of_any_name(coadd):
    coadd.rename(coadd.with_name("mine.fits"))
    coadd.with_name("redrock-1.fits").rename(coadd.with_name("redrock-mine.fits"))
    assert [item.facts["z"] for item in read_file(coadd.with_name("mine.fits"))] == [0.1, 0.2]


def test_a_fibermap_without_rows_is_told(coadd):
    with fits.open(coadd) as hdus:
        hdus["FIBERMAP"].data = hdus["FIBERMAP"].data[:0]
        hdus.writeto(coadd, overwrite=True)
    with pytest.raises(ValueError, match="no object: FIBERMAP has no row"):
        list(read_file(coadd))


def test_data_that_do_not_match_their_checksum_are_refused(coadd):
    with fits.open(coadd) as hdus:
        hdus.writeto(coadd, overwrite=True, checksum=True)
    assert len(list(read_file(coadd))) == 2
    with fits.open(coadd) as hdus:
        offset = hdus["B_FLUX"].fileinfo()["datLoc"]
    content = bytearray(coadd.read_bytes())
    content[offset + 401] ^= 1
    coadd.write_bytes(content)
    with pytest.raises(ValueError, match="HDU B_FLUX do not match their checksum"):
        list(read_file(coadd))


def test_a_file_without_mask_is_told(coadd):
    assert {item.remarks for item in read_file(coadd)} == {()}
    with fits.open(coadd) as hdus:
        kept = [hdu for hdu in hdus if not hdu.name.endswith("_MASK")]
        fits.HDUList(kept).writeto(coadd, overwrite=True)
    assert {item.remarks for item in read_file(coadd)} == {(NO_MASK,)}


def test_interleaved_exposures_are_those_of_their_target(tmp_path):
    path = write_desi(tmp_path / "spectra-1.fits", targetids=[7, 8, 7, 8, 9])
    change(path, "FIBERMAP", TARGET_RA=[150.0, 151.0, 150.0, 151.0, 152.0])
    with fits.open(path) as hdus:
        for arm in "BRZ":
            hdus[f"{arm}_FLUX"].data[:] = np.array([[7.0], [8.0], [7.0], [8.0], [9.0]])
        hdus.writeto(path, overwrite=True)
    for item in read_file(path):
        assert set(np.unique(item.flux[item.ivar > 0])) == {float(item.facts["targetid"])}


def without(path: Path, *endings: str) -> Path:
    """Remove the HDUs whose names begin so."""
    with fits.open(path) as hdus:
        kept = [hdu for hdu in hdus if not hdu.name.startswith(endings)]
        fits.HDUList(kept).writeto(path, overwrite=True)
    return path


def test_an_arm_that_is_missing_is_a_gap_and_told(coadd):
    whole = next(read_file(coadd))
    first = next(read_file(without(coadd, "R_")))
    assert first.remarks == ("no arm R: the pixels of B, Z alone",)
    gap = slice(2751, 4900)  # after the blue arm, before the red one
    assert first.masked[gap].all()
    np.testing.assert_array_equal(first.ivar[gap], 0)
    np.testing.assert_array_equal(first.flux[:2700], whole.flux[:2700])


def test_a_norm_range_lost_with_its_arm_is_told(coadd):
    contents = read_batch([str(without(coadd, "R_"))], Criteria(grids=one_grid("desi")))
    assert [item.kind for item in contents.rejected] == ["norm range not covered"] * 2
    assert all("no arm R" in item.reason for item in contents.rejected)


def test_half_an_arm_is_told(coadd):
    with pytest.raises(ValueError, match="missing parts: DESI file has no HDU R_FLUX$"):
        list(read_file(without(coadd, "R_FLUX")))


def test_one_combined_arm(coadd):
    arms = list(read_file(coadd))
    with fits.open(without(coadd, "B_", "R_", "Z_")) as hdus:
        grid = INSTRUMENTS["desi"]
        parts = {
            "WAVELENGTH": grid.wave,
            "FLUX": np.stack([raw.flux for raw in arms]),
            "IVAR": np.stack([raw.ivar for raw in arms]),
            "MASK": np.zeros((2, grid.n_pixel), "i4"),
        }
        combined = [fits.ImageHDU(values, name=f"BRZ_{part}") for part, values in parts.items()]
        fits.HDUList([*hdus, *combined]).writeto(coadd, overwrite=True)
    for raw, expected in zip(read_file(coadd), arms, strict=True):
        np.testing.assert_allclose(raw.flux, expected.flux)
        np.testing.assert_allclose(raw.ivar, expected.ivar)
        assert (raw.facts, raw.remarks) == (expected.facts, ())


def test_tile_compressed_files_read_as_plain_ones(coadd):
    plain, packed = list(read_file(coadd)), coadd.with_name("coadd-1.fits.fz")
    with fits.open(coadd) as hdus:
        out = [
            fits.CompImageHDU(hdu.data, name=hdu.name, compression_type="GZIP_2", quantize_level=0)
            if isinstance(hdu, fits.ImageHDU)
            else hdu
            for hdu in hdus
        ]
        fits.HDUList(out).writeto(packed)
    assert find_files([coadd.parent]).files == [str(coadd), str(packed)]
    for raw, expected in zip(read_file(packed), plain, strict=True):
        np.testing.assert_array_equal(raw.flux, expected.flux)
        assert raw.facts == expected.facts


def test_an_archive_file_of_one_target_reads_as_astropy_reads_it(real_spectra: Path):
    path = real_spectra / "formats/desi/desi-spectra-af558177.fits.gz"
    (raw,) = read_file(path)
    with fits.open(path) as hdus:
        fiber, redshift = hdus["FIBERMAP"].data[0], hdus["REDSHIFTS"].data[0]
        assert raw.facts["targetid"] == fiber["TARGETID"] == redshift["TARGETID"]
        assert raw.facts["z"] == redshift["Z"]
        assert raw.facts["zwarning"] == redshift["ZWARN"]
        assert raw.facts["class"] == redshift["SPECTYPE"].strip()
        assert (raw.facts["ra"], raw.facts["dec"]) == (fiber["TARGET_RA"], fiber["TARGET_DEC"])
        total, weighted = np.zeros((2, 7781))
        for arm in "BRZ":
            wave = hdus[f"{arm}_WAVELENGTH"].data
            pixel = np.rint((wave - 3600) / 0.8).astype(int)
            np.testing.assert_allclose(INSTRUMENTS["desi"].wave[pixel], wave, atol=1e-6)
            ivar = np.where(hdus[f"{arm}_MASK"].data[0] == 0, hdus[f"{arm}_IVAR"].data[0], 0)
            total[pixel] += ivar
            weighted[pixel] += ivar * hdus[f"{arm}_FLUX"].data[0]
    np.testing.assert_allclose(raw.ivar, total, rtol=1e-6)
    np.testing.assert_allclose(raw.flux * raw.ivar, weighted, rtol=1e-4, atol=1e-4)


def test_files_without_a_spectrum_say_what_is_missing(real_spectra: Path, coadd):
    with pytest.raises(ValueError, match="no HDU FIBERMAP, B_WAVELENGTH, R_WAVELENGTH"):
        list(read_file(real_spectra / "formats/desi/coadd_rebinned.fits"))
    for path in (
        real_spectra / "formats/desi/redrock-test.fits",
        coadd.with_name("redrock-1.fits"),
    ):
        with pytest.raises(ValueError, match="no spectrum: a redrock file of redshifts"):
            list(read_file(path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda hdus: hdus["B_FLUX"].header.update(BUNIT="Jy"), "bad unit: B_FLUX is in Jy"),
        (lambda hdus: _set(hdus, "TARGETID", [1e17, 2e17], "f8"), "must hold 64-bit integers"),
        (lambda hdus: _scores(hdus, [40, 39]), "FIBERMAP and SCORES have targets in other orders"),
        (lambda hdus: _scores(hdus, [39, 40]), ""),
        (
            lambda hdus: _set(hdus, "FIBER_RA", [150.0, 12.0], "f8"),
            "contradiction: the file says ra",
        ),
        (lambda hdus: _as_floats(hdus["Z_MASK"]), "Z_MASK must be an image of integers"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(tmp_path, change, reason):
    path = write_desi(tmp_path / "coadd-1.fits", targetids=[39, 40], z=[0.1, 0.2])
    with fits.open(path) as hdus:
        change(hdus)
        hdus.writeto(path, overwrite=True)
    try:
        problems = " ".join(raw.problem for raw in read_desi(path, DEFAULT_POLICY))
    except ValueError as error:
        problems = str(error)
    assert reason in problems if reason else not problems.strip()


def test_an_arm_without_a_good_pixel_is_told(tmp_path):
    path = write_desi(tmp_path / "coadd-1.fits", targetids=[39], z=[0.1])
    with fits.open(path) as hdus:
        hdus["R_IVAR"].data[:] = 0
        hdus["B_FLUX"].data[0, 7] = 1e20
        hdus.writeto(path, overwrite=True)
    (raw,) = read_desi(path, DEFAULT_POLICY)
    assert "arm R has no good pixel" in raw.remarks
    assert IMPOSSIBLE_PIXELS in raw.remarks
    assert raw.ivar[7] == 0


def _set(hdus, name, values, kind):
    table = hdus["FIBERMAP"]
    kept = [column for column in table.columns if column.name != name]
    new = fits.Column(name, "D", array=np.array(values, kind))
    hdus["FIBERMAP"] = fits.BinTableHDU.from_columns([*kept, new], name="FIBERMAP")


def _scores(hdus, targets):
    column = fits.Column("TARGETID", "K", array=np.array(targets))
    hdus.append(fits.BinTableHDU.from_columns([column], name="SCORES"))


def _as_floats(hdu):
    hdu.data = hdu.data.astype("f4")
