"""Linked plots: what they show agrees with the catalogue, what is done in them selects."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bokeh.document import Document
from scipy.stats import ks_2samp

from explorer.plots.compare import NOTHING, CompareView
from explorer.plots.composition import composition, composition_html
from explorer.plots.differences import differences, largest_distance
from explorer.plots.groups import OTHERS, SELECTED, SHOWN
from explorer.plots.histogram import HistogramView, histogram
from explorer.plots.presets import available
from explorer.plots.scatter import ScatterView
from explorer.plots.stacks import PHYSICAL, STORED, UNITS, stacks
from explorer.plots.view import PlotsView
from explorer.state.state import ExplorerState
from tests.fixtures.explorer import new_state, open_tiny
from tests.fixtures.server import Browser, run, until

HOSTILE = "<b>bold</b>"


def opened(state: ExplorerState, plot: str) -> Any:
    state.param.update(tab="Plots", plot=plot)
    return PlotsView(state).plots[plot]


def geometry(**shape: object) -> Any:
    return SimpleNamespace(final=True, geometry=shape)


def test_histogram_counts_what_is_shown_and_selected(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    catalog = state.dataset.catalog
    state.param.update(filters={"z": (0.1, 1.0)}, region={"condition": "snr > median(snr)"})
    made = histogram(state.dataset, "log_mass", shown=state.shown, subset=state.subset)
    here = catalog["log_mass"][state.shown]
    assert made.n_missing == int(here.isna().sum())
    assert made.shown.sum() + made.n_beyond + made.n_missing == int(state.shown.sum())
    expected, _edges = np.histogram(catalog["log_mass"][state.subset].dropna(), made.edges)
    np.testing.assert_allclose(made.selected, expected, atol=1)  # float32 at an edge
    assert made.selected.sum() > 0


def test_a_brush_selects_and_is_drawn(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = opened(state, "histogram")
    assert isinstance(view, HistogramView)
    assert view.column.value == state.colour == "z"
    view._brush(geometry(type="rect", x0=0.1, x1=0.2, y0=0, y1=9))
    np.testing.assert_array_equal(state.subset, state.dataset.catalog["z"].between(0.1, 0.2))
    assert view.brushed.visible
    state.colour = "a_v"
    assert view.column.value == "a_v"  # until one is chosen
    view.column.value = "snr"
    assert state.histogram == "snr"
    assert not view.brushed.visible
    state.region = None
    assert sum(view.source.data["selected"]) == 0
    view.share.value = True
    assert sum(view.source.data["shown"]) == pytest.approx(1)


def test_a_constant_column_has_a_histogram(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path, constant=3.0)
    made = histogram(dataset, "constant", shown=None, subset=None)
    assert made.shown.sum() == 120


def test_scatter_selects_as_the_map_does(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = opened(state, "scatter")
    assert isinstance(view, ScatterView)
    assert view.columns == ("log_mass", "log_ssfr")
    view.x.value, view.y.value = "z", "snr"
    assert state.scatter == ["z", "snr"]
    view._on_geometry(geometry(type="rect", x0=0.1, x1=0.2, y0=0, y1=1e9))
    np.testing.assert_array_equal(state.subset, state.dataset.catalog["z"].between(0.1, 0.2))
    assert len(view.marks["region"].data["x"]) == 5
    state.selected = 7
    assert view.marks["selected"].data["x"] == pytest.approx(state.dataset.catalog["z"].iloc[7])
    view.x.value = "a_v"
    assert len(view.marks["region"].data["x"]) == 0


def test_presets_need_their_columns_and_bpt_calculates_its_ratios(
    tiny_atlas_path: Path, rng: np.random.Generator
) -> None:
    measured = ["D4000, HδA, measured", "BPT, measured"]
    assert [item.name for item in available(open_tiny(tiny_atlas_path))] == [
        "mass, sSFR", *measured
    ]  # fmt: skip
    lines = {
        f"flux_{name}": rng.uniform(1, 9, 120) for name in ("nii", "halpha", "oiii", "hbeta")
    } | {f"ew_{name}": rng.uniform(1, 9, 120) for name in ("nii", "halpha", "oiii", "hbeta")}
    state = new_state(tiny_atlas_path, **lines)
    names = [item.name for item in available(state.dataset)]
    assert names == ["mass, sSFR", measured[0], "BPT", measured[1]]
    view = opened(state, "scatter")
    view.preset.value = "BPT"
    assert view.columns == ("log_nii_halpha", "log_oiii_hbeta")
    np.testing.assert_allclose(
        view.plane.x, np.log10(lines["flux_nii"] / lines["flux_halpha"]), rtol=1e-5
    )
    assert len(view.marks["curve 1"].data["x"]) == 100
    assert view.preset.value == "BPT"
    assert "Dashed: Kauffmann+2003" in view.words.object
    view.preset.value = "mass, sSFR"
    assert "Kauffmann" not in view.words.object


def test_presets_of_what_the_atlas_has_measured(
    tiny_atlas_path: Path, rng: np.random.Generator
) -> None:
    names = ("d4000", "hdelta_a", "log_nii_halpha", "log_oiii_hbeta")
    state = new_state(tiny_atlas_path, **{f"{name}_data": rng.normal(size=120) for name in names})
    assert [item.name for item in available(state.dataset)] == [
        "mass, sSFR", "D4000, HδA, measured", "BPT, measured",
    ]  # fmt: skip
    view = opened(state, "scatter")
    view.preset.value = "BPT, measured"
    assert view.columns == ("log_nii_halpha_data", "log_oiii_hbeta_data")
    assert len(view.marks["curve 1"].data["x"]) == 100


def test_a_plane_chosen_is_in_the_menu_before_its_columns_are(
    tiny_atlas_path: Path, rng: np.random.Generator
) -> None:
    lines = {f"flux_{it}": rng.uniform(1, 9, 120) for it in ("nii", "halpha", "oiii", "hbeta")}
    state = new_state(tiny_atlas_path, **lines)
    view = opened(state, "scatter")
    menu: list[str] = []
    view.preset.param.watch(lambda event: menu.append(event.new), "value")
    view.preset.value = "BPT"
    assert menu == ["BPT"]  # a browser would not take the first plane back


def test_distance_is_that_of_kolmogorov_and_smirnov(rng: np.random.Generator) -> None:
    first, second = np.sort(rng.normal(0, 1, 80)), np.sort(rng.normal(0.7, 2, 130))
    reference: Any = ks_2samp(first, second)
    assert largest_distance(first, second) == pytest.approx(reference.statistic, abs=1e-12)


def test_columns_that_differ_come_first(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    near = dataset.numeric("z") < 0.15
    found = differences(dataset, near, ~near)
    assert found[0].column == "z"
    assert found[0].distance == 1
    assert found[0].first < 0.15 < found[0].second


def test_composition_counts_every_object(tiny_atlas_path: Path) -> None:
    kinds = np.array([f"k{row % 40}" if row % 7 else None for row in range(120)], dtype=object)
    kinds[1] = HOSTILE
    dataset = open_tiny(tiny_atlas_path, kind=kinds)
    first = np.arange(120) < 50
    shares = composition(dataset, "kind", first, ~first)
    assert sum(share.first for share in shares) == 50
    assert sum(share.second for share in shares) == 70
    html = composition_html(shares, ("A", HOSTILE))
    assert HOSTILE not in html
    assert "&lt;b&gt;" in html


def test_one_group_has_one_column(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path, kind=np.array(["a", "b"] * 60, dtype=object))
    everything = np.ones(120, dtype=bool)
    html = composition_html(composition(dataset, "kind", everything, everything), ("all", ""))
    assert html.count("<td>60 · 50.0 %</td>") == 2
    assert "ratio" not in html


def test_groups_are_compared_and_follow(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = opened(state, "compare")
    assert isinstance(view, CompareView)
    assert view.groups == (SHOWN, NOTHING)
    assert len(view.spectra.groups[0].data["flux"]) > 100
    assert len(view.spectra.gap.data["flux"]) == 0
    state.region = {"column": "z", "low": 0.0, "high": 0.15}
    assert view.groups == (SELECTED, OTHERS)
    assert len(view.spectra.gap.data["flux"]) > 100
    assert "redshift z" in view.columns.object
    assert key_of(view) == [SELECTED, OTHERS]
    mean = np.array(view.spectra.groups[0].data["flux"])
    view.kind.value = "median"
    assert not np.array_equal(mean, view.spectra.groups[0].data["flux"], equal_nan=True)
    state.name_selections({"A": state.selection()})
    state.region = {"condition": "z > 9"}
    assert view.words.object.startswith("Selected: no object")
    assert key_of(view) == []
    assert len(view.spectra.groups[0].data["flux"]) == 0
    view.first.value = "A"
    view.second.value = NOTHING
    assert state.compared == ["A", NOTHING]
    assert view.words.object.startswith("A: ")
    assert key_of(view) == ["A"]
    assert len(view.spectra.groups[0].data["flux"]) > 100


def key_of(view: CompareView) -> list[Any]:
    return [item.label.value for item in view.spectra.key.items if item.visible]


def test_a_group_compared_with_itself_is_one(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.compared = [SHOWN, SHOWN]
    view = opened(state, "compare")
    view._save()
    header = view.download.content.decode().splitlines()[0]
    assert header.count(" mean,") == 1
    assert len(view.spectra.gap.data["flux"]) == 0


def test_stacks_are_saved_and_drawn_as_what_they_are(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while those of groups chosen since are being read."""
    state, release = new_state(tiny_atlas_path), threading.Event()
    for name, low in (("A", 0.0), ("B", 0.1), ("C", 0.2)):
        named = {name: {"filters": {"z": (low, low + 0.1)}}}
        state.name_selections({**state.selections, **named})
    state.compared = ["A", "B"]
    view = opened(state, "compare")
    view._save()
    before = view.download.content

    def slowly(*arguments: Any) -> Any:
        release.wait()
        return stacks(*arguments)

    monkeypatch.setattr("explorer.plots.compare.stacks", slowly)

    async def work(_document: Document, _browser: Browser) -> None:
        state.compared = ["C", "B"]
        view.scale.value = PHYSICAL
        view.kind.value = "median"
        assert UNITS[STORED] in view.spectra.above.yaxis[0].axis_label
        view._save()
        assert view.download.content == before
        release.set()
        await until(lambda: not view._stacking._running)
        assert UNITS[PHYSICAL] in view.spectra.above.yaxis[0].axis_label
        view._save()
        assert view.download.content.startswith(b"wave_rest,C mean,")

    run(work)


def test_only_the_open_plot_follows(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    view = opened(state, "histogram")
    before = view.source.data
    state.tab = "Inspect"
    state.filters = {"z": (0.1, 0.2)}
    assert view.source.data is before
    state.tab = "Plots"
    assert sum(view.source.data["shown"]) == state.shown.sum()  # type: ignore[union-attr]
