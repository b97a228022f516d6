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
