"""The page and other programs talk over a real SAMP hub: astropy's."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from astropy.io import votable
from bokeh.document import Document

from explorer.guests.placing import Upload, place_uploads
from explorer.samp.hub import SampConnection, is_local, local_hub, samp
from explorer.samp.messages import (
    HEARD,
    HIGHLIGHT,
    LOAD_SPECTRUM,
    LOAD_TABLE,
    POINT,
    SELECT,
    spectrum_told,
)
from explorer.samp.view import SEND_SPECTRUM, SEND_TABLE, SampView
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from tests.fixtures.explorer import open_tiny
from tests.fixtures.paths import ROOT
from tests.fixtures.server import Browser, run, until


@pytest.fixture(scope="module")
def dataset(tiny_atlas_path: Path) -> Dataset:
    return open_tiny(tiny_atlas_path)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[samp.SAMPHubServer]:
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'samp').as_uri()}")
    with samp.conf.set_temp("use_internet", False):
        server = samp.SAMPHubServer(addr="127.0.0.1", web_profile=False)
        server.start()
        yield server
        server.stop()


class Topcat:
    """Another program: keeps what it is told, and waits for it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []
        self._came = threading.Condition()
        with samp.conf.set_temp("use_internet", False):
            self.client: Any = samp.SAMPIntegratedClient(name="other", addr="127.0.0.1")
            self.client.connect(pool_size=2)
        for mtype in (LOAD_TABLE, HIGHLIGHT, SELECT, POINT, LOAD_SPECTRUM):
            self.client.bind_receive_notification(mtype, self._hear)

    def _hear(self, _key: str, _sender: str, mtype: str, params: Any, _extra: Any) -> None:
        with self._came:
            self.heard.append((mtype, params))
            self._came.notify_all()

    def wait(self, mtype: str) -> Any:
        """Return the newest parameters of a message of a type, once there is one."""

        def newest() -> Any:
            return next((params for kind, params in self.heard[::-1] if kind == mtype), None)

        with self._came:
            assert self._came.wait_for(lambda: newest() is not None, 60)
            return newest()


@pytest.fixture
def other(hub: samp.SAMPHubServer) -> Iterator[Topcat]:  # noqa: ARG001 - must run
    program = Topcat()
    yield program
    program.client.disconnect()


@pytest.fixture
def brought() -> list[Upload]:
    return []


@pytest.fixture
def view(dataset: Dataset, other: Topcat, brought: list[Upload]) -> Iterator[SampView]:  # noqa: ARG001
    view = SampView(ExplorerState(dataset), brought.extend)
    view.connect()
    assert view.connection is not None
    yield view
    view.leave()


def test_the_selection_arrives_as_a_votable(view: SampView, other: Topcat) -> None:
    state = view._state
    state.filters = {"class": [state.dataset.classes("class").names[0]]}
    view._on_click({"label": SEND_TABLE})
    told = other.wait(LOAD_TABLE)
    table = votable.parse_single_table(urlsplit(told["url"]).path).to_table()
    assert list(table["object_id"]) == state.dataset.ids[state.rows()].tolist()
    assert "sent to 1" in str(view.said.object)


def test_rows_are_highlighted_both_ways_and_the_sky_pointed_at(
    view: SampView, other: Topcat
) -> None:
    state = view._state
    state.filters = {"class": [state.dataset.classes("class").names[0]]}
    rows = state.rows()
    view.send_table()
    table = other.wait(LOAD_TABLE)["table-id"]
    state.selected = int(rows[3])
    assert other.wait(HIGHLIGHT)["row"] == "3"
    ra, dec = (float(state.dataset.catalog[name].iloc[rows[3]]) for name in ("ra", "dec"))
    told = other.wait(POINT)
    np.testing.assert_allclose([float(told["ra"]), float(told["dec"])], [ra, dec], atol=1e-6)
    n_told = len(other.heard)
    view.hear(HIGHLIGHT, {"table-id": table, "row": "5"})
    assert state.selected == rows[5]
    assert len(other.heard) == n_told  # nobody is told what came from outside
    for nonsense in ({"table-id": "x", "row": "1"}, {"table-id": table, "row": "-1"}, {"row": []}):
        view.hear(HIGHLIGHT, nonsense)
        assert state.selected == rows[5]
    view.hear(SELECT, {"table-id": table, "row-list": ["0", "2", "99999", "a"]})
    assert state.highlight == [rows[0], rows[2]]
    view.hear(POINT, {"ra": str(ra), "dec": str(dec)})
    assert state.selected == rows[3]
    state.region = {"plane": "umap", "x": [-1e3, 1e3, 1e3, -1e3], "y": [-1e3, -1e3, 1e3, 1e3]}
    assert len(other.wait(SELECT)["row-list"]) == len(rows)


