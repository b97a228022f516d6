"""Drives expressions, selections and linked plots in real Chromium."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.browser.chromium import Watched, own_copy, press

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def atlas_path(tiny_atlas_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_copy(tiny_atlas_path, tmp_path_factory.mktemp("select"))


def enter(view: Watched, text: str) -> None:
    field = view.page.get_by_label("condition or name = \N{HORIZONTAL ELLIPSIS}")
    field.fill(text)
    field.press("Enter")


def test_expressions_filter_colour_and_stay_in_the_address(
    visit: Any, catalog: pd.DataFrame
) -> None:
    view = visit("tab=Table")
    enter(view, "zz < 0.2")
    view.page.get_by_text("there is no column 'zz'; nearest: z").wait_for()
    enter(view, "z < 0.2 and log10(snr) > 0.5")
    n_passing = int(((catalog["z"] < 0.2) & (catalog["snr"] > 10**0.5)).sum())
    view.page.get_by_text(f"120 objects \N{MIDDLE DOT} {n_passing} shown", exact=True).wait_for()
    enter(view, "ratio = snr / z")
    view.wait_for("get('map colour bar').title === 'ratio'")
    view.page.get_by_role("columnheader", name="ratio").wait_for()
    view.page.wait_for_url("**c=ratio**")
    again = visit(view.page.url.split("?")[1])
    again.wait_for("get('map colour bar').title === 'ratio'")
    again.page.get_by_label("ratio =").wait_for()
    press(again, "Remove the column ratio")
    again.wait_for("get('map colour bar').title === 'redshift z'")
    again.page.wait_for_url(lambda address: "ratio" not in address)
    again.page.go_back()
    again.wait_for("get('map colour bar').title === 'ratio'")
    again.page.get_by_text(f"120 objects \N{MIDDLE DOT} {n_passing} shown", exact=True).wait_for()
