"""Users' catalogues in the layouts they come in, read to the last digit."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from data.ingest.catalog.columns import standardise
from data.ingest.catalog.external_catalog import Catalog
from data.ingest.catalog.missing import no_value
from data.ingest.catalog.table_file import GSWLC, read_table_file

TARGETS = [39627745524713206, 39627745524713207, 27021598150202075]
"""Identifiers that a floating-point number does not hold."""


def catalog(path: Path, **settings) -> Catalog:
    return Catalog(path, match=settings.pop("match", "id"), **settings)


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "suffix", [".csv", ".csv.gz", ".parquet", ".fits", ".ecsv", ".vot", ".txt"]
)
def test_identifiers_survive_to_the_last_digit_though_some_are_missing(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    ids = pd.array([*TARGETS, None], dtype="Int64")
    frame = pd.DataFrame({"TARGETID": [1, 2, 3, 4], "CATALOGID": ids, "note": list("abcd")})
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".csv":
        frame.to_csv(path, index=False)
    elif suffix in (".csv.gz", ".txt"):
        content = frame.to_csv(index=False, sep="," if suffix == ".csv.gz" else "\t").encode()
        path.write_bytes(gzip.compress(content) if suffix == ".csv.gz" else content)
    else:
        column = MaskedColumn([*TARGETS, 0], mask=[False] * 3 + [True], name="CATALOGID")
        column.fill_value = -1
        table = Table({"TARGETID": [1, 2, 3, 4], "CATALOGID": column, "note": list("abcd")})
        table.write(path, format="votable" if suffix == ".vot" else None)
    found = catalog(path).columns_for(np.array([2, -1, 0, 3]))
    assert found["catalogid"].isna().tolist() == [False, True, False, True]
    assert [int(found["catalogid"][row]) for row in (0, 2)] == [TARGETS[2], TARGETS[0]]


def test_an_empty_cell_in_a_key_column_leaves_the_other_rows_found(tmp_path):
    path = text(
        tmp_path / "a.csv", "plate,mjd,fiberid,x\n266,51602,1,0.5\n,51602,2,\n267,51602,3,1\n"
    )
    found = catalog(path)
    rows = [
        found.find(object_id=f"{p:04d}-51602-{f:04d}", ra=0, dec=0) for p, f in ((266, 1), (267, 3))
    ]
    assert rows == [0, 2]
    path = text(tmp_path / "b.csv", f"targetid,x\n{TARGETS[0]},1\n,2\n{TARGETS[1]},3\n")
    assert [catalog(path).find(object_id=str(TARGETS[k]), ra=0, dec=0) for k in (0, 1)] == [0, 2]


def test_identifiers_that_lost_their_digits_are_refused(tmp_path):
    path = text(tmp_path / "a.csv", "targetid,x\n3.9627745E+16,1\n")
    with pytest.raises(ValueError, match="lost their last digits"):
        catalog(path)


def test_mpa_jhu(tmp_path):
    path = tmp_path / "mpa.fits"
    Table(
        {
            "PLATEID": np.array([266, 266], "i4"),
            "MJD": np.array([51602, 51602], "i4"),
            "FIBERID": np.array([1, 2], "i4"),
            "RA": [10.0, 11.0],
            "DEC": [0.0, 1.0],
            "Z": np.array([0.1, 0.2], "f4"),
            "LGM_TOT_P50": np.array([10.5, -9999], "f4"),
            "SPECSFR_TOT_P50": np.array([-11.5, -9999], "f4"),
        }
    ).write(path)
    found = catalog(path)
    assert found.find(object_id="0266-51602-0002", ra=0, dec=0) == 1
    np.testing.assert_allclose(found.table["log_mass"], [10.5, np.nan])
    np.testing.assert_allclose(found.table["log_ssfr"], [-11.5, np.nan])


@pytest.mark.parametrize("header", ["", "# ", "none"])
def test_gswlc_with_and_without_names(tmp_path, header):
    row = dict.fromkeys(GSWLC, "0.1") | {
        "ObjID": "1237648720693755918", "plate": "266", "MJD": "51602", "fiber_ID": "5",
        "RA": "146.7", "DEC": "-1.0", "z": "0.05", "logMstar": "10.2", "logSFR_SED": "-0.3",
        "A_V": "-99",
    }  # fmt: skip
    other = row | {"fiber_ID": "6", "A_V": "0.4", "logMstar": "-99"}
    lines = [] if header == "none" else [header + " ".join(GSWLC)]
    path = tmp_path / "GSWLC-X2.dat"
    path.write_text("\n".join([*lines, " ".join(row.values()), " ".join(other.values())]))
    found = catalog(path)
    assert found.find(object_id="0266-51602-0006", ra=0, dec=0) == 1
    np.testing.assert_allclose(found.table["log_mass"], [10.2, np.nan])
    np.testing.assert_allclose(found.table["log_ssfr"], [-10.5, np.nan])
    np.testing.assert_allclose(found.table["a_v"], [np.nan, 0.4])
    assert found.table["objid"][0] == 1237648720693755918


@pytest.mark.parametrize("second", ["FASTSPEC", "METADATA"])
def test_fastspecfit_holds_its_tables_side_by_side(tmp_path, second):
    metadata = {"TARGETID": TARGETS[:2], "SURVEY": ["main", "main"], "Z": [0.1, 0.2]}
    masses = {"TARGETID": TARGETS[:2], "LOGMSTAR": [9.5, 11.0], "SFR": [1.0, 0.0], "AV": [0.3, 0.1]}
    tables = {"METADATA": metadata, "SPECPHOT": masses}
    if second == "FASTSPEC":
        tables = {"FASTSPEC": masses, "METADATA": metadata}
    path = tmp_path / "fastspec.fits.gz"
    hdus = [fits.table_to_hdu(Table(columns)) for columns in tables.values()]
    for hdu, name in zip(hdus, tables, strict=True):
        hdu.name = name
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    found = catalog(path)
    row = found.find(object_id=str(TARGETS[1]), ra=0, dec=0)
    assert found.redshift(row) == 0.2
    assert found.table["log_mass"][row] == 11.0
    np.testing.assert_allclose(found.table["log_ssfr"], [-9.5, np.nan])
    np.testing.assert_allclose(found.table["a_v"], [0.3, 0.1])


def test_tables_of_one_file_that_do_not_belong_together_are_asked_for(tmp_path):
    path = tmp_path / "two.fits"
    hdus = [fits.table_to_hdu(Table({"TARGETID": TARGETS[:n], "Z": [0.1] * n})) for n in (1, 2)]
    hdus[0].name, hdus[1].name = "ONE", "TWO"
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    with pytest.raises(ValueError, match="several tables: ONE .1 rows., TWO .2 rows.; .*--table"):
        catalog(path)
    assert len(catalog(path, table="two")) == 2


def test_provabgs(tmp_path):
    path = tmp_path / "provabgs.fits"
    Table(
        {
            "TARGETID": TARGETS[:2],
            "Z_HP": [0.1, 0.2],
            "PROVABGS_LOGMSTAR_BF": np.array([10.0, 0.0], "f4"),
            "PROVABGS_MCMC": np.zeros((2, 5)),
            "PROVABGS_AVG_SFR_1GYR_BF": [1.0, 2.0],
        }
    ).write(path)
    found = catalog(path)
    assert found.redshift(0) == 0.1
    np.testing.assert_allclose(found.table["log_mass"], [10.0, np.nan])
    np.testing.assert_allclose(found.table["log_ssfr"][0], -10.0)


def test_skyserver_with_its_first_line_and_z_as_redshift(tmp_path):
    content = (
        "#Table1\nra,dec,objid,z,plate,mjd,fiberID,specobjid\n"
        "2.02,14.8,1237652943176138868,0.0456,751,52251,160,845594848269461504\n"
    )
    found = catalog(text(tmp_path / "xid.txt", content))
    assert found.find(object_id="0751-52251-0160", ra=0, dec=0) == 0
    assert found.redshift(0) == 0.0456
    assert int(found.table["specobjid"][0]) == 845594848269461504


def test_z_beside_redshift_is_the_magnitude(tmp_path):
    content = "plate,mjd,fiberid,u,g,r,i,z,redshift\n266,51602,1,19.5,18.2,17.5,17.1,16.9,0.08\n"
    path = text(tmp_path / "a.csv", content)
    found = catalog(path)
    assert found.redshift(0) == 0.08
    assert found.table["z_catalog"][0] == 16.9
    assert "z is taken from redshift" in found.told
    only_magnitude = standardise(read_table_file(path).drop(columns="redshift"))
    assert "z" not in only_magnitude.frame


def test_two_redshifts_that_differ_are_asked_for(tmp_path):
    content = "object_id,z,zspec\na,0.1,0.1\nb,0.2,0.5\nc,0.3,0.9\n"
    path = text(tmp_path / "a.csv", content)
    with pytest.raises(ValueError, match="z and zspec could both be the redshift"):
        catalog(path)
    assert catalog(path, columns={"z": "zspec"}).redshift(2) == 0.9
    with pytest.raises(ValueError, match="the table has no column nothing"):
        catalog(path, columns={"z": "nothing"})


def test_vizier_positions_in_hours_minutes_and_seconds(tmp_path):
    path = tmp_path / "viz.vot"
    Table({"RA_ICRS": ["10 00 00.0", "10 00 04"], "DE_ICRS": ["-02 30 00", "+02 00 00"]}).write(
        path, format="votable"
    )
    found = catalog(path, match="radec")
    np.testing.assert_allclose(found.table["ra"], [150.0, 150.0 + 4 / 240], rtol=0, atol=1e-9)
    assert found.find(object_id="", ra=150.0, dec=-2.5) == 0
    degrees = tmp_path / "deg.vot"
    Table({"RAJ2000": [150.0], "DEJ2000": [2.0]}).write(degrees, format="votable")
    assert catalog(degrees, match="radec").find(object_id="", ra=150.0001, dec=2.0) == 0


def test_right_ascension_in_hours(tmp_path):
    path = tmp_path / "h.ecsv"
    table = Table({"ra": [10.0], "dec": [2.0]})
    table["ra"].unit = "h"
    table.write(path)
    assert catalog(path, match="radec").find(object_id="", ra=150.0, dec=2.0) == 0
    plain = catalog(text(tmp_path / "h.csv", "ra,dec\n10.0,2.0\n"), match="radec")
    with pytest.raises(ValueError, match="may be hours"):
        plain.coverage(np.array([-1, -1]), ["a", "b"])


def test_a_join_that_finds_few_says_so(tmp_path):
    found = catalog(text(tmp_path / "a.csv", "object_id,x\na,1\nb,2\nb,3\n"))
    assert found.coverage(np.array([0, 1, 1]), ["a", "b", "c"]) == [
        "catalogue: 3 of 3 objects found in it, 2 of its 3 rows used"
    ]
    assert "fewer than half" in found.coverage(np.array([0, -1, -1]), ["a", "b", "c"])[1]
    with pytest.raises(
        ValueError, match="has none of the 2 objects; its identifiers look like a, b"
    ):
        found.coverage(np.array([-1, -1]), ["a", "b"])
    assert any("1 rows repeat an identifier" in line for line in found.told)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ([-99, 10.1, 11.0], [True, False, False]),
        ([-9999, -99, 3.0], [True, True, False]),
        ([-99, -120.0, 45.0], [False, False, False]),  # velocities
        ([-99, -98.0, 45.0], [False, False, False]),
        ([1e20, 1.0, -1e30], [True, False, True]),
        ([1e20, 1e20], [True, True]),
        ([3e41, 5e40, -99], [False, False, True]),  # erg/s
        ([-999, np.nan, -999], [True, False, True]),
    ],
)
def test_sentinels_stand_apart_from_values(values, wrong):
    assert no_value(np.array(values, float)).tolist() == wrong


def test_several_tables_of_a_votable_are_asked_for(real_spectra):
    path = real_spectra / "formats" / "catalogue" / "viz.xml"
    with pytest.raises(ValueError, match="231 tables: .*--table"):
        read_table_file(path)
    one = read_table_file(path, table="I/239/hip_main")
    assert one["_RAJ2000"][0] == pytest.approx(101.287155)


def test_real_catalogues(real_spectra):
    folder = real_spectra / "formats" / "catalogue"
    sky = standardise(read_table_file(folder / "skyserver-2000-rows.csv"))
    raw = pd.read_csv(folder / "skyserver-2000-rows.csv")
    np.testing.assert_array_equal(sky.frame["z"], raw["redshift"])
    tractor = standardise(read_table_file(folder / "tractor-1054p567.fits"))
    assert {"ra", "dec"} <= set(tractor.frame.columns)
    stars = standardise(read_table_file(folder / "kang2010.xml"))
    assert stars.source["a_v"] == "AV"
    assert "log_mass" not in stars.frame


def test_identifiers_that_differ_in_zeros_are_two(tmp_path):
    found = catalog(text(tmp_path / "a.csv", "object_id,z\ngal-01,0.1\ngal-1,0.2\n0266-1-07,0.3\n"))
    names = ("gal-01", "gal-1", "gal-001", "266-1-7")
    assert [found.find(object_id=name, ra=0, dec=0) for name in names] == [0, 1, -1, 2]


@pytest.mark.parametrize(
    ("path", "rows"),
    [("g0/s.fits", [0, -1]), ("elsewhere/s.fits", [-1, -1]), ("s.fits", [0, 0])],
)
def test_a_path_with_a_folder_is_that_of_one_file(tmp_path, path, rows):
    found = catalog(text(tmp_path / "a.csv", f"path,z\n{path},0.1\n"))
    files = [f"/moved/{folder}/s.fits" for folder in ("g0", "g1")]
    assert [found.find(object_id="x", ra=0, dec=0, file=file) for file in files] == rows
    if rows == [0, 0]:
        with pytest.raises(ValueError, match="without its folder"):
            found.coverage(np.array(rows), files)


def test_right_ascensions_may_be_negative(tmp_path):
    path = text(tmp_path / "a.csv", "ra,dec,spec_z\n-30.5,1,0.1\n")
    found = catalog(path, match="radec")
    assert found.redshift(found.find(object_id="", ra=329.5, dec=1.0)) == 0.1


def test_decimal_commas_of_a_spreadsheet_are_numbers(tmp_path):
    found = catalog(text(tmp_path / "a.csv", "object_id;z;mass\na;0,1;10,5\nb;0,25;\n"))
    assert found.redshift(1) == 0.25
    assert found.number("mass", 0) == 10.5