def test_messages_of_the_hub_reach_the_page(view: SampView, other: Topcat) -> None:
    view.send_table()
    table = other.wait(LOAD_TABLE)["table-id"]
    chosen = threading.Event()
    view._state.param.watch(lambda *_: chosen.set(), "selected")
    params = {"table-id": table, "url": table, "row": "7"}
    other.client.notify_all({"samp.mtype": HIGHLIGHT, "samp.params": params})
    assert chosen.wait(60)
    assert view._state.selected == 7


def test_a_spectrum_sent_is_one_that_can_be_brought(
    view: SampView, other: Topcat, brought: list[Upload], dataset: Dataset
) -> None:
    view._state.selected = 11
    view._on_click({"label": SEND_SPECTRUM})
    told = other.wait(LOAD_SPECTRUM)
    assert told["name"] == dataset.ids[11]
    view.hear(LOAD_SPECTRUM, told)
    (guest,) = place_uploads(dataset, brought, trials=(), air=False).guests
    assert guest.z == pytest.approx(float(dataset.catalog["z"].iloc[11]))
    assert 11 in guest.placed.neighbours[:3]


@pytest.mark.parametrize("url", ["http://example.org/a.fits", "file://host/a", "ftp://localhost/a"])
def test_files_of_other_machines_are_not_fetched(url: str) -> None:
    with pytest.raises(ValueError, match="must lie on this machine"):
        spectrum_told({"url": url})


def test_without_a_hub_that_is_said(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'none').as_uri()}")
    view = SampView(ExplorerState(dataset), lambda _uploads: None)
    view.connect()
    assert view.connection is None
    assert "no SAMP hub runs on the machine" in str(view.said.object)


