"""The page as a whole: it is made, its parts follow each other, wrong input is explained."""

import gc
import re
import weakref
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
import pytest
from bokeh.document import Document

from data.spectra import SpectrumSource
from explorer.about import AboutView, judge
from explorer.app import ServeOptions, read_arguments, serve_page
from explorer.components.screen import beside_map
from explorer.export.menu import CHOICES, TakeAway
from explorer.labels.shared import label_store
from explorer.map.image import MapRequest
from explorer.map.raster import Viewport
from explorer.map.view import MapView
from explorer.notebook import Explorer
from explorer.outliers.view import READ_ONLY, OutliersView
from explorer.page import _follow_address, build_page
from explorer.server.latest import Latest
from explorer.session import Session
from explorer.start_page import error_page
from explorer.state.address import NAMES
from explorer.state.state import ExplorerState
from explorer.table import TableView, summary, table_frame
from model.atlas.atlas import Atlas
from tests.fixtures.explorer import catalog_of, new_state, open_tiny
from tests.fixtures.server import Browser, run, until

pytestmark = [
    # Bokeh 3.9.2 makes tables with a keyword that pandas 3.1 deprecates.
    pytest.mark.filterwarnings("ignore:The inplace keyword:pandas.errors.Pandas4Warning"),
    # panel-material-ui 0.16.6 gives its own FileDownload both the old and the new word.
    pytest.mark.filterwarnings(
        "ignore:Both 'variant' and 'button_style':PendingDeprecationWarning"
    ),
]


NEED_MORE = {"report labelled": "no object has a label", "guests": "brought"}
"""What can be taken away only after the user did something else, and the words that say so."""


def texts(page: object) -> str:
    return " ".join(str(pane.object) for pane in page.select(lambda item: hasattr(item, "object")))  # type: ignore[attr-defined]


def test_page_holds_map_controls_and_tabs(tiny_atlas_path: Path) -> None:
    page = build_page(open_tiny(tiny_atlas_path))
    assert page.title == "atlas"
    page.get_root()


