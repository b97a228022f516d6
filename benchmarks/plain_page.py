"""The peers in a browser: how long until all points are painted (again)."""

from __future__ import annotations

from typing import Any

from tests.browser.chromium import Watched

_SCRIPT = """
window.timing = {input: 0, first: null};
for (const type of ['pointerdown', 'pointermove', 'wheel'])
  window.addEventListener(type, (event) => { timing.input = event.timeStamp }, true);
timing.painted = () => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))));
timing.shaded = () => {  // an image of the server's must come, not only the axes move
  const image = () => Bokeh.documents[0].get_model_by_name('map').renderers[0]
    .data_source.get_array('image')[0];
  const before = image();
  timing.input = 0;
  timing.answer = new Promise(async (done) => {
    while (image() === before) await new Promise((next) => setTimeout(next, 1));
    done(await timing.painted() - timing.input);
  });
};
timing.moved = async () => {
  const {start} = Bokeh.documents[0].get_model_by_name('map').x_range;
  timing.input = 0;
  timing.answer = new Promise(async (done) => {
    while (Bokeh.documents[0].get_model_by_name('map').x_range.start === start)
      await new Promise((next) => setTimeout(next, 1));
    done(await timing.painted() - timing.input);
  });
};
const look = async () => {
  const document = window.Bokeh?.documents[0];
  if (document?.get_model_by_name('map') && document.is_idle) timing.first = await timing.painted();
  else setTimeout(look, 5);
};
look();
"""


class PlainPage(Watched):
    """One visitor of a plain scatter, or of a plain datashaded image."""

    def __init__(self, context: Any, url: str, *, shaded: bool = False) -> None:
        """Open the page and wait until all points are painted."""
        self._shaded, self._await = shaded, "timing.shaded" if shaded else "timing.moved"
        context.add_init_script(_SCRIPT)
        super().__init__(context, url)
        self.page.wait_for_function("window.timing?.first != null", timeout=300_000)
        self.page.wait_for_timeout(1000)

    @property
    def first_paint(self) -> float:
        """Seconds from the start of the navigation to all points painted."""
        return float(self.page.evaluate("timing.first")) / 1e3

    def wheel(self, x: float, y: float, *, turn: int) -> float:
        """Zoom with one turn of the wheel; return seconds."""
        self.page.mouse.move(*self.pixel("map", x, y))
        self.page.evaluate(f"() => {{ {self._await}() }}")
        self.page.mouse.wheel(0, turn)
        return self._seconds()

    def drag(self, x: float, y: float, *, right: float) -> float:
        """Move by some pixels at once; return seconds."""
        left, top = self.pixel("map", x, y)
        self.page.mouse.move(left, top)
        self.page.mouse.down()
        self.page.evaluate(f"() => {{ {self._await}() }}")
        self.page.mouse.move(left + right, top)
        if self._shaded:  # whose image is asked for when the button is let go
            self.page.mouse.up()
        seconds = self._seconds()
        self.page.mouse.up()
        return seconds

    def _seconds(self) -> float:
        seconds = float(self.page.evaluate("timing.answer")) / 1e3
        self.page.wait_for_timeout(300)
        return seconds
