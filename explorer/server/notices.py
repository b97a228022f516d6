"""What the page tells its user in a corner for some seconds: errors, warnings, good news."""

from __future__ import annotations

import logging
from collections.abc import Callable

import panel as pn

_log = logging.getLogger(__name__)


def place_notices() -> None:
    """Show notices of this session over the map (`theme.NOTICES`), a few at a time."""
    if pn.state.notifications is not None:
        pn.state.notifications.position = "bottom-left"
        pn.state.notifications.max_notifications = 2


def report(error: BaseException) -> None:
    """Show an error in the page and log it; the app lives on."""
    _log.error("%s", error, exc_info=error)
    if pn.state.notifications is not None:
        pn.state.notifications.error(told(error)[:300], duration=8000)


def told(error: BaseException) -> str:
    """Return what a user reads of an error: our own messages as they are, others with their kind.

    Those of `ValueError` and `OSError` say what must hold and what came.
    """
    text = str(error)
    if isinstance(error, (ValueError, OSError)) and text:
        return text[0].upper() + text[1:]
    return f"{type(error).__name__}: {text}"


def warn(text: str) -> None:
    """Show a warning in the page."""
    if pn.state.notifications is not None:
        pn.state.notifications.warning(text[:300], duration=6000)


def attempt(action: Callable[[], None]) -> None:
    """Do what a user asked for; where it can not be done, warn and say why."""
    try:
        action()
    except ValueError as error:
        warn(told(error))


def announce(text: str) -> None:
    """Show in the page that something worked."""
    if pn.state.notifications is not None:
        pn.state.notifications.success(text[:300], duration=4000)
