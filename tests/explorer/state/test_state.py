"""The state of a session: what it offers, what follows from what."""

from pathlib import Path
from urllib.parse import parse_qsl
from weakref import ref

import numpy as np
import pytest

from explorer.controls.range_filter import everything
from explorer.keys import Help, beside
from explorer.state.address import NAMES, from_query, to_query
from explorer.state.dataset import DENSITY
from explorer.state.plane import AXES, LATENTS
from explorer.state.planes import MOST_PAIRS, plane_of
from explorer.state.state import ExplorerState
from tests.fixtures.explorer import new_state, open_tiny


def test_only_columns_that_are_there_are_offered(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path, empty=np.nan, constant="same")
    offered = state.param["colour"].objects
    assert offered[:4] == ["z", "log_mass", "log_ssfr", "a_v"]
    assert {"neg_log_p", "snr", "class", "activity", "constant", DENSITY} <= set(offered)
    assert not {"empty", "object_id", "umap_x"} & set(offered)
    dataset = open_tiny(tiny_atlas_path)
    dataset.catalog = dataset.catalog.drop(columns="log_mass")
    assert "log_mass" not in ExplorerState(dataset).param["colour"].objects


def test_embeddings_are_those_of_the_atlas_and_the_latent_pairs(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    assert state.param["embedding"].objects == ["umap", "tsne", "pca", LATENTS, AXES]
    state.param.update(embedding=LATENTS, latent_x=2, latent_y=0)
    np.testing.assert_array_equal(state.plane.x, state.dataset.catalog["latent_2"])
    assert state.plane.key == "latents:2:0"
    state.param.update(embedding=AXES, latent_x=0, latent_y=1)
    pca = plane_of(state.dataset, "pca")
    np.testing.assert_allclose(np.abs(state.plane.x), np.abs(pca.x), atol=1e-4)
    np.testing.assert_array_equal(state.plane.x, plane_of(state.dataset, "axes:0:1").x)


def test_filters_and_region_give_masks(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    catalog = state.dataset.catalog
    state.filters = {"z": (0.1, 0.2), "class": ["GALAXY"]}
    expected = catalog["z"].between(0.1, 0.2) & (catalog["class"] == "GALAXY")
    assert state.shown is not None
    assert abs(int(state.shown.sum()) - int(expected.sum())) <= 1  # float32 at the very edge
    plane = state.plane
    box = {"plane": plane.key, "x": [-99, 99, 99, -99], "y": [-99, -99, 99, 99]}
    state.region = box
    np.testing.assert_array_equal(state.subset, state.shown)
    state.filters = {}
    assert state.shown is None
    assert state.subset is not None
    assert state.subset.all()
    state.region = None
    assert state.subset is None
    np.testing.assert_array_equal(state.rows(), np.arange(len(catalog)))


def test_address_gives_the_same_view_again(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    defaults = {name: getattr(state, name) for name in NAMES.values()}
    assert to_query(state, defaults=defaults) == ""
    state.param.update(
        selected=7, embedding="tsne", colour="snr", clip=(2.0, 90.0), view=(-1.5, 2.0, 0.25, 3.0),
        filters={"z": (0.05, 0.2), "class": ["GALAXY"]}, frame="rest", smoothing=3, dark=True,
        region={"plane": "tsne", "x": [0.0, 1.0, 1.0], "y": [0.0, 0.0, 2.0]}, mark_neighbours=True,
    )  # fmt: skip
    query = dict(parse_qsl(to_query(state, defaults=defaults)[1:]))
    assert query["id"] == state.dataset.ids[7]
    assert query["theme"] == "dark"
    other = new_state(tiny_atlas_path)
    assert from_query(other, query) == []
    for name in (*NAMES.values(), "selected"):
        mine, its = getattr(state, name), getattr(other, name)
        if name == "filters":
            mine, its = ({k: list(v) for k, v in item.items()} for item in (mine, its))
        assert mine == its, name


def test_numeric_ids_keep_every_digit_in_the_address(tiny_atlas_path: Path) -> None:
    ids = [str(39627640566453451 + row) for row in range(120)]
    state = new_state(tiny_atlas_path, object_id=ids)
    state.selected = 5
    assert f"id={ids[5]}" in to_query(
        state, defaults={name: getattr(state, name) for name in NAMES.values()}
    )
    other = new_state(tiny_atlas_path, object_id=ids)
    from_query(other, {"id": ids[5]})
    assert other.selected == 5


HUGE = f"1{'0' * 400}"
"""A whole number beyond what floating point holds."""


def reloaded(state: ExplorerState, path: Path, **columns: object) -> ExplorerState:
    """Return the state that the address of another one gives."""
    other = new_state(path, **columns)
    defaults = {name: getattr(other, name) for name in NAMES.values()}
    query = dict(parse_qsl(to_query(state, defaults=defaults)[1:]))
    assert from_query(other, query) == []
    return other


def test_addresses_keep_limits_to_the_last_digit(tiny_atlas_path: Path) -> None:
    columns: dict[str, object] = {
        "night": np.arange(20210301, 20210421),
        "mjd": 59000 + np.linspace(0, 1, 120),
        "tiny": np.linspace(0.1234567, 0.1234599, 120),
    }
    state = new_state(tiny_atlas_path, **columns)
    names = ["z", "night", "mjd", "tiny"]
    state.filters = {name: everything(state.dataset, name) for name in names}
    assert len(state.rows()) == 120
    assert len(reloaded(state, tiny_atlas_path, **columns).rows()) == 120
    state.filters = {"night": (20210305.0, 20210310.0), "mjd": (59000.0123, 59000.0481)}
    state.name_selections({"A": {"filters": {"night": [20210305.0, 20210310.0]}}})
    state.region = {"plane": "umap", "x": [0.123456789, 1.0, 1.0], "y": [0.0, 0.0, 2.0]}
    other = reloaded(state, tiny_atlas_path, **columns)
    assert {name: tuple(limits) for name, limits in other.filters.items()} == state.filters
    assert (other.region, other.selections) == (state.region, state.selections)
    assert other.dataset.conditions["A"].sum() == 6


@pytest.mark.parametrize(
    "query",
    [
        {"id": "no-such-thing"}, {"c": "no_column"}, {"map": "<script>"}, {"clip": "[1,2,3]"},
        {"filters": '{"z": "x"}'}, {"filters": "not json"}, {"region": '{"plane": "umap"}'},
        {"smooth": "-3"}, {"view": "[1]"}, {"window": "[null, 2]"}, {"view": "[0,0,0,0]"},
        {"region": '{"plane":"nowhere","x":[0,1,1],"y":[0,0,1]}'}, {"view": "[0,NaN,0,1]"},
        {"view": "[-Infinity,Infinity,-Infinity,Infinity]"}, {"view": f"[0,{HUGE},0,1]"},
        {"filters": f'{{"z":[0,{HUGE}]}}'}, {"region": "[" * 20_000}, {"xy": '["z"]'},
        {"region": f'{{"column":"z","low":0,"high":{HUGE}}}'},
        {"region": f'{{"plane":"umap","x":[0,1,{HUGE}],"y":[0,1,2]}}'},
        {"sets": f'{{"A":{{"filters":{{"z":[0,{HUGE}]}}}}}}'},
        {"path": f'{{"plane":"umap","x":[0,{HUGE}],"y":[0,1]}}'},
    ],
)  # fmt: skip
def test_bad_address_is_told_and_the_rest_followed(
    tiny_atlas_path: Path, query: dict[str, str]
) -> None:
    state = new_state(tiny_atlas_path)
    complaints = from_query(state, {"frame": "rest", **query})
    assert len(complaints) == 1
    assert state.frame == "rest"
    assert state.rows().size == len(state.dataset)


def test_arrows_walk_the_selection_in_order_of_the_colour(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    state.colour = "z"
    state.filters = {"z": (0.1, 0.2)}
    seen = []
    for _ in range(int(state.shown.sum())):  # type: ignore[union-attr]
        state.selected = beside(state, 1)
        seen.append(state.dataset.catalog["z"].iloc[state.selected])
    assert seen == sorted(seen)
    assert len(set(seen)) == len(seen)
    last = state.selected
    state.selected = beside(state, 1)
    assert state.dataset.catalog["z"].iloc[state.selected] == seen[0]
    assert beside(state, -1) == last


def test_escape_undoes_one_step_at_a_time(tiny_atlas_path: Path) -> None:
    state = new_state(tiny_atlas_path)
    helper = Help(state)
    state.param.update(
        selected=3, highlight=[1, 2], region={"plane": "umap", "x": [0, 1, 1], "y": [0, 0, 1]},
        drawing="freehand",
    )  # fmt: skip
    trail = []
    for _ in range(5):
        helper.escape()
        trail.append((state.drawing, state.region is None, len(state.highlight), state.selected))
    assert trail == [
        ("off", False, 2, 3), ("off", True, 2, 3), ("off", True, 0, 3), ("off", True, 0, None),
        ("off", True, 0, None),
    ]  # fmt: skip


def test_planes_of_columns_are_shared_copy_nothing_and_are_let_go(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path, **{f"c{n}": np.arange(120.0) + n for n in range(10)})
    first, second = dataset.for_session(), dataset.for_session()
    plane = plane_of(first, ["c0", "c1"])
    assert plane_of(second, ["c0", "c1"]) is plane
    assert np.shares_memory(plane.x, first.numeric("c0"))
    alive = [ref(plane_of(first, [f"c{x}", f"c{y}"])) for x in range(10) for y in range(10)]
    assert sum(it() is not None for it in alive) <= MOST_PAIRS + 1  # `plane` is held here
    first.add("own", np.arange(120.0), meaning="")
    mine = plane_of(first, ["own", "c1"])
    first.add("own", np.arange(120.0) * 2, meaning="")
    np.testing.assert_array_equal(plane_of(first, ["own", "c1"]).x, mine.x * 2)
