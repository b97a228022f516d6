import numpy as np
import pandas as pd
import pytest

from model.atlas.score_record import score_records
from model.atlas.scores import Score


def test_records_tell_threshold_dependence_and_overlap(rng):
    snr = rng.lognormal(2, 0.5, 2000)
    noise = rng.normal(size=2000)
    catalog = pd.DataFrame({"snr": snr, "z": noise, "up": snr**2, "free": rng.normal(size=2000)})
    catalog["same"] = catalog["up"] * 3
    catalog["down"] = -catalog["free"]
    scores = [Score(column=name, label=name, explanation="x.", higher_is_stranger=name != "down")
              for name in ("up", "free", "same", "down")]  # fmt: skip
    records = score_records(catalog, scores)
    assert records["up"].dependence["snr"] == pytest.approx(1)
    assert records["up"].warnings == ["snr"]
    assert records["free"].warnings == []
    assert records["up"].overlap["same"] == 1
    assert records["free"].overlap["down"] == 1
    assert (catalog["free"] >= records["free"].threshold).sum() == 20
    assert (catalog["down"] <= records["down"].threshold).sum() == 20
    assert records["up"].to_dict()["warnings"] == ["snr"]


def test_a_score_that_never_varies_depends_on_nothing():
    catalog = pd.DataFrame({"snr": np.arange(9.0), "flat": np.ones(9)})
    record = score_records(catalog, [Score(column="flat", label="f", explanation="x.")])["flat"]
    assert record.dependence == {"snr": 0.0}
