"""The explorer in a real browser, driven by mouse events and timed from within the page.

Time runs from the time stamp that the browser gave the input event to the second animation frame
after the new content came: then it has been painted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.browser.chromium import Watched

_SCRIPT = """
window.timing = {input: 0, first: null, answers: null};
for (const type of ['pointerdown', 'pointerup', 'wheel'])
  window.addEventListener(type, (event) => { timing.input = event.timeStamp }, true);
timing.painted = () => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))));
timing.find = (name) => Bokeh.documents[0].get_model_by_name(name)
  ?? [...Bokeh.documents[0]._all_models.values()].find(
    ({text}) => typeof text === 'string' && text.match(name));
timing.change = (name, property) => new Promise((done) => {
  const {change} = timing.find(name).properties[property];
  const seen = () => { change.disconnect(seen); done() };
  change.connect(seen);
});
timing.watch = (groups) => {
  timing.input = 0;
  timing.answers = Promise.all(groups.map(async (group) => {
    const change = Promise.all(group.map(([name, property]) => timing.change(name, property)));
    const late = new Promise((done) => setTimeout(() => done('late'), LIMIT));
    if (await Promise.race([change, late]) === 'late') return null;
    return await timing.painted() - timing.input;
  }));
};
const coloured = () => {  // whether the map's canvas shows coloured pixels
  const map = window.Bokeh?.documents[0]?.get_model_by_name('map');
  const layer = map && Bokeh.index.find_one_by_id(map.id)?.canvas_view?.primary;
  if (!layer?.canvas.width || !layer.canvas.isConnected) return false;
  const {data} = layer.canvas.getContext('2d').getImageData(
    0, 0, layer.canvas.width, layer.canvas.height);
  let n = 0;
  for (let i = 0; i < data.length; i += 4)
    n += data[i + 3] > 100 && Math.max(data[i], data[i + 1], data[i + 2])
      - Math.min(data[i], data[i + 1], data[i + 2]) > 60;
  return n > 1000;
};
const look = async () => {
  if (coloured()) timing.first = await timing.painted();
  else setTimeout(look, 30);
};
look();
"""
LIMIT = 10.0
"""Seconds after which an action counts as failed."""
DOUBLE_TAP = 350
"""Milliseconds that keep two clicks from being a double click."""

Group = list[tuple[str, str]]
SPECTRUM: Group = [("pixels", "data"), ("decoded", "data")]
ATTENTION: Group = [("attention bars", "data")]
MAP: Group = [("map image", "data")]
LASSO: Group = [("map image", "data"), ("^[0-9,]+ objects", "text")]
TRACK: Group = [("track spectra", "data")]


class ExplorerPage(Watched):
    """One visitor of the explorer, who acts and waits."""

    def __init__(self, context: Any, url: str) -> None:
        """Open the page and wait until the map is painted.

        Args:
            context: A browser context of Playwright's, its own for each visitor.
            url: Address of the explorer.
        """
        context.add_init_script(_SCRIPT.replace("LIMIT", str(1000 * LIMIT)))
        super().__init__(context, url)
        self.page.wait_for_function("window.timing?.first != null", timeout=120_000)

    @property
    def first_paint(self) -> float:
        """Seconds from the start of the navigation to the first map painted."""
        return float(self.page.evaluate("timing.first")) / 1e3

    def settle(self) -> None:
        """Close the tour, and wait until the page does nothing."""
        self.wait_for_map()
        self.wait_for_rest()
        close = self.page.get_by_role("button", name="Close", exact=True)
        if close.count():
            close.click()
            close.wait_for(state="hidden")
        self.wait_for_rest()

    def watch(self, *groups: Group) -> None:
        """Wait, from now on, for new content of models, each group on its own."""
        self.page.wait_for_timeout(DOUBLE_TAP)
        self.page.evaluate("(groups) => timing.watch(groups)", [list(group) for group in groups])

    def seconds(self) -> list[float]:
        """Return seconds from the last input event to each group painted; NaN if it never was."""
        answers = self.page.evaluate("timing.answers")
        return [np.nan if answer is None else answer / 1e3 for answer in answers]

    # What a visitor does.

    def click(self, x: float, y: float) -> list[float]:
        """Click a place of the map; return seconds to the spectrum, and to its attention."""
        self.watch(SPECTRUM, ATTENTION)
        self.page.mouse.click(*self.pixel("map", x, y))
        return self.seconds()

    def wheel(self, x: float, y: float, *, turn: int) -> list[float]:
        """Zoom with one turn of the wheel."""
        self.page.mouse.move(*self.pixel("map", x, y))
        self.watch(MAP)
        self.page.mouse.wheel(0, turn)
        return self.seconds()

    def drag(self, x: float, y: float, *, right: float, down: float) -> list[float]:
        """Move the map by some pixels; return seconds from letting go."""
        left, top = self.pixel("map", x, y)
        self.page.mouse.move(left, top)
        self.page.mouse.down()
        self.page.mouse.move(left + right / 2, top + down / 2)
        self.wait_for_rest()  # what is drawn on the way must not count
        self.watch(MAP)
        self.page.mouse.move(left + right, top + down)
        self.page.mouse.up()
        return self.seconds()

    def recolour(self, label: str) -> list[float]:
        """Choose what colours the map."""
        self.page.get_by_role("combobox", name="Colour", exact=True).click()
        item = self.page.get_by_role("option", name=label, exact=True).or_(
            self.page.get_by_role("menuitem", name=label, exact=True)
        )
        item.wait_for()
        item.scroll_into_view_if_needed()
        self.page.wait_for_timeout(400)  # the menu opens slowly
        box = item.bounding_box()
        assert box is not None
        self.watch(MAP)
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        seconds = self.seconds()
        item.wait_for(state="hidden")
        return seconds

    def lasso(self, corners: np.ndarray) -> list[float]:
        """Draw round a polygon, shape (n_corner, 2); return seconds to dimmed map and counts."""
        self.model("get('map').toolbar.tools.find(t => t.type == 'LassoSelectTool').active = true")
        self._trace(corners, LASSO)
        return self.seconds()

    def begin_to_draw(self) -> None:
        """Show the whole map, open the tab of tracks and let dragging draw."""
        self.model("Bokeh.index.find_one_by_id(get('map').id).reset()")
        self.page.get_by_role("tab", name="Tracks").click()
        self.page.get_by_role("button", name="freehand").click()
        self.page.get_by_text("Drag on the map").wait_for()

    def draw(self, corners: np.ndarray) -> list[float]:
        """Draw a track along a path, shape (n_corner, 2), and let its stacks be read."""
        self._trace(corners, TRACK)
        seconds = self.seconds()
        self.wait_for("get('track observed').data.flux.length > 0")
        return seconds

    def _trace(self, corners: np.ndarray, group: Group) -> None:
        places = [self.pixel("map", *corner) for corner in corners]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=3)
        self.watch(group)
        self.page.mouse.up()


def box_of(xy: np.ndarray, n_object: int, rng: np.random.Generator) -> np.ndarray:
    """Return the corners of a box with `n_object` of the places `xy`, shape (4, 2)."""
    spread = xy.std(axis=0)
    centre = np.median(xy, axis=0) + 0.15 * spread * rng.normal(size=2)
    reach = np.max(np.abs(xy - centre) / spread, axis=1)
    half = np.partition(reach, n_object - 1)[n_object - 1] * spread
    return centre + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
