"""Every real file read as astropy reads it; damaged files told, never guessed at."""

import csv
import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.grid import INSTRUMENTS
from data.ingest.cells import plain_text
from data.ingest.fits.file import FitsFile
from data.ingest.formats import read_file
from data.ingest.pixel_mask import DEFAULT_POLICY
from data.ingest.raw_spectrum import RawSpectrum, lattice
from data.lines.indices import air_to_vacuum
from tests.fixtures.spectrum_files import sdss_columns, write_desi, write_sdss


def read_one(path: Path) -> RawSpectrum:
    (raw,) = read_file(path)
    return raw


def test_every_real_sdss_file_reads_as_astropy_reads_it(real_spectra: Path):
    with (real_spectra / "catalog.csv").open() as table:
        facts = {row["file"]: row for row in csv.DictReader(table)}
    paths = sorted((real_spectra / "sdss").glob("*.fits"))
    assert len(paths) == len(facts) > 100
    for path in paths:
        raw, row = read_one(path), facts[f"sdss/{path.name}"]
        with fits.open(path) as hdus:
            table = hdus[1].data
            np.testing.assert_array_equal(raw.flux, table["flux"])
            np.testing.assert_array_equal(raw.ivar, table["ivar"])
            masked = DEFAULT_POLICY.masked(table["and_mask"])
            np.testing.assert_array_equal(raw.masked, masked)
            grid = INSTRUMENTS[raw.instrument]
            uniform = grid.start + grid.step * raw.pixel
            np.testing.assert_allclose(uniform, table["loglam"], atol=2e-6)
        assert raw.facts["z"] == pytest.approx(float(row["z"]), rel=1e-6)
        assert raw.facts["class"] == row["class"]
        assert raw.facts["subclass"] == row["subclass"]
        assert raw.facts["ra"] == pytest.approx(float(row["ra"]), abs=1e-9)
        assert raw.facts["dec"] == pytest.approx(float(row["dec"]), abs=1e-9)
        assert raw.facts["object_id"] == path.stem.removeprefix("spec-")
        assert (raw.problem == "sky fibre") == (row["is_sky"] == "True")
        beyond_sdss = float(row["wmin"]) < 3784 or float(row["wmax"]) > 9333
        assert raw.instrument == ("boss" if beyond_sdss else "sdss")


def test_files_of_any_name_and_release_read_as_astropy_reads_them(real_spectra: Path):
    folder = real_spectra / "formats"
    paths = [*folder.glob("sdss-spec/*.fits"), *folder.glob("sdss-rm-repeats/*.fits")]
    assert len(paths) >= 11
    for path in paths:
        raw = read_one(path)
        with fits.open(path) as hdus:
            spectrum, facts = hdus[1].data, hdus[2].data[0]
            np.testing.assert_array_equal(raw.flux, spectrum["flux"])
            np.testing.assert_array_equal(raw.ivar, spectrum["ivar"])
            np.testing.assert_array_equal(raw.masked, DEFAULT_POLICY.masked(spectrum["and_mask"]))
            grid = INSTRUMENTS[raw.instrument]
            wave = 10 ** (grid.start + grid.step * raw.pixel)
            np.testing.assert_allclose(wave, 10.0 ** spectrum["loglam"], atol=0.1)
            assert raw.facts["z"] == facts["Z"]
            assert raw.facts["class"] == facts["CLASS"].strip()
            assert (raw.facts["ra"], raw.facts["dec"]) == (facts["PLUG_RA"], facts["PLUG_DEC"])
            key = (int(facts[name]) for name in ("PLATE", "MJD", "FIBERID"))
            assert raw.facts["object_id"] == "{:04d}-{:05d}-{:04d}".format(*key)


def test_a_fit_beside_a_spectrum_is_no_spectrum(real_spectra: Path, tmp_path: Path):
    for path in (real_spectra / "formats/sdss-derived").glob("*.fits"):
        with pytest.raises(ValueError, match="no spectrum: a fit to one"):
            read_one(path)
    columns = sdss_columns()
    del columns["and_mask"]
    columns["MODEL"] = columns["flux"]
    with pytest.raises(ValueError, match="no spectrum: a fit to one"):
        read_one(write_sdss(tmp_path / "spec-0266-51602-0001-results.fits", columns=columns))


