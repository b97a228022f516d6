import numpy as np
import pandas as pd
from astropy.io.votable import parse_single_table

from model.__main__ import main
from model.atlas.atlas import Atlas
from model.outliers.catalogue import strangest


def test_outliers_are_written_in_all_forms(tiny_atlas_path, tmp_path, capsys):
    atlas = Atlas(tiny_atlas_path)
    top = atlas.catalog["lof"].nlargest(7)
    labels = pd.DataFrame(
        {"object_id": atlas.catalog["object_id"].iloc[top.index[:2]], "class": ["Blends", "Star"]}
    )
    labels.to_csv(tmp_path / "labels.csv", index=False)
    out = tmp_path / "out"
    arguments = ["outliers", str(tiny_atlas_path), "--score", "lof", "--n", "7",
                 "--catalog", str(tmp_path / "labels.csv"), "--out", str(out)]  # fmt: skip
    assert main(arguments) == 0
    assert "Blends" in capsys.readouterr().out
    table = pd.read_csv(out / "outliers.csv")
    assert table["object_id"].tolist() == atlas.catalog["object_id"].iloc[top.index].tolist()
    assert table["class"].tolist()[:2] == ["Blends", "Star"]
    votable = parse_single_table(str(out / "outliers.vot")).to_table()
    np.testing.assert_allclose(votable["lof"], top, rtol=1e-6)
    assert str(votable["ra"].unit) == "deg"
    text = (out / "outliers.tex").read_text()
    assert text.count("\\\\") >= 8
    assert "Blends" in text
    names = ("outliers", "contact-sheet", "families", "scores", "density")
    for name in names:
        assert (out / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


def test_a_score_that_is_none_is_an_error(tiny_atlas_path, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["outliers", str(tiny_atlas_path), "--score", "z", "--out", out]) == 2
    assert "--score must be one of" in capsys.readouterr().err


def test_cuts_leave_out_the_strongest_line_emitters(tiny_atlas_path):
    atlas = Atlas(tiny_atlas_path)
    atlas.catalog["line_peak"] = np.where(np.arange(len(atlas)) % 40 == 3, 101.0, 99.0)
    whole, cut = (strangest(atlas, n=120, cuts=cuts)[1] for cuts in (False, True))
    assert len(whole) == 120
    ids = atlas.catalog["object_id"].astype(str)
    assert set(whole["object_id"]) - set(cut["object_id"]) == set(ids[[3, 43, 83]])
