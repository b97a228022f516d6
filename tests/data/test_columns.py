"""The table of columns: everything a catalogue holds is described, and described once."""

from collections.abc import Callable

import pandas as pd
import pytest
from astropy import units
from astropy.io.votable.ucd import parse_ucd

from data.columns import COLUMNS, FACTS, NUMBERS, SUMMARY, column
from data.mock.survey import MockSurvey
from tests.fixtures.paths import ROOT

DEMO = ROOT / "data" / "demo" / "catalog.parquet"


def demo_columns() -> list[str]:
    return list(pd.read_parquet(DEMO).columns)


def mock_columns() -> list[str]:
    return list(MockSurvey(n=4, seed=1).catalog.columns)


@pytest.mark.parametrize("columns", [demo_columns, mock_columns])
def test_every_column_of_our_own_catalogues_is_described(
    columns: Callable[[], list[str]],
) -> None:
    for name in columns():
        assert name in COLUMNS or column(name).description, name


def test_an_unknown_column_goes_by_its_own_name() -> None:
    known = column("of_the_user")
    assert (known.title, known.heading) == ("of_the_user", "of_the_user")
    assert (known.unit, known.ucd, known.description) == ("", "", "")


@pytest.mark.parametrize("name", COLUMNS)
def test_units_and_ucds_are_those_of_the_standards(name: str) -> None:
    known = COLUMNS[name]
    units.Unit(known.unit)
    if known.ucd:
        assert parse_ucd(known.ucd, check_controlled_vocabulary=True)
    assert bool(known.symbol) <= bool(known.unit)  # what has a unit on screen is exported with it


def test_lists_of_columns_hold_known_names_once() -> None:
    for names in (FACTS, SUMMARY, NUMBERS):
        assert set(names) <= set(COLUMNS)
        assert len(set(names)) == len(names)


def test_labels_on_screen_are_unique() -> None:
    titles = [known.title for known in COLUMNS.values()]
    assert len(set(titles)) == len(titles)
