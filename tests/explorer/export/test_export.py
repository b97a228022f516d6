"""Exports read back equal; the standards' own checkers accept them."""

import shutil
import subprocess
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.io import fits, votable
from astropy.table import Table
from matplotlib import rcParams
from PIL import Image

from data.columns import COLUMNS
from explorer.export.export import MAX_SPECTRA, export_spectra, export_table
from explorer.export.figures import map_figure, spectrum_figure
from explorer.map.image import MapRequest
from explorer.map.raster import Viewport
from explorer.spectrum.inspection import inspect
from explorer.state.dataset import Dataset
from explorer.state.planes import plane_of
from tests.fixtures.explorer import on_two_grids, open_tiny

ROWS = np.array([3, 50, 7])


def hostile(path: Path) -> Dataset:
    """Return an atlas with what breaks tables: 19 digits, commas, quotes, tags, gaps, accents."""
    ids = [str(2**62 + row) for row in range(120)]
    words = [
        "a,b",
        'say "so"',
        "<TD>&amp;</TD>",
        "\N{GREEK SMALL LETTER ALPHA} line\nnext",
        "",
    ] * 24
    count = pd.array([row if row % 2 else None for row in range(120)], dtype="Int64")
    return open_tiny(path, object_id=ids, subclass=words, count=count, flag=[True, False] * 60)


@pytest.mark.parametrize("kind", ["csv", "fits", "votable", "ecsv"])
@pytest.mark.parametrize("rows", [ROWS, np.array([], dtype=np.int64)])
def test_table_reads_back_equal(tiny_atlas_path: Path, kind: str, rows: np.ndarray) -> None:
    dataset = hostile(tiny_atlas_path)
    exported = export_table(dataset, rows, kind)
    stream = BytesIO(exported.content)
    catalog = dataset.catalog.iloc[rows]
    if kind == "csv":
        back = Table.from_pandas(pd.read_csv(stream, dtype={"object_id": str}))
    elif kind == "fits":
        back = Table.read(stream, hdu="CATALOG", character_as_bytes=False)
    elif kind == "votable":
        back = votable.parse_single_table(stream).to_table()
    else:
        back = Table.read(stream.read().decode(), format="ascii.ecsv")
    assert back.colnames == list(catalog.columns)
    assert [str(item) for item in back["object_id"]] == list(catalog["object_id"])
    np.testing.assert_allclose(np.asarray(back["z"], dtype=float), catalog["z"], rtol=1e-12)
    mass = np.ma.filled(np.ma.asarray(back["log_mass"], dtype=float), np.nan)
    np.testing.assert_allclose(mass, catalog["log_mass"])
    if len(rows) and kind == "fits":
        assert [item is np.ma.masked for item in back["count"]] == list(catalog["count"].isna())
    if len(rows) and kind in ("votable", "ecsv"):
        assert list(back["subclass"]) == list(catalog["subclass"])
        assert [item is np.ma.masked for item in back["count"]] == list(catalog["count"].isna())


@pytest.mark.filterwarnings("ignore:OverflowError converting to IntType")
@pytest.mark.parametrize("kind", ["csv", "fits", "votable", "ecsv"])
@pytest.mark.parametrize(
    ("values", "written"),
    [
        (pd.array([4, 5, None] * 40, dtype="UInt8"), [4, 5, None]),
        (np.array([4, 5, 6] * 40, dtype=np.uint16), [4, 5, 6]),
        (np.array([4, 5, 2**32 - 1] * 40, dtype=np.uint32), [4, 5, 2**32 - 1]),
        (np.array([4, 5, 2**63 - 1] * 40, dtype=np.uint64), [4, 5, 2**63 - 1]),
        (pd.array([2**63 + 1, 2**64 - 1, None] * 40, dtype="UInt64"), [2**63 + 1, 2**64 - 1, None]),
        (np.array([-4, 5, 6] * 40, dtype=np.int8), [-4, 5, 6]),
        (pd.array([False, True, None] * 40, dtype="boolean"), [0, 1, None]),
        (np.array([0.5, 0.25, np.nan] * 40, dtype=np.float16), [0.5, 0.25, None]),
    ],
)
def test_every_type_of_number_is_written(
    tiny_atlas_path: Path, kind: str, values: object, written: list[float | None]
) -> None:
    dataset = open_tiny(tiny_atlas_path)
    dataset.catalog["number"] = values
    content = export_table(dataset, np.arange(3), kind).content
    format_name = {"ecsv": "ascii.ecsv"}.get(kind, kind)
    options = {"hdu": "CATALOG"} if kind == "fits" else {}
    column = Table.read(BytesIO(content), format=format_name, **options)["number"]
    assert [_number(value) for value in column] == written


def _number(value: object) -> float | None:
    """Return a table cell as a number; integers beyond 64 bits are written as text."""
    if value is np.ma.masked or value in ("", b"") or value != value:  # noqa: PLR0124 - NaN
        return None
    return int(value) if isinstance(value, str | bytes) else value  # type: ignore[return-value]


