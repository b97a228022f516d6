"""Drives outliers, latents, attention and tracks in real Chromium."""

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.browser.chromium import HOSTILE, Watched, own_copy, serving, visiting, write_cell

pytestmark = pytest.mark.ui

IN_SIGHT = """([x, y]) => {
  let at = document.elementFromPoint(x, y), inner = at
  while (inner) { at = inner; inner = at.shadowRoot?.elementFromPoint(x, y) }
  return Boolean(at?.closest('[role=alert]'))
}"""
"""Whether what says that the server is gone is what one sees at a place of the page."""


@pytest.fixture(scope="module")
def atlas_path(tiny_spender_atlas_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = own_copy(tiny_spender_atlas_path, tmp_path_factory.mktemp("tasks"))
    catalog = pd.read_parquet(path / "catalog.parquet")
    write_cell(path, int(catalog["strangeness"].argmax()), "class", HOSTILE)
    return path


@pytest.fixture(scope="module")
def inspected(browser: Any, url: str, catalog: pd.DataFrame) -> Iterator[Watched]:
    """The page with an object selected, its spectrum and attention shown."""
    with visiting(browser, url) as visit:
        yield visit(f"id={catalog['object_id'][7]}")


@pytest.fixture(scope="module")
def tracks(browser: Any, url: str) -> Iterator[Watched]:
    """The page at its tracks."""
    with visiting(browser, url) as visit:
        yield visit("tab=Tracks")


def ranked(catalog: pd.DataFrame) -> list[str]:
    return catalog.sort_values("strangeness", ascending=False)["object_id"].tolist()


def test_a_class_is_saved_for_its_own_object(
    visit: Any, catalog: pd.DataFrame, atlas_path: Path
) -> None:
    view = visit("tab=Outliers")
    order, cards = ranked(catalog), view.page.locator(".card")
    cards.nth(5).click()
    view.page.locator(".card.now .id", has_text=order[5]).wait_for()
    kind = view.page.get_by_role("combobox", name="class (c)")
    kind.element_handle().wait_for_element_state("enabled")
    view.page.keyboard.type("csky", delay=30)
    view.until(lambda: kind.input_value() == "sky", "the class in its field")
    view.page.keyboard.press("Escape")  # its list is open
    view.page.keyboard.press("2")
    view.page.get_by_text("saved by").wait_for()
    view.until(lambda: labels(atlas_path).get(order[5]) == (2, "", ""), "a grade, no class")
    view.page.keyboard.press("ArrowRight")
    view.page.locator(".card.now .id", has_text=order[6]).wait_for()
    view.until(lambda: kind.input_value() == "", "the class in its field")
    view.page.keyboard.type("cring", delay=30)
    view.page.keyboard.press("Enter")
    view.until(lambda: labels(atlas_path).get(order[6]) == (None, "ring", ""), "a class")
    view.until(lambda: kind.input_value() == "ring", "the class in its field")
    view.page.keyboard.press("ArrowRight")
    view.page.locator(".card.now .id", has_text=order[7]).wait_for()
    view.until(lambda: kind.input_value() == "", "the class in its field")
    assert order[7] not in labels(atlas_path)


def labels(path: Path) -> dict[str, tuple[Any, ...]]:
    with sqlite3.connect(path / "labels.sqlite") as database:
        rows = database.execute(
            "SELECT object_id, grade, class, note FROM change "
            "WHERE undone_at IS NULL ORDER BY number"
        ).fetchall()
    database.close()
    return {row[0]: row[1:] for row in rows}


def test_contact_sheet_is_walked_and_labelled_by_keys(
    visit: Any, catalog: pd.DataFrame, atlas_path: Path
) -> None:
    view = visit("tab=Outliers")
    cards = view.page.locator(".card")
    cards.nth(11).wait_for()
    order = ranked(catalog)
    assert cards.locator(".id").all_inner_texts() == order[:12]
    assert view.page.locator(".card svg.flux path.data").first.get_attribute("d").count("L") > 100
    cards.nth(1).click()
    view.page.locator(".card.now .id", has_text=order[1]).wait_for()
    view.page.keyboard.press("4")
    view.page.get_by_text("saved by").wait_for()
    view.page.keyboard.press("ArrowRight")
    view.page.locator(".card.now .id", has_text=order[2]).wait_for()
    note = view.page.get_by_label("note (n)")
    note.element_handle().wait_for_element_state("enabled")
    view.page.keyboard.type("n" + HOSTILE + " 5")  # the field is entered at once
    view.page.keyboard.press("Enter")
    view.page.get_by_text("saved by").wait_for()
    view.until(lambda: order[2] in labels(atlas_path), "a note on disk")
    assert labels(atlas_path)[order[1]] == (4, "", "")
    assert labels(atlas_path)[order[2]] == (
        None,
        "",
        HOSTILE + " 5",
    )  # no key was heard in the field
    assert view.page.title() != "hacked"
    view.page.keyboard.press("u")  # Enter has left the field
    view.page.get_by_text("took back a change").wait_for()
    assert order[2] not in labels(atlas_path)
    view.page.keyboard.press("PageDown")
    view.page.locator(".card .id", has_text=order[12]).wait_for()
    with view.page.expect_download() as event:
        view.page.get_by_role("button", name="save labels").click()
        view.page.get_by_text("VI file (prospect)").click()
    inspected = Path(event.value.path()).read_text(encoding="utf-8").splitlines()
    assert inspected[0].startswith("TARGETID,EXPID,NIGHT,TILEID,Spec_version")
    (line,) = [row for row in inspected if row.startswith(f"{order[1]},")]
    read = line.replace(",4,", ",2,").encode()
    content = {
        "name": "vi.csv",
        "mimeType": "text/csv",
        "buffer": f"{inspected[0]}\n".encode() + read,
    }
    view.page.locator("input[type=file][accept='.csv']").set_input_files(content)
    view.until(lambda: labels(atlas_path)[order[1]][0] == 2, "a grade read from a VI file")


def test_table_shows_hostile_cells_as_text(visit: Any, catalog: pd.DataFrame) -> None:
    view = visit("tab=Outliers")
    view.page.locator(".card").first.wait_for()
    title = view.page.title()
    view.page.get_by_role("button", name="table", exact=True).click()
    rows = view.page.locator("tbody tr")
    rows.nth(20).wait_for()
    cells = rows.first.locator("td").all_inner_texts()
    assert cells[:2] == ["1", ranked(catalog)[0]]
    assert HOSTILE in cells
    assert view.page.locator("img[src='x']").count() == 0
    assert view.page.title() == title
    rows.nth(3).click()
    view.page.locator("tbody tr.now", has_text=ranked(catalog)[3]).wait_for()
    selected = view.column("map selected", "x")
    x = catalog.set_index("object_id")["umap_x"][ranked(catalog)[3]]
    np.testing.assert_allclose(selected, [x], rtol=1e-5)


def test_address_holds_score_and_options(visit: Any, catalog: pd.DataFrame) -> None:
    view = visit('tab=Outliers&score=lof&only=["unlabelled first"]')
    view.page.locator(".card").first.wait_for()
    best = catalog.sort_values("lof", ascending=False)["object_id"].iloc[:12].tolist()
    first = view.page.locator(".card .id").all_inner_texts()
    assert len(set(best) & set(first)) >= 10  # those labelled in other tests come last


def test_acknowledged_label_outlives_kill_9_of_the_server(
    browser: Any, tiny_atlas_path: Path, tmp_path: Path
) -> None:
    path = own_copy(tiny_atlas_path, tmp_path)
    with serving(str(path), log=tmp_path / "server.log") as address:
        watched = Watched(browser, f"{address}?tab=Outliers")
        watched.page.locator(".card").first.click()
        watched.page.locator(".card.now").wait_for()
        chosen = watched.page.locator(".card.now .id").inner_text()
        watched.page.keyboard.press("5")
        watched.page.get_by_text("saved by").wait_for()
        watched.page.wait_for_url(f"**id={chosen}**")  # where the page will come back
        port = address.split(":")[2].split("/")[0]
        listing = subprocess.run(
            ["ps", "-eww", "-o", "pid,args"], capture_output=True, text=True, check=True
        ).stdout
        (server,) = [
            int(row.split()[0])
            for row in listing.splitlines()
            if f"--port {port}" in row and str(path) in row
        ]
        os.kill(server, signal.SIGKILL)
        watched.page.get_by_text("The server does not answer").wait_for()
    assert labels(path)[chosen] == (5, "", "")
    with serving(str(path), log=tmp_path / "again.log", port=int(port)):  # the page comes back
        watched.page.get_by_text("The server does not answer").wait_for(state="detached")
        watched.page.locator(".card.now .id", has_text=chosen).wait_for()
        watched.page.locator(".card.now .mark", has_text="5").wait_for()
        watched.page.close()


def test_moving_a_slider_decodes_live(visit: Any, catalog: pd.DataFrame) -> None:
    view = visit(f"tab=Latents&id={catalog['object_id'][7]}")
    view.wait_for("get('rest now')?.data.flux.length > 0")
    before = view.column("rest now", "flux")
    np.testing.assert_array_equal(before, view.column("rest start", "flux"))
    view.page.get_by_label("latent 0").first.wait_for()
    slider = view.page.locator("input[type=range]").nth(2)  # after the two of the percentiles
    slider.focus()
    for _ in range(40):
        view.page.keyboard.press("ArrowRight")
    view.until(
        lambda: bool(np.abs(view.column("rest now", "flux") - before).max() > 1e-6),
        "a spectrum changed by the slider",
    )
    np.testing.assert_array_equal(before, view.column("rest start", "flux"))
    view.page.get_by_role("button", name="traversal").click()
    view.page.get_by_text("blue continuum").wait_for()


def test_attention_lies_under_the_spectrum(inspected: Watched) -> None:
    view = inspected
    view.page.get_by_text("Grad-FAM (Melchior+2022): top channel").wait_for()
    assert view.column("attention bars", "value").size > 10
    for wave in (4500.0, 8000.0):
        across = [view.pixel(name, wave, 0)[0] for name in ("flux", "residual", "attention")]
        assert max(across) - min(across) < 1.5
    bottom = view.model(
        "Bokeh.index.find_one_by_id(get('residual').id).el.getBoundingClientRect().bottom"
    )
    choice = view.page.get_by_role("combobox", name="attention of").bounding_box()
    assert choice is not None
    assert choice["y"] >= bottom - 1
    view.page.get_by_label("channels").click()
    view.wait_for("get('attention channels').inner_width > 100")
    across = [view.pixel(name, 8000.0, 0)[0] for name in ("flux", "attention channels")]
    assert abs(across[0] - across[1]) < 1.5

    def red_and_blue() -> tuple[int, int]:
        colours = view.shot("attention channels").reshape(-1, 3)
        redder = colours[:, 0] - colours[:, 2]
        return int((redder > 60).sum()), int((redder < -60).sum())

    view.until(lambda: min(red_and_blue()) > 50, "channels that pull up and down")
    view.page.get_by_role("button", name="order objects by the top channel").click()
    view.wait_for("get('gallery lines')?.data.xs.length === 6")
    view.wait_for("get('map highlight').data.x.length === 6")


def test_window_is_dragged_on_the_spectrum(inspected: Watched, catalog: pd.DataFrame) -> None:
    view, z = inspected, float(catalog["z"][7])
    view.page.get_by_text("Grad-FAM (Melchior+2022)").wait_for()
    view.page.get_by_role("button", name="drag a window").click()
    view.page.get_by_role("button", name="drag on the spectrum").wait_for()
    (left, top), (right, _top) = (
        view.pixel("residual", wave * (1 + z), 0) for wave in (4900.0, 5100.0)
    )
    view.page.mouse.move(left, top)
    view.page.mouse.down()
    view.page.mouse.move((left + right) / 2, top, steps=5)
    view.page.mouse.move(right, top, steps=5)
    view.page.mouse.up()
    text = view.page.get_by_text("Å of the model")
    text.wait_for()
    low, high = (float(word) for word in text.inner_text().split(" ")[0].split("-"))
    assert abs(low - 4900) < 15
    assert abs(high - 5100) < 15


def test_track_drawn_freehand_is_decoded_named_and_saved(
    tracks: Watched, catalog: pd.DataFrame, atlas_path: Path
) -> None:
    view = tracks
    view.page.get_by_role("button", name="freehand").click()
    view.page.get_by_text("Drag on the map").wait_for()
    order = catalog.sort_values("activity")[["umap_x", "umap_y"]].to_numpy()
    path = [np.median(part, axis=0) for part in np.array_split(order, 6)]
    places = [view.pixel("map", *point) for point in path]
    view.page.mouse.move(*places[0])
    view.page.mouse.down()
    for place in places[1:]:
        view.page.mouse.move(*place, steps=8)
    view.page.mouse.up()
    view.wait_for("get('track spectra')?.data.xs.length === 20")
    view.wait_for("get('track observed')?.data.flux.length > 0")
    view.wait_for("get('map knots').data.x.length === 20")
    view.page.get_by_label("name", exact=True).fill("my <b>track</b>")
    view.page.keyboard.press("Tab")
    view.page.get_by_role("button", name="save", exact=True).click()
    view.page.get_by_text("saved my").wait_for()
    assert len(list((atlas_path / "tracks").glob("*.json"))) == 1
    assert view.page.locator("b", has_text="track").count() == 0
    view.page.get_by_role("button", name="trends").click()
    view.wait_for("get('track trends').data.d4000.filter(Number.isFinite).length === 20")
    view.page.get_by_role("button", name="planes").click()
    view.wait_for("get('plane BPT').inner_width > 100")


def test_recipe_makes_a_track_without_drawing(tracks: Watched) -> None:
    view = tracks
    view.page.get_by_role("button", name="binned centroids").click()
    view.page.get_by_role("button", name="make", exact=True).first.click()
    view.wait_for("get('track spectra')?.data.xs.length === 5")
    view.wait_for("get('map knots').data.x.length === 5")


def test_a_field_does_not_miss_what_changes_while_it_is_drawn(tracks: Watched) -> None:
    view = tracks
    view.wait_until_it_hears("name")
    script = """() => {
        const view = [...Bokeh.index.all_views()].find(v => v.model.data?.label === 'name')
        const seen = () => view.shadow_el.querySelector('input')?.disabled
        const {data} = view.model
        const value = !data.disabled
        let changed = false
        const watch = new MutationObserver(() => {
            if (changed || seen() === undefined) return
            changed = true  // React has drawn it, and listens only from its next frame on
            data.disabled = value
        })
        watch.observe(view.shadow_el, {childList: true, subtree: true})
        view.render()
        window.follows = () => changed && seen() === value
    }"""
    for _ in range(6):  # without `panel_echoes` about every second change was missed
        view.page.evaluate(script)
        view.page.wait_for_function("follows()")
