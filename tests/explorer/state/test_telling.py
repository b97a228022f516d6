"""The first object shown: ordinary, well measured, with lines; whatever the atlas lacks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from explorer.state.telling import telling_object
from tests.fixtures.explorer import open_tiny


def test_it_is_ordinary_well_measured_and_has_lines(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    row = telling_object(dataset)
    catalog = dataset.catalog
    first = dataset.atlas.scores[0]
    assert first.higher_is_stranger
    assert catalog[first.column].iloc[row] <= catalog[first.column].median()
    assert catalog["snr"].iloc[row] > catalog["snr"].quantile(0.2)
    assert catalog["activity"].iloc[row] > catalog["activity"].median()  # emission lines
    assert telling_object(dataset) == row


@pytest.mark.parametrize("missing", [["snr"], ["chi2_red"], ["neg_log_p"]])
def test_columns_without_values_do_not_count(tiny_atlas_path: Path, missing: list[str]) -> None:
    dataset = open_tiny(tiny_atlas_path, **dict.fromkeys(missing, np.nan))
    assert 0 <= telling_object(dataset) < len(dataset)


@pytest.mark.parametrize("width", [-3.0, 0.0, np.nan])
def test_there_is_one_where_no_object_has_emission(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch, width: float
) -> None:
    def trends(_wave: np.ndarray, spectra: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"ew_halpha": np.full(len(spectra), width)})

    monkeypatch.setattr("explorer.state.telling.measured_trends", trends)
    assert 0 <= telling_object(open_tiny(tiny_atlas_path)) < 120
