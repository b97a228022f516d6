"""Walks through parts of the page in real Chromium: map, spectrum, path, files, widths, voice."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import Table
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from tests.browser.chromium import HOSTILE, choose, search

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def atlas_path(tiny_spender_atlas_path: Path) -> Path:
    return tiny_spender_atlas_path


def test_map_shows_other_planes_colours_filters_cones_and_neighbours(
    visit: Any, catalog: pd.DataFrame, atlas_path: Path
) -> None:
    view = visit()
    for entry, column in (("t-SNE", "tsne"), ("PCA of latents", "pca")):
        choose(view, "Embedding", entry)
        x, y = catalog[f"{column}_x"], catalog[f"{column}_y"]
        view.wait_for(
            f"get('map').x_range.start < {x.min()} && get('map').x_range.end > {x.max()} && "
            f"get('map').y_range.start < {y.min()} && get('map').y_range.end > {y.max()} && "
            f"get('map image').data.x[0] === get('map').x_range.start"
        )
    choose(view, "Embedding", "latent pair")
    view.wait_for("get('map').below.some(a => a.visible && a.axis_label === 'latent 0')")
    choose(view, "Colour", "density")
    view.wait_for("get('map colour bar').title === 'objects per pixel'")
    view.page.get_by_text("Add a filter").click()
    view.page.get_by_role("menuitem", name="class", exact=True).click()
    view.page.get_by_role("menuitem").first.wait_for(state="detached")
    n_quasar = int((catalog["class"] == "QSO").sum())
    view.page.get_by_label(f"GALAXY  {len(catalog) - n_quasar}").click()
    view.page.get_by_text(f"{n_quasar} shown").wait_for()
    quasars = view.page.get_by_role("checkbox", name="QSO")
    for low in (0.105, 0.2):  # two values typed in turn, the boxes of the classes stay as they are
        passing = (catalog["z"] >= low) & (catalog["class"] == "QSO")
        if low == 0.105:
            view.page.get_by_text("Add a filter").click()
            view.page.get_by_role("menuitem", name="redshift z", exact=True).click()
            view.page.get_by_role("menuitem").first.wait_for(state="detached")
        box = view.page.locator("input.MuiInput-input").first
        box.click()
        box.fill(str(low))
        box.press("Enter")
        view.page.get_by_text(f"{int(passing.sum())} shown").wait_for()
        assert box.input_value() == str(low)
        view.page.wait_for_function("node => node.checked", arg=quasars.element_handle())
    view.page.get_by_role("button", name="clear all").click()
    view.page.get_by_text("120 objects", exact=True).wait_for()
    centre = SkyCoord(catalog["ra"][50], catalog["dec"][50], unit="deg")
    sky = SkyCoord(catalog["ra"].to_numpy(), catalog["dec"].to_numpy(), unit="deg")
    inside = sky.separation(centre) <= 20 * units.deg
    search(view, f"{catalog['ra'][50]:.6f} {catalog['dec'][50]:+.6f} 20 deg")
    view.wait_for(f"get('map highlight').data.x.length === {int(inside.sum())}")
    np.testing.assert_allclose(
        view.column("map selected", "x"), [catalog["latent_0"][50]], rtol=1e-5
    )
    view.page.get_by_label("Mark neighbours in latent space").click()
    view.wait_for("get('map neighbours').data.x.length === 10")
    near = np.load(atlas_path / "neighbours.npz")["indices"][50, :10]
    np.testing.assert_allclose(
        view.column("map neighbours", "x"), catalog["latent_0"][near], rtol=1e-5
    )


def test_spectrum_changes_frame_smoothing_lines_and_neighbours(
    visit: Any, catalog: pd.DataFrame
) -> None:
    z = float(catalog["z"][7])
    view = visit(f"id={catalog['object_id'][7]}")
    view.wait_for("get('pixels')?.data.flux.length > 0")
    inset = "get('inset Hα + [N II]').x_range.start"
    view.wait_for(f"Math.abs({inset} - {6510 * (1 + z)}) < 0.01")
    observed, flux = view.column("pixels", "wave"), view.column("pixels", "flux")
    home = view.model("get('flux').x_range.end")
    view.page.mouse.move(*view.pixel("flux", 6000, view.model("get('flux').y_range.end") / 2))
    view.page.mouse.wheel(0, -300)
    view.wait_for(f"get('flux').x_range.end < {home} - 500")
    top = view.model("get('flux').y_range.end")
    left, middle = view.pixel("flux", view.model("get('flux').x_range.start"), top / 2)
    view.page.mouse.move(left - 20, middle)  # over the flux axis
    view.page.mouse.wheel(0, -200)
    view.wait_for(f"get('flux').y_range.end < {0.95 * top}")
    view.page.mouse.dblclick(*view.pixel("flux", 6000, view.model("get('flux').y_range.end") / 2))
    view.wait_for(f"Math.abs(get('flux').x_range.end - {home}) < 1e-6")
    view.wait_for(f"get('flux').y_range.end === {top}")
    view.page.get_by_role("button", name="rest", exact=True).click()
    view.wait_for(f"Math.abs({inset} - 6510) < 0.01")
    view.wait_for("get('residual').below[0].axis_label === 'rest wavelength [Å]'")
    np.testing.assert_allclose(view.column("pixels", "wave") * (1 + z), observed, rtol=1e-6)
    lines = (
        "get('flux').renderers.filter(r => r.glyph.type === 'VSpan')"
        ".reduce((n, r) => n + r.data_source.get_length(), 0)"
    )
    major = view.model(lines)
    view.page.locator("body").press("l")
    view.wait_for(f"{lines} > {major}")
    view.page.locator("body").press("z")  # another redshift, by keys alone
    box = view.page.get_by_role("textbox", name="z", exact=True)
    box.fill(f"{z + 0.01:.5f}")
    box.press("Enter")
    view.wait_for("get('trial now').data.z.length === 1")

    def redshift() -> float:
        return float(np.median(observed / view.column("pixels", "wave"))) - 1

    view.until(lambda: abs(redshift() - z - 0.01) < 1e-5, "the spectrum at the redshift tried")
    view.page.get_by_role("button", name="catalogue's z").press("Enter")
    view.until(lambda: abs(redshift() - z) < 1e-7, "the spectrum at its own redshift")
    view.page.locator("body").press("z")
    box.wait_for(state="hidden")
    before = np.nanstd(np.diff(flux))
    for _ in range(6):
        view.page.locator("body").press("]")
    view.page.get_by_text("Smoothing [pixels]: 6").wait_for()
    view.page.wait_for_url("**smooth=6**")
    view.until(
        lambda: bool(np.nanstd(np.diff(view.column("pixels", "flux"))) < 0.6 * before),
        "a smoother spectrum",
    )
    view.page.get_by_label("Neighbours", exact=True).click()
    view.wait_for(
        "get('flux').renderers.find(r => r.glyph.type === 'MultiLine')"
        ".data_source.data.xs.length === 10"
    )
    addresses = [link.get_attribute("href") for link in view.page.locator(".links a").all()]
    assert all(address.startswith("https://") for address in addresses)
    assert sum("skyserver" in address for address in addresses) == 1
    view.page.get_by_label("Smoothing").first.wait_for()


def test_shortest_path_joins_two_objects_found_by_name(visit: Any, catalog: pd.DataFrame) -> None:
    first, last = catalog["object_id"][3], catalog["object_id"][90]
    view = visit(f"id={first}&tab=Tracks")
    view.page.get_by_role("button", name="shortest path").click()
    view.page.get_by_role("button", name="from: the selected object").click()
    view.page.get_by_role("button", name=f"from: {first}").wait_for()
    search(view, last)
    view.page.wait_for_url(f"**id={last}**")
    view.page.get_by_role("button", name="to: the selected object").click()
    view.page.get_by_role("button", name=f"to: {last}").wait_for()
    view.page.get_by_role("button", name="make", exact=True).locator("visible=true").click()
    view.wait_for("get('track spectra')?.data.xs.length >= 3")
    view.wait_for("get('map knots').data.x.length === get('track spectra').data.xs.length")
    view.page.get_by_role("button", name="planes").click()
    view.wait_for("get('plane BPT').inner_width > 100")


def test_selection_and_map_are_taken_away(
    visit: Any, catalog: pd.DataFrame, tmp_path: Path
) -> None:
    view = visit("filters=" + quote(json.dumps({"z": [0.1, 0.2]})))
    wanted = catalog[catalog["z"].between(0.1, 0.2)]
    files = {}
    for entry in ("Selection as VOTable", "Map as PNG"):
        with view.page.expect_download() as event:
            view.page.get_by_role("button", name="Save").click()
            view.page.get_by_text(entry).click()
        files[entry] = tmp_path / event.value.suggested_filename
        event.value.save_as(files[entry])
    table: Any = Table.read(files["Selection as VOTable"], format="votable")
    assert list(table["object_id"].astype(str)) == list(wanted["object_id"])
    assert table["ra"].unit == "deg"
    picture = Image.open(BytesIO(files["Map as PNG"].read_bytes()))
    assert min(picture.size) > 300
    assert len(picture.convert("RGB").getcolors(1 << 24)) > 20


def test_nonsense_in_the_address_is_told_and_harmless(visit: Any) -> None:
    nonsense = {
        "c": HOSTILE, "map": HOSTILE, "id": HOSTILE, "clip": "[99,1]", "filters": '{"nope":[1]}',
        "region": '{"plane":"umap","x":[1],"y":["a"]}', "path": '{"x":0}', "view": "null,",
        "target": HOSTILE, "window": "[1]", "tab": HOSTILE, "lx": "1e9", "smooth": "-4",
    }  # fmt: skip
    view = visit("&".join(f"{name}={quote(value)}" for name, value in nonsense.items()))
    view.page.get_by_text("which does not exist here").first.wait_for()
    view.page.get_by_text("120 objects", exact=True).wait_for()
    view.page.get_by_text("Click an object on the map").wait_for()  # the first tab, not a blank one
    assert view.page.locator("img[src='x']").count() == 0
    assert view.page.locator("b", has_text="bold").count() == 0
    assert view.page.title() == "atlas_spender"


def test_nothing_sticks_out_of_the_page(visit: Any, catalog: pd.DataFrame) -> None:
    view = visit(f"id={catalog['object_id'][7]}")
    for width, least in ((1280, 400), (2560, 400), (960, 270)):  # the last is 1440 at 150 %
        view.page.set_viewport_size({"width": width, "height": 900})
        for tab in ("Tracks", "Outliers", "Latents", "Inspect"):
            view.page.get_by_role("tab", name=tab, exact=True).click()
            view.page.locator("[role=tab][aria-selected=true]", has_text=tab).wait_for()
            view.page.wait_for_function(
                "() => document.documentElement.scrollWidth <= innerWidth"
                " && Array.from(document.querySelectorAll('.MuiTabsPanel *')).every("
                "e => e.getBoundingClientRect().right <= innerWidth + 1)"
            )
        view.wait_for(f"get('map').inner_width > 300 && get('flux')?.inner_width > {least}")


TABS = ("Inspect", "Table", "Plots", "Tracks", "Outliers", "Latents", "About")
OPTIONS = {"resultTypes": ["violations"]}


def test_no_tab_has_a_serious_fault_for_who_hears_the_page(visit: Any) -> None:
    """By axe-core, in either theme."""
    view = visit("")
    for theme in ("light", "dark"):
        if theme == "dark":
            view.toggle_theme()
        for tab in TABS:
            view.page.get_by_role("tab", name=tab).click()
            view.wait_for_rest()
            view.steady(view.page.screenshot)  # colours change by and by
            found = Axe().run(view.page, options=OPTIONS).response["violations"]
            serious = [
                (fault["id"], node["target"], node["html"][:200])
                for fault in found
                if fault["impact"] in ("serious", "critical")
                for node in fault["nodes"]
            ]
            assert serious == [], (tab, theme)