def test_a_hub_elsewhere_is_refused(
    hub: samp.SAMPHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert local_hub()["samp.secret"] == hub.params["samp.secret"]
    monkeypatch.setattr("explorer.samp.hub.is_local", lambda _host: False)
    with pytest.raises(OSError, match="on another machine"):
        local_hub()
    assert is_local("127.0.0.1")
    assert not is_local("192.0.2.7")


def test_files_go_when_the_connection_does(hub: samp.SAMPHubServer) -> None:  # noqa: ARG001
    connection = SampConnection(lambda _mtype, _params: None, HEARD)
    connection.write("a.vot", b"x")
    assert connection.folder.exists()
    connection.close()
    assert not connection.folder.exists()


def test_actions_follow_each_other_and_a_second_click_connects_no_second_time(
    dataset: Dataset,
    other: Topcat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state, release = ExplorerState(dataset), threading.Event()

    def slowly(*arguments: Any) -> SampConnection:
        release.wait()
        return SampConnection(*arguments)

    monkeypatch.setattr("explorer.samp.view.SampConnection", slowly)

    async def work(_document: Document, _browser: Browser) -> None:
        n_client = len(other.client.get_registered_clients())
        view = SampView(state, lambda _uploads: None)
        view.connect()
        view.connect()
        release.set()
        await until(lambda: view.connection is not None and not view._working._busy)
        assert len(other.client.get_registered_clients()) == n_client + 1
        state.selected = 4
        view.send_table()
        view.send_spectrum()
        await until(lambda: "spectrum sent" in view.said.object)
        assert list(view._tables) == [other.wait(LOAD_TABLE)["url"]]
        view.leave()
        await until(lambda: not view._working._busy)

    run(work)


def test_tables_of_as_many_objects_are_told_apart(
    view: SampView, other: Topcat, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = np.array([3, 4]), np.array([7, 8])
    tables = []
    for rows in (first, second):
        monkeypatch.setattr(view._state, "rows", lambda rows=rows: rows)
        view.send_table()
        tables.append(other.wait(LOAD_TABLE))
        other.heard.clear()
    for told, rows in zip(tables, (first, second), strict=True):
        table = votable.parse_single_table(urlsplit(told["url"]).path).to_table()
        assert list(table["object_id"]) == dataset.ids[rows].tolist()
        view.hear(HIGHLIGHT, {"table-id": told["table-id"], "row": "1"})
        assert view._state.selected == rows[1]
    view._state.selected = 3
    assert other.wait(HIGHLIGHT)["table-id"] == tables[0]["table-id"]
    assert other.wait(HIGHLIGHT)["row"] == "0"


def test_a_table_may_be_named_by_its_address_alone(view: SampView, other: Topcat) -> None:
    view.send_table()
    url = other.wait(LOAD_TABLE)["url"]
    for n, address in enumerate((url, url.replace("file:///", "file:/"))):  # the latter is Java's
        view.hear(HIGHLIGHT, {"url": address, "row": str(5 + n)})
        assert view._state.selected == 5 + n


def test_the_place_of_two_spectra_leaves_the_one_selected(tiny_atlas_path: Path) -> None:
    catalog = open_tiny(tiny_atlas_path).catalog
    ra, dec = np.linspace(10, 20, len(catalog)), np.linspace(-5, 5, len(catalog))
    ra[4], dec[4] = ra[2], dec[2]
    view = SampView(ExplorerState(open_tiny(tiny_atlas_path, ra=ra, dec=dec)), lambda _: None)
    here = {"ra": str(ra[2]), "dec": str(dec[2])}
    for row in (2, 4):
        view._state.selected = row
        view.hear(POINT, here)
        assert view._state.selected == row
    view._state.selected = 6
    view.hear(POINT, here)
    assert view._state.selected in (2, 4)


def test_a_hub_that_stops_is_left_and_the_next_one_found(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'samp').as_uri()}")

    async def work(_document: Document, _browser: Browser) -> None:
        view = SampView(ExplorerState(dataset), lambda _uploads: None)
        for _ in range(2):
            with samp.conf.set_temp("use_internet", False):
                server = samp.SAMPHubServer(addr="127.0.0.1", web_profile=False)
                server.start()
            view.connect()
            await until(lambda: view.connection is not None)
            await asyncio.to_thread(server.stop)
            await until(lambda: view.connection is None and not view._working._busy)
            assert "connect again" in view.said.object
            assert view.menu.items == [{"label": "Connect"}]

    run(work)


def test_a_hub_that_knows_the_page_no_more_is_left(view: SampView, dataset: Dataset) -> None:
    assert view.connection is not None
    client = view.connection._client
    client.hub.unregister(client.client.get_private_key())
    folder = view.connection.folder
    view.send_table()
    assert view.connection is None
    assert "does not answer" in view.said.object
    assert view.menu.items == [{"label": "Connect"}]
    assert not folder.exists()
    view._state.selected = len(dataset) - 1  # nobody is told, and nothing fails
    view.connect()
    assert view.connection is not None


def test_a_page_closed_while_it_connects_leaves_nobody_at_the_hub(
    dataset: Dataset, other: Topcat, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release, made = threading.Event(), threading.Event(), []

    def slowly(*arguments: Any) -> SampConnection:
        begun.set()
        release.wait()
        made.append(SampConnection(*arguments))
        return made[0]

    monkeypatch.setattr("explorer.samp.view.SampConnection", slowly)

    async def work(document: Document, _browser: Browser) -> None:
        n_client = len(other.client.get_registered_clients())
        view = SampView(ExplorerState(dataset), lambda _uploads: None)
        view.connect()
        await until(begun.is_set)
        for closed in document.callbacks.session_destroyed_callbacks:
            closed(document.session_context)
        release.set()
        await until(lambda: bool(made) and not made[0].folder.exists())
        await until(lambda: len(other.client.get_registered_clients()) == n_client)

    run(work)


def test_a_server_that_stops_leaves_nobody_at_the_hub_and_no_files(other: Topcat) -> None:
    script = """
from explorer.samp.hub import SampConnection
connection = SampConnection(print, ())
connection.write("a.vot", b"x")
print(connection.folder)
"""
    n_client = len(other.client.get_registered_clients())
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not Path(done.stdout.strip()).exists()
    assert len(other.client.get_registered_clients()) == n_client


def test_that_a_table_is_on_its_way_is_said(dataset: Dataset, other: Topcat) -> None:
    async def work(_document: Document, _browser: Browser) -> None:
        view = SampView(ExplorerState(dataset), lambda _uploads: None)
        view.connect()
        await until(lambda: view.connection is not None)
        view.send_table()
        assert view.said.object == f"sending {len(dataset):,} objects …"
        await until(lambda: "sent to 1" in view.said.object)
        other.wait(LOAD_TABLE)
        view.leave()
        await until(lambda: not view._working._busy)

    run(work)
