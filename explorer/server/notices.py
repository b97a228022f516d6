"""What the page tells its user in a corner for some seconds: errors, warnings, good news."""

from __future__ import annotations

import logging

import panel as pn

_log = logging.getLogger(__name__)


def report(error: BaseException) -> None:
    """Show an error in the page and log it; the app lives on."""
    _log.error("%s", error, exc_info=error)
    if pn.state.notifications is not None:
        pn.state.notifications.error(f"{type(error).__name__}: {error}"[:300], duration=8000)


def warn(text: str) -> None:
    """Show a warning in the page."""
    if pn.state.notifications is not None:
        pn.state.notifications.warning(text[:300], duration=6000)


def announce(text: str) -> None:
    """Show in the page that something worked."""
    if pn.state.notifications is not None:
        pn.state.notifications.success(text[:300], duration=4000)
