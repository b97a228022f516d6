"""Give names, for screen readers, to controls that panel-material-ui leaves without one.

Works around what panel-material-ui 0.16.6 leaves out: the busy bar, the arrows of number fields,
a menu without a label (its placeholder is its name), tooltips and handles that carry a name but no
role that may have one; and what Tabulator calls a grid, buttons and all. Without the patch such
controls are read out as "button", and keys do not scroll a column that holds no control.
"""

from __future__ import annotations

from bokeh.document import Document
from bokeh.models import CustomJS

from explorer.server.versions import known_good

_CODE = """
const name = (element, text) => { if (text) element.setAttribute('aria-label', text) }
const words = {ArrowDropUp: 'more', KeyboardArrowUp: 'more', Add: 'more',
               ArrowDropDown: 'less', KeyboardArrowDown: 'less', Remove: 'less'}
function mend(element) {
  if (element.matches('.scrollable-vertical:not([tabindex])')) element.tabIndex = 0
  if (element.matches('.MuiLinearProgress-root:not([aria-label])')) name(element, 'busy')
  const role = (query, is) => { if (element.matches(query)) element.setAttribute('role', is) }
  role('[aria-label^="Resize "]:not([role])', 'separator')
  role('span[aria-label]:not([role])', 'note')
  if (element.matches('button:not([aria-label]):not([title])') && !element.textContent.trim()) {
    const icon = element.querySelector('svg[data-testid]')?.dataset.testid.replace(/Icon$/, '')
    const at = [...element.parentElement.querySelectorAll('button')].indexOf(element)
    name(element, words[icon] ?? icon?.replace(/([a-z])([A-Z])/g, '$1 $2') ?? ['more', 'less'][at])
  }
  if (element.matches('.tabulator-tableholder')) {
    // Tabulator calls all of itself a grid, the buttons of its pages included: only its rows are.
    const all = element.closest('.tabulator'), head = all.querySelector('.tabulator-header')
    head.id ||= `head-${Math.random().toString(36).slice(2)}`
    all.setAttribute('role', 'group')
    all.removeAttribute('aria-owns')
    element.setAttribute('role', 'grid')
    element.setAttribute('aria-owns', head.id)
  }
  if (element.matches('[role=combobox]')) {
    const label = element.getRootNode().getElementById(element.getAttribute('aria-labelledby'))
    if (!label?.textContent.trim()) {
      element.removeAttribute('aria-labelledby')
      name(element, element.textContent.trim())
    }
  }
}
const watched = new WeakSet()
const observer = new MutationObserver((records) => {
  for (const record of records) for (const node of record.addedNodes) look(node)
})
function watch(root) {
  if (watched.has(root)) return
  watched.add(root)
  observer.observe(root, {childList: true, subtree: true})
  for (const child of root.children) look(child)
}
function look(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return
  mend(node)
  if (node.shadowRoot) watch(node.shadowRoot)
  for (const child of node.children) look(child)
}
watch(document.body)
"""


def name_controls(document: Document) -> None:
    """Name the controls of every page of a document, now and as they appear."""
    if known_good("panel", "panel-material-ui"):
        document.js_on_event("document_ready", CustomJS(code=_CODE))
