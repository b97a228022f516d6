import numpy as np
import pandas as pd
import pytest

from model.__main__ import main
from model.atlas.atlas import Atlas
from model.placement.files import encodable_grids, read_spectra


@pytest.fixture(scope="module")
def files(tiny_atlas_path, tmp_path_factory):
    """Two spectra of the tiny survey as text tables, and a file that is none."""
    folder = tmp_path_factory.mktemp("files")
    source = Atlas(tiny_atlas_path).source
    for row in (4, 9):
        spectrum = source.read([row])
        good = spectrum.ivar[0] > 0
        table = {
            "wavelength": source.grid.wave[good],
            "flux": 7e-17 * spectrum.flux[0][good],
            "ivar": spectrum.ivar[0][good] / 7e-17**2,
        }
        pd.DataFrame(table).to_csv(folder / f"object-{row}.csv", index=False)
    (folder / "none.csv").write_text("a,b\n1,2\n")
    return folder


def test_places_files_and_writes_a_table(tiny_atlas_path, files, tmp_path, capsys):
    atlas = Atlas(tiny_atlas_path)
    z = float(atlas.catalog["z"].iloc[4])
    out = tmp_path / "placed.csv"
    arguments = [tiny_atlas_path, files / "object-4.csv", files / "none.csv", "--z", z]
    assert main(["place", *map(str, arguments), "--out", str(out)]) == 0
    told, left_out = capsys.readouterr()
    assert "none.csv" in left_out
    table = pd.read_csv(out)
    assert len(table) == 1
    assert table["z"][0] == z
    near = atlas.catalog["object_id"].iloc[4]
    assert f"near        {near}" in told
    for words in ("latents", "UMAP", "t-SNE", "local outlier factor", "log sSFR"):
        assert words in told
    assert table["log_mass_near_low"][0] < table["log_mass_near"][0]


def test_a_table_that_is_there_stays(tiny_atlas_path, files, tmp_path, capsys):
    """Even the spectrum to place: it was replaced by the table."""
    path = tmp_path / "mine.csv"
    path.write_bytes((files / "object-4.csv").read_bytes())
    command = ["place", tiny_atlas_path, path, "--z", 0.1, "--out", path]
    assert main([*map(str, command)]) == 2
    assert "mine.csv exists; choose another --out or remove it" in capsys.readouterr().err
    assert path.read_bytes() == (files / "object-4.csv").read_bytes()


def test_snr_is_that_of_a_survey(tiny_atlas_path, files, tmp_path):
    """Of all pixels, those under sky lines too, which are many in the red; the scores' is not."""
    path, out = tmp_path / "object-4.csv", tmp_path / "placed.csv"
    table = pd.read_csv(files / "object-4.csv")
    table["ivar"] *= (table["wavelength"] / 6000) ** 8
    table.to_csv(path, index=False)
    command = ["place", tiny_atlas_path, path, "--z", 0.1, "--out", out]
    assert main([*map(str, command)]) == 0
    found = read_spectra([path], encodable_grids(Atlas(tiny_atlas_path)), z=0.1)
    snr, (spectrum,) = found.catalog["snr"][0], found.spectra
    seen = spectrum.ivar > 0
    assert abs(np.median(spectrum.flux[seen] * np.sqrt(spectrum.ivar[seen])) / snr - 1) > 0.005
    assert pd.read_csv(out)["snr"][0] == pytest.approx(snr, rel=1e-6)


def test_what_a_file_does_not_say_is_told(tiny_atlas_path, files, tmp_path):
    """The same spectrum in micrometres, of no unit: the same place."""
    table = pd.read_csv(files / "object-4.csv")
    table["wavelength"] /= 1e4
    table.to_csv(tmp_path / "object-4.csv", index=False)
    places = []
    for path, options in ((files, []), (tmp_path, ["--wave-unit", "um"])):
        out = tmp_path / f"placed{len(options)}.parquet"
        command = ["place", tiny_atlas_path, path / "object-4.csv", "--z", 0.1, "--out", out]
        assert main([*map(str, command), *options]) == 0
        places.append(pd.read_parquet(out).filter(like="umap").to_numpy())
    np.testing.assert_allclose(*places, atol=1e-3)


@pytest.mark.parametrize(("arguments", "says"), [
    (["object-4.csv", "--wave-unit", "parsnips"], "unit"),
    (["none.csv"], "no spectrum can be placed"),
    (["object-4.csv"], "got nan; give it by --z\n"),
    (["nowhere.fits"], "does not exist"),
    (["object-4.csv", "--out", "table.txt"], "must end in .csv or .parquet"),
])  # fmt: skip
def test_mistakes_end_with_status_2(tiny_atlas_path, files, capsys, arguments, says):
    command = ["place", str(tiny_atlas_path), str(files / arguments[0]), *arguments[1:]]
    assert main(command) == 2
    assert says in capsys.readouterr().err


def test_real_sdss_files_are_placed_in_the_demo(real_spectra, tmp_path):
    """Each alone and all together: the same bits."""
    files = sorted((real_spectra / "sdss").glob("spec-0266-*.fits"))[:3]
    tables = []
    for number, chosen in enumerate((files, files[1:2])):
        out = tmp_path / f"{number}.parquet"
        assert main(["place", "data/demo", *map(str, chosen), "--out", str(out)]) == 0
        tables.append(pd.read_parquet(out))
    together = tables[0][tables[0]["file"] == str(files[1])].reset_index(drop=True)
    pd.testing.assert_frame_equal(together, tables[1], check_exact=True)
