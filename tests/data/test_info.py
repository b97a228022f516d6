"""The table tells what the survey holds."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from data.__main__ import main
from data.grid import INSTRUMENTS
from data.info import masked_shares
from data.survey import Survey
from data.survey_writer import SurveyWriter


def write(out: Path) -> Survey:
    grid = INSTRUMENTS["sdss"]
    rows = pd.DataFrame(
        {
            "object_id": ["a", "b", "c", "d"],
            "z": [0.1, 0.2, 0.3, 0.4],
            "class": ["GALAXY", "GALAXY", "QSO", ""],
            "snr": [5.0, np.nan, 15.0, 10.0],
        }
    )
    ivar = np.ones((4, grid.n_pixel), "f4")
    ivar[:, :100] = 0
    ivar[0, :1000] = 0
    info = {"instrument": "sdss", "provenance": {"date": "today", "inputs": ["/x"]}}
    info["provenance"]["rejected"] = {"sky fibre": 7}
    with SurveyWriter(out, grid=grid, info=info) as writer:
        writer.append(rows, ivar, ivar)
    return Survey(out)


def test_table_tells_what_there_is(tmp_path: Path, capsys):
    write(tmp_path / "s")
    assert main(["info", str(tmp_path / "s")]) == 0
    shown = capsys.readouterr().out
    for text in (
        "objects      4",
        "3784.4 to 9332.5 A",
        "3921 pixels of 0.0001 dex",
        "2 GALAXY, 1 QSO, 1 unknown",
        "rejected     7 sky fibre",
        "made         today from /x",
    ):
        assert text in shown
    (line,) = re.findall(r"^snr .*$", shown, re.MULTILINE)
    assert line.split() == ["snr", "3", "5", "5.5", "10", "14.5", "15"]


def test_masked_shares_are_counted_at_each_pixel(tmp_path: Path):
    survey = write(tmp_path / "s")
    shares = masked_shares(survey, survey.parts[0])
    np.testing.assert_allclose(shares.index, survey.grid.wave)
    np.testing.assert_allclose(shares.to_numpy()[[0, 99, 100, 999, 1000]], [1, 1, 0.25, 0.25, 0])


def test_other_folders_are_told(tmp_path: Path, capsys):
    assert main(["info", str(tmp_path)]) == 2
    assert "is not a survey" in capsys.readouterr().err
