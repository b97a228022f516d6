"""No command writes over a file or folder that it reads."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from data.__main__ import main as data_main
from model.__main__ import main
from tests.fixtures.paths import copy_without_labels


@pytest.fixture
def tiny(tiny_atlas_path, tmp_path):
    """The tiny atlas with its survey and model, and a table of classes."""
    copy_without_labels(tiny_atlas_path.parent, tmp_path / "tiny")
    table = pd.read_parquet(tmp_path / "tiny" / "atlas" / "catalog.parquet")[["object_id", "class"]]
    (tmp_path / "tables").mkdir()
    for name in ("outliers.csv", "recovery.csv"):
        table.to_csv(tmp_path / "tables" / name, index=False)
    return tmp_path


def _content(folder: Path) -> dict[Path, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("words", [
    "outliers tiny/atlas --catalog tables/outliers.csv --out tables",
    "recover tiny/atlas --catalog tables/recovery.csv --out tables",
    "evaluate tiny/survey tiny/pca --part all --out tiny/survey",
    "compare tiny/survey tiny/pca --part all --out tiny/pca",
])  # fmt: skip
def test_an_output_is_none_of_the_inputs(tiny, monkeypatch, capsys, words):
    monkeypatch.chdir(tiny)
    before = _content(tiny)
    assert main(words.split()) == 2
    assert "is read by this command; choose another --out" in capsys.readouterr().err
    assert _content(tiny) == before


def test_a_survey_with_the_files_to_ingest_is_not_replaced(tiny, monkeypatch, capsys):
    monkeypatch.chdir(tiny)
    spectrum = tiny / "tiny" / "survey" / "mine" / "spectrum.csv"
    spectrum.parent.mkdir()
    spectrum.write_text("wave,flux,ivar\n5000,1,1\n", encoding="utf-8")
    before = _content(tiny)
    words = "ingest tiny/survey/mine/spectrum.csv --out tiny/survey --overwrite"
    assert data_main(words.split()) == 2
    assert "is read by this command" in capsys.readouterr().err
    assert _content(tiny) == before


def test_a_table_of_classes_may_lie_among_the_results(tiny, monkeypatch):
    monkeypatch.chdir(tiny)
    (tiny / "tables" / "outliers.csv").rename(tiny / "tables" / "mine.csv")
    words = "outliers tiny/atlas --n 3 --catalog tables/mine.csv --out tables"
    for _ in range(2):  # the second time, the results of the first are replaced
        assert main(words.split()) == 0
