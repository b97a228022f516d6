import time
from concurrent.futures import ThreadPoolExecutor

from explorer.spectrum.inspection import inspect
from explorer.spectrum.reasons import ReasonsView, reasons_html, reasons_of
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from model.atlas.atlas import Atlas
from model.residuals.reasons import Reason


def test_reasons_follow_the_selection(tiny_atlas_path):
    dataset = Dataset(Atlas(tiny_atlas_path))
    state = ExplorerState(dataset)
    view = ReasonsView(state)
    assert view.html == ""
    state.selected = 4
    assert view.html == reasons_html(reasons_of(dataset, 4))
    assert "Why strange?" in view.html


def test_reasons_are_text_with_their_strength_and_a_question_mark():
    html = reasons_html([Reason("star", "<b>a star</b>", 12.34, "Star"), Reason("x", "weak", 1.1)])
    assert "&lt;b&gt;a star&lt;/b&gt;" in html
    assert ">12.3<" in html
    assert "<b>Star</b>?" in html
    assert html.count("class=weak") == 1
    assert "Nothing is above" in reasons_html([])


def test_reasons_are_worked_out_once_for_threads_that_ask_together(tiny_atlas_path, monkeypatch):
    dataset = Dataset(Atlas(tiny_atlas_path))
    asked = []

    def slowly(*chosen):
        asked.append(chosen)
        time.sleep(0.1)
        return inspect(*chosen)

    monkeypatch.setattr("explorer.spectrum.reasons.inspect", slowly)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: reasons_of(dataset, 4), range(4)))
    assert found == [found[0]] * 4
    assert len(asked) == 1