def test_nothing_of_a_closed_page_is_kept(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    page = build_page(dataset)
    parts = [weakref.ref(part) for part in (page, page.main[0], page.contextbar[0])]
    del page
    gc.collect()
    assert [part() for part in parts] == [None] * 3


def test_views_of_labels_survive_a_reload(own_atlas: Path) -> None:
    dataset = open_tiny(own_atlas)
    store, got = label_store(dataset), list[object]()
    for row, grade in ((3, 1), (5, 2), (7, 4)):
        store.put(dataset.ids[row], who="a", grade=grade, kind="blend")
    query = {
        "c": "label_class", "filters": '{"label_grade":[2,5]}', "columns": '{"hi":"label_grade*2"}'
    }  # fmt: skip

    async def work(document: Document, _browser: Browser) -> None:
        context: Any = document.session_context
        context.request.arguments = {name: [text.encode()] for name, text in query.items()}
        session = Session(dataset)
        state = session.state
        defaults = {name: getattr(state, name) for name in NAMES.values()}
        _follow_address(session, document, defaults)
        got[:] = state.rows().tolist(), state.colour, [*state.columns]

    run(work)
    assert got == [[5, 7], "label_class", ["hi"]]


def test_every_tab_opens(tiny_atlas_path: Path) -> None:
    session = Session(open_tiny(tiny_atlas_path))
    session.state.selected = 3
    assert not any(map(len, session._pages))  # the map comes first
    session.start()
    for title in session._titles:
        session.state.tab = title
        assert session._titles[session.tabs.active] == title
        assert len(session._pages[session.tabs.active]) == 1
        session.tabs.get_root()
    session.tabs.active = 0
    assert session.state.tab == "Inspect"


def test_every_tab_opens_though_the_spectra_are_lost(
    tiny_atlas_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_atlas: Atlas) -> SpectrumSource:
        raise ValueError("the survey <is> not where it was")

    monkeypatch.setattr(Atlas, "source", property(lost))
    session = Session(open_tiny(tiny_atlas_path))
    session.start()
    for title in session._titles:
        session.state.tab = title
        assert len(session._pages[session.tabs.active]) == 1
    assert "&lt;is&gt; not where it was" in texts(session.tabs)


def test_arguments_name_the_atlas_and_who_labels() -> None:
    assert read_arguments([]) == ServeOptions()
    assert read_arguments([]).may_write(None)
    options = read_arguments(["atlas", "--labellers", "vera", "ada"])
    assert (options.atlas, options.labellers) == (Path("atlas"), ("vera", "ada"))
    assert options.may_write("ada")
    assert not options.may_write("guest")
    assert not options.may_write(None)
    assert not read_arguments(["--labellers"]).may_write("vera")
    two = read_arguments(["a", "--compare", "b", "--labellers", "vera"])
    assert (two.atlas, two.compare, two.labellers) == (Path("a"), Path("b"), ("vera",))
    for wrong in (["a", "b"], ["--read"], ["--labellers", "--all"], ["a", "--compare"]):
        with pytest.raises(ValueError, match="after --args come"):
            read_arguments(wrong)
    assert "after --args come" in texts(serve_page(["a", "b"]))


def test_who_may_only_look_can_neither_label_nor_save(own_atlas: Path) -> None:
    state = ExplorerState(open_tiny(own_atlas), may_write=False)
    outliers = OutliersView(state)
    assert outliers.bar is None
    assert READ_ONLY in texts(outliers.__panel__())
    with pytest.raises(TypeError, match="Constant parameter"):
        state.may_write = True
    assert not (own_atlas / "labels.sqlite").exists()


def test_no_atlas_opens_the_demo() -> None:
    page = serve_page([])
    assert "Demo" in page.title


@pytest.mark.parametrize("kind", ["missing", "file", "empty", "json", "catalog"])
def test_bad_atlas_is_explained(tiny_atlas_path: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "<b>bad"
    if kind == "file":
        path.write_text("no folder")
    elif kind != "missing":
        path.mkdir()
        if kind == "json":
            (path / "atlas.json").write_text("{not json")
        elif kind == "catalog":
            (path / "atlas.json").write_text((tiny_atlas_path / "atlas.json").read_text())
    text = texts(serve_page([str(path)]))
    assert "can not be opened" in text
    assert "<b>bad" not in text
    assert str(path) in unescape(text)


def test_messages_are_escaped() -> None:
    text = texts(error_page(Path("/x"), ValueError("<script>alert(1)</script>")))
    assert "<script" not in text
    assert "python -m data ingest" in text


def test_table_lists_what_is_selected(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.filters = {"z": (0.1, 0.2)}
    frame = table_frame(state.dataset, state.rows(), ["activity"])
    np.testing.assert_array_equal(frame["object_id"], state.dataset.ids[state.rows()])
    assert {"z", "class", "activity", "neg_log_p"} <= set(frame)
    assert "median" in summary(state, state.rows())


def test_every_column_can_be_put_into_the_table(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path, remark=[f"remark {row}" for row in range(120)])
    state.tab = "Table"
    view = TableView(state)
    view.__panel__()
    shown = set(view.table.value.columns)
    offered = set(view.more.options.values())
    assert shown | offered >= set(map(str, state.dataset.catalog.columns))
    view.more.value = ["ra", "remark"]
    assert {"ra", "remark"} <= set(view.table.value.columns)
    assert view.table.value["remark"].iloc[7] == "remark 7"


def test_everything_offered_can_be_taken_away(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.param.update(selected=2, filters={"class": ["QSO"]})
    assert MapView(state).on_screen() is None
    viewport = Viewport(x0=0, x1=1, y0=0, y1=1, width=50, height=40)
    on_screen = MapRequest(
        plane=state.plane, colour="z", colour_scale="linear", clip=(0, 100), palette="viridis",
        shown=state.shown, subset=None, dark=False,
    )  # fmt: skip
    take = TakeAway(state, lambda: (on_screen, viewport))
    for kind in CHOICES.values():
        if kind in NEED_MORE:
            continue
        exported = take.work(kind)()
        take._deliver(exported)
        assert take.download.content == exported.content
        assert len(exported.content) > 100
    state.selected = None
    for kind, why in NEED_MORE.items():
        with pytest.raises(ValueError, match=why):
            take.work(kind)()
    with pytest.raises(ValueError, match="no object is selected"):
        take.work("spectrum png")


def test_of_two_things_saved_at_once_both_arrive(tiny_atlas_path: Path) -> None:
    take, sent = TakeAway(new_state(tiny_atlas_path), lambda: None), []
    take.download.send = sent.append

    async def work(_document: Document, _browser: Browser) -> None:
        for label in ("Selection as CSV", "Selection as FITS"):
            take._on_click({"label": label})
        await until(lambda: len(sent) == 2)

    run(work)
    assert [exported.name.rpartition(".")[2] for exported in sent] == ["csv", "fits"]


def test_a_model_that_draws_nothing_is_told_about(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.dataset.catalog["chi2_red"] = np.linspace(5, 60, len(state.dataset))
    judged = judge(state.dataset)
    assert judged is not None
    assert not judged.trusted
    assert judged.text in AboutView(state).html()


def test_about_shows_model_and_scores_as_text(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.dataset.atlas.info["notes"] = ["<script>alert(1)</script>"]
    state.dataset.atlas.info["source"] = {"kind": "mock", "n": 120, "without": []}
    view = AboutView(state)
    html = view.html()
    assert "<script" not in html
    atlas = state.dataset.atlas
    headings = re.findall("<h3>(.*?)</h3>", html)
    for heading in ("Atlas", "Model", "Scores", "Embeddings", "Density of the latents", "Notes"):
        assert heading in headings
    rows = dict(re.findall("<tr><th>(.*?)</th><td>(.*?)</td></tr>", html))
    assert rows["objects"] == "120"
    assert rows["spectra"] == "kind mock, n 120"
    assert rows["kind"] == "pca"
    assert rows["n_transform"] == str(atlas.info["flow"]["n_transform"])
    for score in atlas.scores:
        assert unescape(rows[score.label]) == state.dataset.explanation(score)
        assert score.explanation in state.dataset.explanation(score)
    for embedding in atlas.embeddings:
        assert embedding.label in rows
    assert "without a training history" in texts(pn.Column(view.curves(False)))


def test_latest_runs_at_once_without_a_server() -> None:
    got: list[int] = []
    Latest().submit(lambda: 3, got.append)
    assert got == [3]


def test_explorer_shows_in_a_notebook(tiny_atlas_path: Path) -> None:
    explorer = Explorer(tiny_atlas_path)
    models = {model.name for model in explorer.__panel__().get_root().references()}
    assert {"map", "map image", "flux", "residual"} <= models
    explorer.state.filters = {"class": ["QSO"]}
    assert len(explorer.state.rows()) == int((catalog_of(tiny_atlas_path)["class"] == "QSO").sum())
    with pytest.raises(ValueError, match="does not exist"):
        Explorer(tiny_atlas_path / "nothing")


@pytest.mark.parametrize(
    ("width", "panel"), [(1024, 408), (1280, 560), (1440, 640), (1920, 825), (2560, 1000)]
)
def test_panel_takes_its_share_of_the_screen(width: int, panel: int) -> None:
    assert beside_map(width) == panel
