"""Keep Panel's React components from sending back what they were told, and from missing it.

Works around two faults of Panel 1.9.4, both of `useState` of a React component:

- It writes its value into the model after every change of it, whoever made it. Where Python
  changes a property twice in a row, the first value is written over the second one and goes to the
  server as if the user had chosen it: quick keys are lost, a slider jumps back. With the patch only
  what the component itself sets is written.
- It reads a property when the component is drawn and listens to it only from the next frame on. A
  change between the two is missed: on a busy machine a field stays disabled for good, though an
  object has been selected. With the patch it reads the property again once it listens.

The patch reaches all components that are made once the page is ready: the controls and the tabs.
"""

from __future__ import annotations

from bokeh.document import Document
from bokeh.models import CustomJS

from explorer.server.versions import known_good

STATE = "const [value, setValue] = React.useState(targetModel.attributes[resolvedProp])"
LISTENING = "react_proxy.on(prop, cb, true)"
WRITTEN = "&& initialized.current) {"
GIVEN = "return [value, setValue]"
_CODE = """
const {prototype} = Bokeh.Models.get('panel.models.esm.ReactComponent');
const plain = prototype._render_code;
const key = Object.getOwnPropertyDescriptor(prototype, '_render_cache_key');
if (typeof plain === 'function' && key?.get !== undefined && !plain.patched) {
  const [state, listening, written, given] = parts;
  prototype._render_code = function() {
    const code = plain.call(this);
    if (!parts.every((part) => code.includes(part))) return code;
    return code
      .replace(state, state + `
        const own = React.useRef(false)
        const set = React.useRef((next) => { own.current = true; setValue(next) })`)
      .replace(listening, listening + `
            if (!target.model.events.includes(resolvedProp)) cb()`)
      .replace(written, `&& initialized.current && own.current) {
        own.current = false`)
      .replace(given, 'return [value, set.current]');
  };
  prototype._render_code.patched = true;
  // All components share what was compiled for the first of them.
  Object.defineProperty(prototype, '_render_cache_key', {
    ...key, get() { return `${key.get.call(this)}-patched`; },
  });
}
"""


def cut_echoes(document: Document) -> None:
    """Let components write only what they set, and miss nothing, in every page of a document."""
    if known_good("panel"):
        code = CustomJS(args={"parts": [STATE, LISTENING, WRITTEN, GIVEN]}, code=_CODE)
        document.js_on_event("document_ready", code)
