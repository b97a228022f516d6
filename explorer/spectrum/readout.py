"""Says what lies under the pointer: wavelength, flux, noise, reconstruction."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, CustomJS, Label, Span

from explorer.spectrum.inspection import Inspection
from explorer.theme.inks import Inks

_HIDE_JS = """
for (const item of [label, ...spans]) item.setv({visible: false}, {sync: false})
"""
_MOVE_JS = (
    f"const hide = () => {{{_HIDE_JS}}}"
    + """
const {wave, flux, low, high, model, residual} = pixels.data
const [z, to_observed, norm] = ['z', 'to_observed', 'norm'].map((name) => about.data[name][0])
if (wave.length === 0) { hide(); return }
let first = 0, last = wave.length - 1
while (last - first > 1) {
  const middle = (first + last) >> 1
  if (wave[middle] > cb_obj.x) last = middle; else first = middle
}
const at = cb_obj.x - wave[first] < wave[last] - cb_obj.x ? first : last
if (Math.abs(wave[at] - cb_obj.x) > 3 * (wave[last] - wave[first])) { hide(); return }
const observed = wave[at] * to_observed
const parts = [`${observed.toFixed(1)} Å observed, ${(observed / (1 + z)).toFixed(1)} Å rest`]
const digits = (value) => Number(value.toPrecision(4)).toString()
if (isFinite(flux[at])) {
  const physical = norm > 0 ? ` = ${digits(flux[at] * norm)} × 10⁻¹⁷ erg/s/cm²/Å` : ''
  parts.push(`data ${digits(flux[at])} ± ${digits((high[at] - low[at]) / 2)}${physical}`)
} else parts.push('data masked')
if (isFinite(model[at])) {
  const sign = residual[at] < 0 ? '−' : '+'
  const off = isFinite(residual[at]) ? `, ${sign}${Math.abs(residual[at]).toFixed(1)}σ` : ''
  parts.push(`reconstruction ${digits(model[at])}${off}`)
}
// Beside the pointer, not under it.
const right = cb_obj.sx < figure.inner_width / 2
label.setv({
  text: parts.join('\\n'), visible: true, text_align: right ? 'right' : 'left',
  x: right ? figure.inner_width - 6 : 6,
}, {sync: false})
for (const span of spans) span.setv({location: wave[at], visible: true}, {sync: false})
"""
)
"""Nothing of it goes to the server (`sync`): it follows the pointer however busy that is."""


class Readout:
    """A cursor through all figures on one axis, and words in the first of them.

    Attributes:
        label: The words.
        about: `z`, `norm` (1e-17 erg/s/cm2/Angstrom; NaN = not known) and `to_observed` (what
            multiplies a wavelength of the axis) of the object shown, in one row.
    """

    def __init__(self, figures: list[Any], pixels: ColumnDataSource, inks: Inks) -> None:
        """Follow the pointer over figures.

        Args:
            figures: Of one wavelength axis; the words stand in the first.
            pixels: What they show: `wave`, `flux`, `low`, `high`, `model`, `residual`.
            inks: Colours words and cursor.
        """
        self.about: Any = ColumnDataSource({"z": [], "norm": [], "to_observed": []})
        self.label = Label(
            x=6, y=6, x_units="screen", y_units="screen", visible=False, name="readout",
            text_font_size="11px", background_fill_alpha=0.85,
        )  # fmt: skip
        spans = [Span(dimension="height", visible=False, line_dash=[2, 2]) for _fig in figures]
        figures[0].add_layout(self.label)
        inks.add(self.label, text_color="text", background_fill_color="paper")
        args = {
            "label": self.label, "spans": spans, "pixels": pixels, "about": self.about,
            "figure": figures[0],
        }  # fmt: skip
        for fig, span in zip(figures, spans, strict=True):
            fig.add_layout(span)
            inks.add(span, line_color="faint")
            fig.js_on_event("mousemove", CustomJS(args=args, code=_MOVE_JS))
            fig.js_on_event("mouseleave", CustomJS(args=args, code=_HIDE_JS))

    def show(self, item: Inspection, factor: float) -> None:
        """Read out an object.

        Args:
            item: The object.
            factor: What its observed wavelengths are multiplied by on the axis.
        """
        self.about.data = {"z": [item.z], "norm": [item.norm], "to_observed": [1 / factor]}
