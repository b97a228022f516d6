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


def test_the_table_opens_at_the_selected_object(visit: Any, catalog: pd.DataFrame) -> None:
    first, second = (str(catalog["object_id"].iloc[row]) for row in (70, 5))
    view = visit(f"tab=Table&id={first}")
    view.page.locator(".tabulator-row.tabulator-selected", has_text=first).wait_for()
    view.page.get_by_role("gridcell", name=second, exact=True).wait_for(state="detached")
    view.page.goto(view.page.url.replace(first, second))
    view.page.locator(".tabulator-row.tabulator-selected", has_text=second).wait_for()


def drag_box(view: Watched, catalog: pd.DataFrame) -> None:
    """Select everything right of the middle of the map by the box tool."""
    view.page.locator(".bk-tool-icon-box-select").first.click()
    x, y = catalog["umap_x"], catalog["umap_y"]
    start = view.pixel("map", x.median(), y.min() - 0.02 * (y.max() - y.min()))
    end = view.pixel("map", x.max() + 0.02 * (x.max() - x.min()), y.max() + 0.02)
    view.page.mouse.move(*start)
    view.page.mouse.down()
    view.page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    view.page.mouse.move(*end)
    view.page.mouse.up()


def test_selections_are_named_combined_inverted_and_undone(
    visit: Any, catalog: pd.DataFrame
) -> None:
    view = visit("tab=Table")

    def selected(count: int) -> None:
        view.page.get_by_text(f"120 objects \N{MIDDLE DOT} {count} selected", exact=True).wait_for()

    drag_box(view, catalog)
    view.page.get_by_text(" selected").first.wait_for()
    press(view, "keep")
    view.page.get_by_role("button", name="Forget selection A").wait_for()
    enter(view, "z < 0.15")
    n_near = int((catalog["z"] < 0.15).sum())
    press(view, "Clear selection and filters")
    view.page.get_by_text("120 objects", exact=True).wait_for()
    enter(view, "z < 0.15")
    view.page.get_by_text(f"120 objects \N{MIDDLE DOT} {n_near} shown", exact=True).wait_for()
    press(view, "keep")
    view.page.get_by_role("button", name="Forget selection B").wait_for()
    press(view, "Clear selection and filters")
    press(view, "select")
    right = catalog["umap_x"] > catalog["umap_x"].median()
    n_either = int((right | (catalog["z"] < 0.15)).sum())
    selected(n_either)
    view.page.keyboard.press("i")
    selected(120 - n_either)
    view.page.keyboard.press("Control+z")
    selected(n_either)
    view.page.keyboard.press("Control+y")
    selected(120 - n_either)


def test_plots_are_linked_with_the_map(visit: Any, catalog: pd.DataFrame) -> None:
    view = visit("tab=Plots&of=z")
    view.wait_for("get('histogram').data.shown.reduce((a, b) => a + b, 0) > 100")
    low, high = catalog["z"].quantile([0.2, 0.6])
    start, end = view.pixel("histogram figure", low, 1), view.pixel("histogram figure", high, 1)
    view.page.mouse.move(start[0], start[1] - 60)
    view.page.mouse.down()
    view.page.mouse.move((start[0] + end[0]) / 2, start[1] - 70)
    view.page.mouse.move(end[0], start[1] - 80)
    view.page.mouse.up()
    view.page.get_by_text(" selected").first.wait_for()
    view.wait_for("get('histogram').data.selected.reduce((a, b) => a + b, 0) > 20")
    press(view, "scatter")
    view.wait_for("get('scatter image').data.image.length === 1")
    press(view, "corner")
    view.wait_for("get('corner image').data.image.length === 1")
    view.page.mouse.click(*view.pixel("corner", 1.5, 1.5))  # of 4 latents: 1 across, 2 upwards
    view.wait_for("get('map').below.some(a => a.visible && a.axis_label === 'latent 1')")
    view.wait_for("get('corner map').data.left.length === 1")
    view.page.wait_for_url("**ly=2**")
    press(view, "compare")
    view.wait_for("get('group difference').data.flux.length > 100")
    view.page.get_by_role("row", name="redshift z").wait_for()
    view.page.wait_for_url("**plot=compare**")