@pytest.mark.parametrize(
    "position", [{"RACAT": 146.7, "DECCAT": -1.04}, {"PLUG_RA": 146.7, "PLUG_DEC": -1.04}]
)
@pytest.mark.parametrize("upper", [False, True])
def test_sdss_v_objects_have_their_identifiers_to_the_last_digit(tmp_path: Path, position, upper):
    path = tmp_path / "spec-015078-59187-27021598150202075.fits"
    columns = {k.upper() if upper else k: v for k, v in sdss_columns().items()}
    none = {"PLATE": None, "PLUG_RA": None, "PLUG_DEC": None}
    facts = none | {"FIELD": 15078, "MJD": 59187, "FIBERID": 12, "SDSS_ID": 9007199254740993}
    facts |= {"CATALOGID": 27021598150202075, "OBJTYPE": "science", "PROGRAMNAME": "bhm_rm"}
    raw = read_one(write_sdss(path, columns=columns, **facts | position))
    assert raw.facts["object_id"] == "015078-59187-27021598150202075"
    assert raw.facts["catalogid"] == 27021598150202075
    assert raw.facts["sdss_id"] == 9007199254740993
    assert (raw.facts["ra"], raw.facts["dec"]) == (146.7, -1.04)
    assert raw.facts["program"] == "bhm_rm"


def test_unsigned_identifiers_keep_their_last_digit(tmp_path: Path):
    path = write_sdss(tmp_path / "spec-a.fits", PLATE=None)
    with fits.open(path) as hdus:
        ids = fits.Column("CATALOGID", "K", array=np.array([27021598150202075], "u8"), bzero=2**63)
        field = fits.Column("FIELD", "J", array=np.array([15078]))
        hdus[2] = fits.BinTableHDU.from_columns([*hdus[2].columns, ids, field])
        hdus.writeto(path, overwrite=True)
    assert read_one(path).facts["catalogid"] == 27021598150202075


def test_every_real_desi_file_is_coadded_by_ivar(real_spectra: Path):
    for path in sorted((real_spectra / "desi").glob("coadd-*.fits")):
        for k, raw in enumerate(read_file(path)):
            with fits.open(path) as hdus:
                assert raw.facts["targetid"] == hdus["FIBERMAP"].data["TARGETID"][k]
                weight, weighted = np.zeros((2, 7781))
                for arm, first in (("B", 0), ("R", 2700), ("Z", 4900)):
                    flux, ivar = hdus[f"{arm}_FLUX"].data[k], hdus[f"{arm}_IVAR"].data[k]
                    ivar = np.where(hdus[f"{arm}_MASK"].data[k] == 0, ivar, 0)
                    weight[first : first + len(flux)] += ivar
                    weighted[first : first + len(flux)] += ivar * flux
            np.testing.assert_allclose(raw.ivar, weight, rtol=1e-6)
            np.testing.assert_allclose(raw.flux * raw.ivar, weighted, rtol=1e-4, atol=1e-4)


def test_redrock_gives_the_redshift(real_spectra: Path):
    raw = read_one(real_spectra / "desi" / "coadd-4-80613-thru20210324.fits")
    assert raw.facts["z"] == pytest.approx(0.36874, abs=1e-5)
    assert raw.facts["class"] == "GALAXY"
    assert raw.facts["object_id"] == "39633345008634465"


def test_desi_file_in_a_bad_format_is_told(real_spectra: Path):
    with pytest.raises(ValueError, match="missing parts: .*Z_FLUX"):
        list(read_file(real_spectra / "desi/bad/spectra-main-dark-9144-bad-format.fits"))


def test_desi_fibres_without_target_or_signal_are_problems(real_spectra: Path):
    problems = [raw.problem for raw in read_file(next((real_spectra / "desi").glob("coadd-5-*")))]
    assert [problem.split(":")[0] for problem in problems] == [
        "sky or unassigned fibre",
        "dead fibre",
        "sky or unassigned fibre",
        "sky or unassigned fibre",
        "",
    ]


