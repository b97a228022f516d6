"""What goes with a column or a named selection that the user removes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from explorer.server.notices import warn
from explorer.state.state import ExplorerState


@contextmanager
def telling_losses(state: ExplorerState, name: str) -> Iterator[None]:
    """Remove a column or selection inside; what needed it and went with it is told."""
    before = _wanted(state)
    yield
    left = _wanted(state)
    lost = [text for text in before if text not in left and text != f"selection {name!r}"]
    if lost:
        text = f"{', '.join(lost)} went with {name}; undo brings it back."
        warn(text[0].upper() + text[1:])


def _wanted(state: ExplorerState) -> list[str]:
    """Return all that says which objects are looked at, in words."""
    words = [f"filter {name!r}" for name in state.filters]
    words += [f"selection {name!r}" for name in state.selections]
    return words if state.region is None else [*words, "what was selected"]
