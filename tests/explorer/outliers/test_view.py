"""The outliers: order, what is left out, cards, labels and the walk along the list."""

import csv
import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from explorer.labels.place import FILE
from explorer.outliers.contact_sheet import mark_of
from explorer.outliers.ranking import LONGEST, good_limits, rank
from explorer.outliers.thumbnails import HEIGHT, N_COLUMN, WIDTH, Thumbnails, draw_thumbnail
from explorer.outliers.view import SHEET, TABLE, OutliersView
from explorer.session import Session
from explorer.state.outlier_options import GOOD, UNLABELLED, UNSATURATED
from explorer.state.state import ExplorerState
from tests.fixtures.explorer import new_state, open_tiny

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9.2 makes tables with a keyword that pandas 3.1 deprecates.
    "ignore:The inplace keyword:pandas.errors.Pandas4Warning"
)


@pytest.fixture
def view(own_atlas: Path) -> OutliersView:
    return opened(own_atlas)


def opened(path: Path) -> OutliersView:
    view = OutliersView(new_state(path))
    view._state.tab = "Outliers"
    return view


def state_of(view: OutliersView) -> ExplorerState:
    return view._state


def values(view: OutliersView, column: str) -> np.ndarray:
    return view._state.dataset.numeric(column)


@pytest.mark.parametrize("column", ["neg_log_p", "lof", "chi2_red", "mask_fraction"])
def test_list_is_in_the_order_of_the_score(view: OutliersView, column: str) -> None:
    state_of(view).param.update(score=column)
    state_of(view).outlier_options = []  # nothing left out
    assert view.queue.ranking is not None
    np.testing.assert_array_equal(
        values(view, column)[view.queue.ranking.rows], np.sort(values(view, column))[::-1]
    )
    state_of(view).ordinary_first = True
    np.testing.assert_array_equal(
        values(view, column)[view.queue.ranking.rows], np.sort(values(view, column))
    )


def test_a_score_whose_low_values_are_strange_ranks_them_first(own_atlas: Path) -> None:
    state = new_state(own_atlas)
    scores = state.dataset.atlas.scores
    low = type(scores[0])(
        column="snr", label="S/N", explanation="Low is strange.", higher_is_stranger=False
    )
    state.dataset.atlas.scores = (*scores, low)
    state.param["score"].objects = [score.column for score in state.dataset.atlas.scores]
    view = OutliersView(state)
    state.param.update(tab="Outliers", score="snr")
    assert view.queue.ranking is not None
    assert (np.diff(state.dataset.numeric("snr")[view.queue.ranking.rows]) >= 0).all()
    assert "The lowest come first" in str(view.explanation.object)


def test_explanation_says_score_direction_and_counts(view: OutliersView) -> None:
    score = state_of(view).dataset.atlas.scores[0]
    text = str(view.explanation.object)
    assert score.explanation[:30] in text
    assert "The highest come first" in text
    assert "120 objects listed, 0 left out" in text


def test_list_follows_filters_and_region_of_the_map(view: OutliersView) -> None:
    state = state_of(view)
    state.filters = {"z": (0.1, 0.2)}
    inside = (values(view, "z") >= np.float32(0.1)) & (values(view, "z") <= np.float32(0.2))
    assert view.queue.ranking is not None
    assert set(view.queue.ranking.rows) == set(np.flatnonzero(inside))


def test_options_leave_out_what_they_say(own_atlas: Path) -> None:
    peak = np.full(120, 2.0)
    peak[[3, 4]] = 101.0
    state = ExplorerState(open_tiny(own_atlas, line_peak=peak), tab="Outliers")
    view = OutliersView(state)
    state.outlier_options = [UNSATURATED]
    assert view.queue.ranking is not None
    assert set(range(120)) - set(view.queue.ranking.rows) == {3, 4}
    state.outlier_options = [GOOD]
    chi2 = state.dataset.numeric("chi2_red")
    good = np.flatnonzero(chi2 <= good_limits(state.dataset))
    assert set(view.queue.ranking.rows) == set(good)
    assert 0.8 * 120 < len(good) < 120
    hidden = 120 - len(view.queue.ranking)
    assert f"at the same S/N) hides {hidden}." in str(view.explanation.object)


def test_cuts_of_the_paper_come_with_its_score(view: OutliersView) -> None:
    state = state_of(view)
    state.outlier_options = [UNLABELLED]
    view.score.value = "neg_log_p"
    assert state.outlier_options == [UNLABELLED, UNSATURATED]
    view.score.value = "lof"
    assert state.outlier_options == [UNLABELLED]


def test_objects_without_the_score_are_not_listed(own_atlas: Path) -> None:
    lof = np.linspace(1, 2, 120)
    lof[7] = np.nan
    state = ExplorerState(open_tiny(own_atlas, lof=lof), tab="Outliers", score="lof")
    view = OutliersView(state)
    assert view.queue.ranking is not None
    assert 7 not in view.queue.ranking.rows
    assert view.queue.ranking.n_left_out == 1