def test_exposures_of_one_desi_target_are_coadded(tmp_path: Path):
    once = read_one(write_desi(tmp_path / "coadd-1.fits", targetids=[7], z=[0.1]))
    path = write_desi(tmp_path / "spectra-1.fits", targetids=[7, 7])
    with fits.open(path, mode="update") as hdus:
        for arm in "BRZ":
            hdus[f"{arm}_FLUX"].data[1] = hdus[f"{arm}_FLUX"].data[0]
    twice = read_one(path)
    np.testing.assert_allclose(twice.ivar, 2 * once.ivar)
    with fits.open(path) as hdus:
        np.testing.assert_allclose(twice.flux[:2700], hdus["B_FLUX"].data[0][:2700], rtol=1e-6)


def test_a_desi_file_cut_anywhere_is_told_or_complete(tmp_path: Path, rng):
    path = write_desi(tmp_path / "coadd-1.fits", targetids=[5, 6], z=[0.1, 0.2])
    whole, content = list(read_file(path)), path.read_bytes()
    messages = []
    for cut in sorted(rng.integers(1, len(content), 40).tolist()):
        path.write_bytes(content[:cut])
        try:
            raws = list(read_file(path))
        except (ValueError, OSError) as error:
            messages.append(str(error))
            continue
        for raw, expected in zip(raws, whole, strict=True):
            np.testing.assert_array_equal(raw.flux, expected.flux)
    assert len(messages) > 30
    assert all(messages)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("B_IVAR", lambda data: data[:, :-1], "bad shape: B_FLUX and B_IVAR"),
        ("R_FLUX", lambda data: data[:1], "bad shape: R_FLUX"),
        ("Z_WAVELENGTH", lambda data: data[::-1], "must increase"),
        ("Z_WAVELENGTH", lambda data: data + 0.4, "resample first"),
    ],
)
def test_desi_parts_that_do_not_fit_are_told(tmp_path: Path, name, change, message):
    path = write_desi(tmp_path / "coadd-1.fits", targetids=[5, 6])
    with fits.open(path) as hdus:
        hdus[name].data = change(hdus[name].data).copy()
        hdus.writeto(path, overwrite=True)
    with pytest.raises(ValueError, match=message):
        list(read_file(path))


def test_a_big_desi_file_is_read_in_parts_alike(tmp_path: Path, monkeypatch):
    path = write_desi(tmp_path / "coadd-1.fits", targetids=[5, 6, 7, 8, 9])
    whole = list(read_file(path))
    monkeypatch.setattr("data.ingest.desi.spectra.N_TARGET", 2)
    parts = list(read_file(path))
    assert [raw.facts["targetid"] for raw in parts] == [5, 6, 7, 8, 9]
    for part, expected in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(part.flux, expected.flux)


FORMATS = st.sampled_from(["u1", ">i2", ">i4", ">i8", ">f4", ">f8", "S3", "?", ">u2", ">u4"])


