"""Cuts on the sample, one by one and as papers make them."""

import csv

import numpy as np
import pytest

from data.__main__ import main
from data.ingest.sample_cuts import PRESETS, SampleCuts, sample_cuts
from data.survey import Survey
from tests.fixtures.spectrum_files import write_sdss

GALAXY = {"class": "GALAXY", "z": 0.1, "z_err": 1e-5, "zwarning": 0.0}


@pytest.mark.parametrize(
    ("cuts", "facts", "reason"),
    [
        ({}, {"class": ""}, "no class"),
        ({}, {"class": "QSO"}, "class not wanted: QSO"),
        ({}, {"z": np.nan}, "no redshift"),
        ({}, {"z": -0.011}, "redshift outside the sample: z must be -0.01 to inf"),
        ({"z": (0.2, 0.3)}, {}, "redshift outside the sample: z must be 0.2 to 0.3"),
        ({"z_err": 1e-5}, {}, "redshift too uncertain: its error must be < 1e-05"),
        ({"z_err": 1e-4}, {"z_err": np.nan}, "redshift too uncertain"),
        ({"clean_z": True}, {"zwarning": 4.0}, "redshift warning: ZWARNING must be 0, got 4"),
        ({"clean_z": True}, {"zwarning": np.nan}, "redshift warning"),
        ({"primary": True}, {"spec_primary": 0}, "not primary"),
        ({"good_plate": True}, {"plate_quality": "bad"}, "plate quality: bad"),
    ],
)
def test_each_cut_has_its_reason(cuts, facts, reason):
    assert SampleCuts(**cuts).reason(GALAXY | facts).startswith(reason)


@pytest.mark.parametrize(
    "facts", [{}, {"z": -0.001}, {"z": 0.0}, {"spec_primary": 1}, {"plate_quality": "good"}]
)
def test_what_is_not_cut_passes(facts):
    assert SampleCuts(primary=True, good_plate=True).reason(GALAXY | facts) == ""


def test_papers_samples_and_what_is_changed_of_them():
    assert PRESETS["liang2023"].reason(GALAXY) == ""
    assert "error" in PRESETS["liang2023"].reason(GALAXY | {"z_err": 2e-4})
    assert PRESETS["portillo2020"].reason(GALAXY | {"class": "QSO", "z": 0.36}) == ""
    assert PRESETS["portillo2020"].reason(GALAXY | {"z": 0.0}) != ""
    assert PRESETS["nicolaou2025"].noise_reason(4.9) != ""
    assert sample_cuts("liang2023", z=(0.0, 0.2), snr=None).z_err == 1e-4
    assert sample_cuts("", snr=3.0) == SampleCuts(snr=3.0)
    with pytest.raises(ValueError, match="--sample must be one of liang2023"):
        sample_cuts("york2000")


def test_cuts_on_the_command_line_are_counted_in_the_summary(tmp_path, capsys):
    for k, (z, warning) in enumerate([(0.05, 0), (0.1, 4), (0.1, 0), (0.4, 0)]):
        facts = {"Z": z, "ZWARNING": warning, "FIBERID": k, "PLUG_RA": 100 + k}
        write_sdss(tmp_path / "in" / f"spec-0266-51602-{k:04d}.fits", seed=k, **facts)
    words = ["ingest", str(tmp_path / "in"), "--out", str(tmp_path / "s"), "--jobs", "1"]
    assert main([*words, "--z", "0.08", "0.3", "--zwarn", "0"]) == 0
    assert Survey(tmp_path / "s").catalog["object_id"].tolist() == ["0266-51602-0002"]
    told = capsys.readouterr().out
    assert "2 rejected, redshift outside the sample" in told
    assert "1 rejected, redshift warning" in told
    with (tmp_path / "s" / "rejected.csv").open() as table:
        assert len(list(csv.DictReader(table))) == 3


@pytest.mark.parametrize("words", [["--z", "0.3", "0.1"], ["--z", "0.1"]])
def test_a_range_that_is_none_is_refused(tmp_path, words, capsys):
    assert main(["ingest", str(tmp_path), "--out", str(tmp_path / "s"), *words]) == 2
    assert "--z takes the lowest and the highest redshift" in capsys.readouterr().err
