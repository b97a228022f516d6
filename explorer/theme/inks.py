"""The colours of a view's figures and glyphs, which follow the theme of its session."""

from __future__ import annotations

from typing import Any

from explorer.theme.theme import ink, paint


class Inks:
    """Paints the figures of a view, and its glyphs by role, now and when the theme changes.

    Example:
        inks = Inks(state)
        inks.add(figure.line("x", "y", source=source), line_color="model")
        inks.paint(figure)
    """

    def __init__(self, state: Any) -> None:  # noqa: ANN401 - an ExplorerState, which lies above
        """Follow `state.dark`."""
        self._state = state
        self._figures: list[Any] = []
        self._glyphs: list[tuple[Any, dict[str, str]]] = []
        state.param.watch(lambda *_: self._repaint(), "dark")

    def add(self, model: Any, **roles: str) -> None:  # noqa: ANN401 - a renderer or annotation
        """Colour properties of a glyph or annotation: name of the property = role (see `Ink`)."""
        self._glyphs.append((getattr(model, "glyph", model), roles))

    def paint(self, *figures: Any) -> None:  # noqa: ANN401 - Bokeh's figures
        """Paint figures, which are complete by now, and all glyphs."""
        self._figures += figures
        self._repaint()

    def _repaint(self) -> None:
        colours = ink(self._state.dark)
        for fig in self._figures:
            paint(fig, dark=self._state.dark)
        for glyph, roles in self._glyphs:
            glyph.update(**{name: getattr(colours, role) for name, role in roles.items()})