@given(
    formats=st.lists(FORMATS, min_size=1, max_size=8),
    n_row=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_columns_of_any_type_equal_those_of_astropy(tmp_path: Path, formats, n_row, seed):
    rng = np.random.default_rng(seed)
    table = np.zeros(n_row, dtype=[(f"Col{i}", form) for i, form in enumerate(formats)])
    for name in table.dtype.names or ():
        table[name] = rng.integers(0, 100, n_row)
    path = tmp_path / "table.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(table)]).writeto(path, overwrite=True)
    with FitsFile(path) as file:
        file.next_unit()
        unit = file.next_unit()
        assert unit is not None
        columns = file.read(unit, [f"col{i}" for i in range(len(formats))])
        assert file.next_unit() is None
    for i, form in enumerate(formats):
        expected = table[f"Col{i}"]
        if form == "?":
            expected = np.where(expected, b"T", b"F")
        np.testing.assert_array_equal(columns[f"col{i}"], expected)


def test_a_file_cut_anywhere_is_told_or_complete(tmp_path: Path, rng):
    path = write_sdss(tmp_path / "spec-whole.fits")
    whole, content = read_one(path), path.read_bytes()
    header_ends = [2880 * k + d for k in range(6) for d in (-1, 0, 1, 80)]
    cuts = {c for c in header_ends if c > 0} | set(rng.integers(1, len(content), 60).tolist())
    cut_path = tmp_path / "spec-cut.fits"
    messages = []
    for cut in sorted(cuts):
        cut_path.write_bytes(content[:cut])
        try:
            raw = read_one(cut_path)
        except ValueError as error:
            messages.append(str(error))
            continue
        np.testing.assert_array_equal(raw.flux, whole.flux)
        facts = whole.facts | {"object_id": raw.facts["object_id"]}
        assert math.isnan(raw.facts["z"]) or raw.facts == facts
    assert len(messages) > 50
    told = ("truncated", "not a FITS", "file is empty", "no spectrum")
    assert [message for message in messages if not message.startswith(told)] == []


def test_bytes_changed_in_a_header_never_crash_the_reader(tmp_path: Path, rng):
    content = bytearray(write_sdss(tmp_path / "spec-a.fits").read_bytes())
    path = tmp_path / "spec-b.fits"
    messages = []
    for _ in range(200):
        damaged = bytearray(content)
        for place in rng.integers(0, 2880 * 3, 8):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            list(read_file(path))
        except ValueError as error:  # any other exception fails the test
            messages.append(str(error))
    assert messages
    assert all(messages)


def test_a_header_that_promises_more_than_the_file_holds_allocates_nothing(tmp_path: Path):
    content = write_sdss(tmp_path / "spec-a.fits").read_bytes()
    old = b"NAXIS2  =                 3840"
    assert old in content
    path = tmp_path / "spec-huge.fits"
    path.write_bytes(content.replace(old, b"NAXIS2  =        9000000000000"))
    with pytest.raises(ValueError, match="truncated FITS file: its table lacks"):
        list(read_file(path))


def test_compressed_file_reads_as_the_plain_one(tmp_path: Path):
    path = write_sdss(tmp_path / "spec-a.fits")
    packed = tmp_path / "spec-a.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_one(packed).flux, read_one(path).flux)
    packed.write_bytes(packed.read_bytes()[:5000])
    with pytest.raises(ValueError, match="damaged gzip"):
        list(read_file(packed))


def test_text_and_empty_files_are_told(tmp_path: Path):
    path = tmp_path / "spec-a.fits"
    for content, message in ((b"", "file is empty"), (b"hello, world\n" * 99, "not a FITS file")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            list(read_file(path))
    with pytest.raises(ValueError, match="it is a folder"):
        list(read_file(tmp_path))


@pytest.mark.parametrize("name", ["flux", "loglam", "ivar"])
def test_missing_column_is_named(tmp_path: Path, name: str):
    columns = sdss_columns()
    del columns[name]
    with pytest.raises(ValueError, match=f"missing columns: {name}"):
        list(read_file(write_sdss(tmp_path / "spec-a.fits", columns=columns)))


def test_ivar_of_another_shape_is_told(tmp_path: Path):
    columns = sdss_columns()
    columns["ivar"] = np.stack([columns["ivar"]] * 2, axis=1)
    with pytest.raises(ValueError, match="bad shape"):
        list(read_file(write_sdss(tmp_path / "spec-a.fits", columns=columns)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[::-1], "must increase"),
        (lambda x: x + np.float32(4e-5), "resample first"),
        (lambda x: 10**x, "bad wavelengths"),
        (lambda x: x * np.float32(1e30), "not optical wavelengths"),
        (lambda x: x * np.nan, "not optical wavelengths"),
        (lambda x: np.full_like(x, 3.6), "must increase"),
    ],
    ids=["reversed", "half pixel off", "not a logarithm", "huge", "nan", "constant"],
)
def test_wavelengths_off_the_grid_are_told(tmp_path: Path, change, message):
    columns = sdss_columns()
    columns["loglam"] = change(columns["loglam"])
    with pytest.raises(ValueError, match=message):
        list(read_file(write_sdss(tmp_path / "spec-a.fits", columns=columns)))


@given(first=st.integers(-500, 3000), n_pixel=st.integers(2, 900))
def test_lattice_is_the_inverse_of_the_grid(first, n_pixel):
    for grid in INSTRUMENTS.values():
        pixel = np.arange(first, first + n_pixel)
        np.testing.assert_array_equal(lattice(grid.start + grid.step * pixel, grid), pixel)


def test_text_stays_text(tmp_path: Path):
    script = "<script>alert(1)</script>"
    raw = read_one(write_sdss(tmp_path / "spec-a.fits", SUBCLASS=script))
    assert raw.facts["subclass"] == script
    raw = read_one(write_sdss(tmp_path / "spec-b.fits", SUBCLASS=b"Gal\xe9\x00\n\xff"))
    assert raw.facts["subclass"] == "Galé"[:4] + "  ÿ"
    assert plain_text(b" a\x1b[31m\tb ") == "a [31m b"


def test_header_bytes_beyond_ascii_are_no_obstacle(tmp_path: Path):
    path = write_sdss(tmp_path / "spec-a.fits")
    content = path.read_bytes()
    card = b"EXTNAME = 'COADD   '"
    assert card in content
    path.write_bytes(content.replace(card, b"EXTNAME = 'CO\xff\xfeDD  '"[: len(card)]))
    assert read_one(path).facts["z"] == pytest.approx(0.1)


@pytest.mark.parametrize("facts", [{"SOURCETYPE": "SKY"}, {"ZWARNING": 1}, {"ZWARNING": 13}])
def test_sky_fibres_are_recognised(tmp_path: Path, facts):
    assert read_one(write_sdss(tmp_path / "spec-a.fits", **facts)).problem == "sky fibre"


def test_values_the_pipeline_could_not_measure_are_nan(tmp_path: Path):
    raw = read_one(write_sdss(tmp_path / "spec-a.fits", VDISP=0.0, Z_ERR=-1.0, Z=None))
    assert math.isnan(raw.facts["vdisp"])
    assert math.isnan(raw.facts["z_err"])
    assert math.isnan(raw.facts["z"])


def test_other_fits_files_are_told(tmp_path: Path):
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(path)
    with pytest.raises(ValueError, match=r"known format: it has PRIMARY \(image \(4, 4\)\)"):
        list(read_file(path))
    table = fits.BinTableHDU(np.zeros(3, [("MAG", "f4"), ("NAME", "S4")]), name="STARS")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)
    with pytest.raises(ValueError, match=r"STARS \(table of MAG, NAME\); it is like none of those"):
        list(read_file(path))


