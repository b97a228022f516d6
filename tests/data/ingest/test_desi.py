"""DESI files: whose redshift is whose, and which rows are one object."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data.ingest.formats import read_file
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
