import json

import numpy as np
import pandas as pd
import pytest

from model.__main__ import main
from model.outliers.recovery import ALL
from model.outliers.truth import read_truth


def test_recover_writes_table_json_and_figure(tiny_atlas_path, tmp_path, capsys):
    out = tmp_path / "recovery"
    arguments = ["recover", str(tiny_atlas_path), "--truth", "class", "--out", str(out)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "class other than 'GALAXY'" in printed
    result = json.loads((out / "recovery.json").read_text())
    catalog = pd.read_parquet(tiny_atlas_path / "catalog.parquet")
    n_quasar = int((catalog["class"] == "QSO").sum())
    assert result["kinds"] == {"QSO": n_quasar}
    table = pd.read_csv(out / "recovery.csv")
    assert set(table["kind"]) == {ALL, "QSO"}
    assert set(table["score"]) == set(result["scores"])
    row = table[(table["score"] == "lof") & (table["kind"] == "QSO")].iloc[0]
    assert row[["auroc", "auroc_low", "auroc_high"]].tolist() == pytest.approx(
        result["scores"]["lof"]["QSO"]["auroc"]
    )
    named = result["reasons"]
    assert named["QSO"]["n"] == n_quasar == sum(named["QSO"]["first"].values())
    assert list(named) == ["GALAXY", "QSO"]
    assert "right among 2" in printed
    assert (out / "recovery.png").read_bytes()[:4] == b"\x89PNG"


def test_known_kinds_come_from_a_table_too(tiny_atlas_path, tmp_path):
    catalog = pd.read_parquet(tiny_atlas_path / "catalog.parquet")
    labels = pd.DataFrame({"object_id": catalog["object_id"].iloc[[5, 2]], "kind": ["star", None]})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    truth = read_truth(catalog, table=tmp_path / "labels.csv")
    assert truth.counts() == {"star": 1}
    assert truth.kinds[5] == "star"
    assert truth.ordinary == ""
    labels["object_id"] = "elsewhere"
    labels.to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(ValueError, match="twice|no object of the atlas"):
        read_truth(catalog, table=tmp_path / "labels.csv")


def test_a_truth_that_is_none_is_an_error(tiny_atlas_path, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["recover", str(tiny_atlas_path), "--out", out]) == 2
    assert "no column" in capsys.readouterr().err
    assert main(["recover", str(tiny_atlas_path), "--truth", "object_id", "--out", out]) == 2
    assert "at most 60 kinds" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_flags_count_as_kinds():
    catalog = pd.DataFrame({"object_id": ["a", "b", "c"], "double": np.array([True, False, False])})
    truth = read_truth(catalog, column="double")
    assert truth.counts() == {"True": 1}