def test_list_is_cut_at_its_longest(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    among = np.arange(120).repeat(100)
    ranking = rank(
        dataset, dataset.numeric("z"), among=among, highest_first=True, options=[], labelled=[]
    )
    assert len(ranking) == LONGEST
    assert ranking.n_ranked == 12_000


def test_arrows_walk_the_list_and_pages_follow(view: OutliersView) -> None:
    ranking = view.queue.ranking
    assert ranking is not None
    view.queue.step(1)
    assert state_of(view).selected == ranking.rows[0]
    for _ in range(12):
        view.queue.step(1)
    assert state_of(view).selected == ranking.rows[12]
    assert (view.queue.page, view.sheet.current) == (1, 0)
    assert view.sheet.cards[0]["id"] == state_of(view).selected_id
    view.queue.step(-1)
    assert (view.queue.page, view.sheet.current) == (0, 11)
    for _ in range(20):
        view.queue.step(-1)
    assert state_of(view).selected == ranking.rows[0]


def test_selecting_on_the_map_opens_its_page(view: OutliersView) -> None:
    assert view.queue.ranking is not None
    state_of(view).selected = int(view.queue.ranking.rows[50])
    assert view.queue.page == 50 // 12
    assert view.sheet.cards[view.sheet.current]["id"] == state_of(view).selected_id


def test_last_page_holds_the_rest_and_is_the_last(view: OutliersView) -> None:
    state_of(view).filters = {"z": (0.0, float(np.sort(values(view, "z"))[29]))}
    for _ in range(9):
        view.queue.turn(1)
    assert (view.queue.page, view.queue.n_page, len(view.sheet.cards)) == (2, 3, 6)
    view.queue.turn(-9)
    assert view.queue.page == 0


def test_empty_selection_gives_an_empty_sheet(view: OutliersView) -> None:
    state_of(view).filters = {"z": (5.0, 6.0)}
    assert view.sheet.cards == []
    view.queue.step(1)
    assert state_of(view).selected is None


def test_nothing_is_made_while_the_tab_is_closed(own_atlas: Path) -> None:
    state = new_state(own_atlas)
    view = OutliersView(state)
    state.score = "lof"
    assert view.queue.ranking is None
    state.tab = "Outliers"
    assert view.queue.ranking is not None
    assert not (own_atlas / FILE).exists()


def test_keys_label_and_undo(view: OutliersView) -> None:
    assert view.bar is not None
    assert view._store is not None
    keys = view.bar.keys
    view.queue.step(1)
    first = state_of(view).selected_id
    keys["4"]()
    view.bar.kind.value = "blend"
    view.bar.note.value = "<script>alert(1)</script>"
    label = view._store.get(first)
    assert label is not None
    assert (label.grade, label.kind, label.note) == (4, "blend", "<script>alert(1)</script>")
    assert view.sheet.marks[0] == "4 blend" == mark_of(label)
    assert "saved by" in str(view.bar.said.object)
    view.queue.step(1)
    assert view.bar.grade.value == "–"
    assert view.bar.note.value == ""
    keys["u"]()
    assert state_of(view).selected_id == first
    assert view.bar.note.value == ""
    assert view.bar.kind.value == "blend"


def test_selecting_writes_nothing(view: OutliersView) -> None:
    assert view._store is not None
    for _ in range(5):
        view.queue.step(1)
    assert view._store.all() == {}


def test_a_bad_note_is_refused_and_the_old_label_stays(view: OutliersView) -> None:
    assert view.bar is not None
    assert view._store is not None
    view.queue.step(1)
    view.bar.keys["2"]()
    view.bar.note.value = "x" * 3000
    label = view._store.get(state_of(view).selected_id)
    assert label is not None
    assert (label.grade, label.note) == (2, "")


def test_unlabelled_come_first_once_sorted_again(view: OutliersView) -> None:
    assert view.bar is not None
    view.queue.step(1)
    first = state_of(view).selected
    view.bar.keys["0"]()
    assert view.queue.ranking is not None
    assert view.queue.ranking.rows[0] == first
    state_of(view).outlier_options = [UNLABELLED]
    assert view.queue.ranking.rows[-1] == first


def test_learning_lowers_what_is_like_the_dull(view: OutliersView) -> None:
    assert view.bar is not None
    before = view.queue.ranking
    assert before is not None
    for _ in range(3):
        view.queue.step(1)
        view.bar.keys["0"]()
    view.queue.learn = True
    after = view.queue.ranking
    assert after is not None
    assert np.mean([after.position(row) for row in before.rows[:3]]) > 10
    assert "Re-ranked by 3 grades" in str(view.explanation.object)
    view.queue.learn = False
    np.testing.assert_array_equal(view.queue.ranking.rows, before.rows)


def test_labels_are_exported_with_who_and_when(view: OutliersView) -> None:
    assert view.bar is not None
    view.bar.who.value = "Ada"
    view.queue.step(1)
    view.bar.keys["5"]()
    rows = list(csv.DictReader(io.StringIO(view.files.exported("labels as CSV").content.decode())))
    assert rows[0]["object_id"] == state_of(view).selected_id
    assert (rows[0]["grade"], rows[0]["who"]) == ("5", "Ada")
    assert rows[0]["at"].endswith("+00:00")


def test_labels_survive_to_the_next_session(own_atlas: Path) -> None:
    first = opened(own_atlas)
    assert first.bar is not None
    first.queue.step(1)
    first.bar.keys["3"]()
    again = opened(own_atlas)
    again.queue.step(1)
    assert again.bar is not None
    assert again.bar.grade.value == "3"
    assert again.sheet.marks[0] == "3"


def test_a_damaged_label_file_is_told_and_left_alone(own_atlas: Path) -> None:
    (own_atlas / FILE).write_bytes(b"something else entirely" * 99)
    view = opened(own_atlas)
    assert view.bar is None
    assert "must be a file of labels" in view._notice
    assert len(view.sheet.cards) == 12
    view.__panel__()
    assert (own_atlas / FILE).read_bytes() == b"something else entirely" * 99


def test_table_shows_the_same_list(view: OutliersView) -> None:
    view.part.value = TABLE
    assert view.queue.ranking is not None
    assert len(view.table.rows) == 24
    ids = [row[1] for row in view.table.rows]
    assert ids == state_of(view).dataset.ids[view.queue.ranking.rows[:24]].tolist()
    state_of(view).selected = int(view.queue.ranking.rows[30])
    assert view.table.rows[view.table.current][1] == state_of(view).selected_id
    assert view.table.rows[0][0] == "25"
    view.part.value = SHEET
    assert view.sheet.cards[view.sheet.current]["id"] == state_of(view).selected_id


def points(path: str) -> np.ndarray:
    numbers = path.replace("M", " ").replace("L", " ").split()
    return np.array(numbers, dtype=float).reshape(-1, 2)


def test_thumbnail_is_finite_svg_inside_its_box(view: OutliersView) -> None:
    for item in view.sheet.cards:
        for name, height in (("data", HEIGHT), ("model", HEIGHT)):
            ElementTree.fromstring(f'<path d="{item[name]}"/>')
            drawn = points(item[name])
            assert len(drawn) > N_COLUMN / 2
            assert np.isfinite(drawn).all()
            assert 0 <= drawn[:, 0].min() <= drawn[:, 0].max() <= WIDTH
            assert 0 <= drawn[:, 1].min() <= drawn[:, 1].max() <= height


def test_thumbnail_shows_a_line_where_it_is(rng: np.random.Generator) -> None:
    wave = 10 ** (3.578 + 1e-4 * np.arange(3921))
    flux = 1 + 5 * np.exp(-0.5 * ((wave - 7000) / 4) ** 2) + rng.normal(0, 0.05, len(wave))
    model = np.ones_like(wave)
    drawn = draw_thumbnail(
        wave, flux, np.full_like(wave, 400.0), model, start=wave[0], end=wave[-1]
    )
    data, residual = points(drawn.data), points(drawn.residual)
    peak = wave[0] + data[data[:, 1].argmin(), 0] / WIDTH * (wave[-1] - wave[0])
    assert abs(peak - 7000) < 2 * (wave[-1] - wave[0]) / N_COLUMN
    assert data[:, 1].min() < 0.35 * HEIGHT
    assert residual[:, 1].min() == 0  # cut at 8 sigma
    assert drawn.chi2 > 10


def test_thumbnail_of_a_wholly_masked_spectrum_is_empty() -> None:
    wave = np.linspace(4000, 9000, 100)
    nothing = np.full(100, np.nan)
    drawn = draw_thumbnail(wave, nothing, np.zeros(100), nothing, start=4000, end=9000)
    assert (drawn.data, drawn.residual) == ("", "")
    assert np.isnan(drawn.chi2)


def test_thumbnails_are_drawn_once(tiny_atlas_path: Path) -> None:
    thumbnails = Thumbnails.of(open_tiny(tiny_atlas_path))
    first = thumbnails.get([3, 1], frame="rest")
    again = thumbnails.get([1, 2, 3], frame="rest")
    assert again[0] is first[1]
    assert again[2] is first[0]
    assert thumbnails.get([1], frame="observed")[0].data != again[0].data


@pytest.mark.parametrize("first", ["Inspect", "Outliers"])
def test_the_list_opens_at_its_top_unless_the_page_opened_with_it(
    own_atlas: Path, first: str
) -> None:
    listed = opened(own_atlas).queue.ranking
    assert listed is not None
    session = Session(open_tiny(own_atlas))
    session.state.param.update(tab=first, selected=int(listed.rows[30]))
    session.start()
    session.state.tab = "Outliers"
    queue = OutliersView(session.state).queue
    assert queue.page == (30 // queue.per_page if first == "Outliers" else 0)