def test_spectra_are_in_flux_units_again(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    spectra = dataset.atlas.source.read(ROWS)
    norm = dataset.catalog["norm"].to_numpy()[ROWS][:, None]
    with fits.open(BytesIO(export_spectra(dataset, ROWS).content), checksum=True) as hdus:
        names = [hdu.name for hdu in hdus]
        assert names == ["PRIMARY", "WAVE", "FLUX", "IVAR", "MODEL", "CATALOG"]
        np.testing.assert_allclose(hdus["WAVE"].data, spectra.wave)
        np.testing.assert_allclose(hdus["FLUX"].data, spectra.flux * norm, rtol=1e-5)
        np.testing.assert_allclose(hdus["IVAR"].data, spectra.ivar / norm**2, rtol=1e-5)
        flux_unit = units.Unit(hdus["FLUX"].header["BUNIT"], format="fits")
        assert flux_unit == units.Unit("1e-17 erg / (s cm2 Angstrom)")
        assert units.Unit(hdus["IVAR"].header["BUNIT"], format="fits") == flux_unit**-2
        assert list(hdus["CATALOG"].data["object_id"]) == list(dataset.ids[ROWS])


def test_spectra_of_several_grids_have_hdus_of_their_own(tiny_atlas_path: Path) -> None:
    dataset = on_two_grids(open_tiny(tiny_atlas_path))
    rows = np.array([3, 90, 7])
    with fits.open(BytesIO(export_spectra(dataset, rows).content)) as hdus:
        names = [hdu.name for hdu in hdus]
        parts = ("WAVE", "FLUX", "IVAR", "MODEL", "CATALOG")
        assert names == ["PRIMARY"] + [
            f"{part}_{grid}" for grid in ("LONG", "SHORT") for part in parts
        ]
        assert list(hdus["CATALOG_LONG"].data["object_id"]) == list(dataset.ids[[3, 7]])
        norm = dataset.catalog["norm"].to_numpy()[90]
        one = dataset.atlas.source.read([90])
        np.testing.assert_allclose(hdus["FLUX_SHORT"].data, one.flux * norm, rtol=1e-5)
        assert len(hdus["WAVE_SHORT"].data) == one.grid.n_pixel


@pytest.mark.parametrize("n_row", [0, MAX_SPECTRA + 1])
def test_too_many_or_no_spectra_are_refused(tiny_atlas_path: Path, n_row: int) -> None:
    with pytest.raises(ValueError, match="spectra of 1 to 5,000 objects can be exported"):
        export_spectra(open_tiny(tiny_atlas_path), np.zeros(n_row, dtype=np.int64))


def test_unknown_kind_is_refused(tiny_atlas_path: Path) -> None:
    with pytest.raises(ValueError, match="kind must be 'csv'"):
        export_table(open_tiny(tiny_atlas_path), ROWS, "xlsx")


def test_fits_takes_names_that_are_not_ascii(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path, Z=1.0, **{"\N{GREEK CAPITAL LETTER DELTA}z": 2.0})
    for content in (
        export_table(dataset, ROWS, "fits").content, export_spectra(dataset, ROWS).content
    ):  # fmt: skip
        table = Table.read(BytesIO(content), hdu="CATALOG")
        np.testing.assert_allclose(table["z"], dataset.catalog["z"].iloc[ROWS])
        np.testing.assert_array_equal(table["Z_2"], 1)
        np.testing.assert_array_equal(table["u0394z"], 2)


def test_a_spreadsheet_computes_nothing_of_a_csv(tiny_atlas_path: Path) -> None:
    ids = [f"-{row}" for row in range(119)] + ["=id"]
    words = ["=1+1", "-5", "@x", "plain"] * 30
    dataset = open_tiny(tiny_atlas_path, object_id=ids, subclass=words, **{"=cmd": 1.0})
    exported = export_table(dataset, np.array([0, 1, 2, 119]), "csv")
    back = pd.read_csv(BytesIO(exported.content), dtype={"subclass": str})
    assert list(back["object_id"]) == ["-0", "-1", "-2", "=id"]
    assert list(back["subclass"]) == ["'=1+1", "-5", "'@x", "plain"]
    assert "'=cmd" in back
    assert back["log_mass"].dtype == float


def test_votable_is_valid_by_astropy(tiny_atlas_path: Path) -> None:
    content = export_table(hostile(tiny_atlas_path), ROWS, "votable").content
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        votable.parse(BytesIO(content), verify="exception")


def test_exported_columns_have_unit_ucd_and_meaning(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(
        tiny_atlas_path, vdisp=120.0, age=3.0, ew_halpha=9.0, r_mag=17.0,
        flux_halpha=3.0, chi2_worst_wave=5000.0,
    )  # fmt: skip
    content = export_table(dataset, ROWS, "votable").content
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = votable.parse(BytesIO(content), verify="exception").get_first_table()
    fields = {field.name: field for field in table.fields}
    for name, unit in (("vdisp", "km / s"), ("age", "Gyr"), ("r_mag", "mag")):
        assert fields[name].unit == units.Unit(unit)
        assert fields[name].description == COLUMNS[name].description
        assert fields[name].ucd == COLUMNS[name].ucd
    for name in ("ew_halpha", "chi2_worst_wave", "flux_halpha", "norm"):
        same = units.Unit(fields[name].unit).to(units.Unit(COLUMNS[name].unit))
        assert same == pytest.approx(1, rel=1e-12)
    score = dataset.atlas.scores[0]
    assert fields[score.column].description == score.label
    assert fields["activity"].description == "activity"  # a column of the user's own


def test_votable_passes_votlint(tiny_atlas_path: Path, tmp_path: Path) -> None:
    if shutil.which("stilts") is None:
        pytest.skip("stilts is not installed (Debian package topcat/stilts)")
    path = tmp_path / "selection.vot"
    path.write_bytes(export_table(hostile(tiny_atlas_path), ROWS, "votable").content)
    run = subprocess.run(
        ["stilts", "votlint", str(path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "ERROR" not in run.stdout + run.stderr
    assert "WARNING" not in run.stdout + run.stderr


@pytest.mark.parametrize("what", ["table", "spectra"])
def test_fits_passes_fitsverify(tiny_atlas_path: Path, tmp_path: Path, what: str) -> None:
    if shutil.which("fitsverify") is None:
        pytest.skip("fitsverify is not installed (Debian package ftools-fv or fitsverify)")
    dataset = hostile(tiny_atlas_path)
    exported = (
        export_spectra(open_tiny(tiny_atlas_path), ROWS)
        if what == "spectra"
        else export_table(dataset, ROWS, "fits")
    )
    path = tmp_path / exported.name
    path.write_bytes(exported.content)
    run = subprocess.run(["fitsverify", str(path)], capture_output=True, text=True, check=False)
    assert "found 0 warning(s) and 0 error(s)" in run.stdout, run.stdout


@pytest.mark.parametrize("colour", ["z", "class", "density"])
def test_map_figure_is_an_image(tiny_atlas_path: Path, colour: str) -> None:
    dataset = open_tiny(tiny_atlas_path, **{"class": "costs $5 <b>"})
    plane = plane_of(dataset, "umap")
    request = MapRequest(
        plane=plane, colour=colour, colour_scale="eq_hist", clip=(1, 99), palette="magma",
        shown=None, subset=None, dark=True,
    )  # fmt: skip
    viewport = Viewport(
        x0=float(plane.x.min()), x1=float(plane.x.max()), y0=float(plane.y.min()),
        y1=float(plane.y.max()), width=500, height=400,
    )  # fmt: skip
    png = map_figure(dataset, request, viewport, selected=3, kind="png")
    image = Image.open(BytesIO(png.content))
    assert image.width >= 1000
    assert np.asarray(image.convert("RGB")).std() > 5
    svg = map_figure(dataset, request, viewport, selected=None, kind="svg").content.decode()
    assert svg.lstrip().startswith("<?xml")
    assert "<script" not in svg


def test_a_dollar_is_a_dollar_in_figures(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rcParams, "svg.fonttype", "none")
    dataset = open_tiny(tiny_atlas_path, **{"$_$": np.arange(120.0)})
    request = MapRequest(
        plane=plane_of(dataset, "umap"), colour="$_$", colour_scale="linear", clip=(1, 99),
        palette="magma", shown=None, subset=None, dark=False,
    )  # fmt: skip
    viewport = Viewport(x0=0, x1=1, y0=0, y1=1, width=50, height=40)
    svg = map_figure(dataset, request, viewport, selected=None, kind="svg").content.decode()
    assert ">$_$<" in svg
    options = {"frame": "rest", "lines": "off", "smoothing": 0}
    svg = spectrum_figure(inspect(dataset, 4), title="a$1", kind="svg", **options).content.decode()  # type: ignore[arg-type]
    assert ">a$1<" in svg


@pytest.mark.parametrize("frame", ["observed", "rest"])
def test_spectrum_figure_is_vector_graphics(tiny_atlas_path: Path, frame: str) -> None:
    item = inspect(open_tiny(tiny_atlas_path), 4)
    options = {"title": "x <script>$\\bad$", "frame": frame, "lines": "major", "smoothing": 2}
    svg = spectrum_figure(item, kind="svg", **options).content.decode()  # type: ignore[arg-type]
    assert "<script" not in svg
    assert svg.count("<path") > 20
    png = spectrum_figure(item, kind="png", **options).content  # type: ignore[arg-type]
    assert Image.open(BytesIO(png)).size == (1800, 920)
    with pytest.raises(ValueError, match="kind must be"):
        spectrum_figure(item, kind="pdf", **options)  # type: ignore[arg-type]