@pytest.mark.parametrize(
    ("unit", "cards", "step", "error"),
    [
        ("uJy", {}, 1e-4, "ivar"),
        ("1e-16 erg/(s cm2 AA)", {}, 1e-4, "ivar"),
        ("1e-17 erg/(s cm2 AA)", {"AIRORVAC": "air"}, 1e-4, "ivar"),
        ("1e-17 erg/(s cm2 AA)", {}, 2e-4, "ivar"),
        ("1e-17 erg/(s cm2 AA)", {}, 1e-4, "err"),
        ("1e-17 erg/(s cm2 AA)", {}, -1e-4, "ivar"),
    ],
)
def test_columns_named_as_in_sdss_are_read_as_they_say(tmp_path: Path, unit, cards, step, error):
    loglam = 3.6 + step * np.arange(3000) if step > 0 else 3.9 + step * np.arange(3000)
    wave = 10**loglam
    columns = [
        fits.Column("loglam", "D", array=loglam),
        fits.Column("flux", "D", array=np.full(3000, 5.0), unit=unit),
        fits.Column(error, "D", array=np.full(3000, 4.0)),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(cards)
    path = tmp_path / "own.fits"
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    raw = read_one(path)
    own = raw.wave if raw.wave is not None else INSTRUMENTS[raw.instrument].wave[raw.pixel]
    expected = np.sort(air_to_vacuum(wave) if cards else wave)
    np.testing.assert_allclose(own, expected, rtol=1e-7)
    factor = {"uJy": 2.99792458e-5 * 1e-6 / 1e-17 / expected**2 * 5, "1e-16 erg/(s cm2 AA)": 50.0}
    np.testing.assert_allclose(raw.flux, factor.get(unit, 5.0), rtol=1e-6)
    assert not raw.masked.any()
