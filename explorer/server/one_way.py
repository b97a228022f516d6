"""Components of which the browser never changes anything.

Works around a fault of Panel 1.9.4: a change that Python makes while a page loads is taken for the
user's (see `messages`), and made again 50 ms later, when the work that a bar showed may be done.
"""

from __future__ import annotations

from explorer.server.versions import known_good


class OneWay:
    """Put before a component's class: Panel does not listen to its properties."""

    @property
    def _linked_properties(self) -> tuple[str, ...]:
        """Names of the properties that Panel listens to: none."""
        if known_good("panel"):
            return ()
        return super()._linked_properties  # type: ignore[misc]
