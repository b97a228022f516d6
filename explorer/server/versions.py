"""Versions of Panel and Bokeh whose private parts this package relies on.

Every module of `explorer.server` that reaches into a private part asks `known_good` first, and
does without in any other version: the page is served all the same, only slower.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import version

KNOWN_GOOD = {
    "bokeh": frozenset({"3.9.2"}),
    "panel": frozenset({"1.9.4"}),
    "panel-material-ui": frozenset({"0.16.6"}),
}
"""Package -> versions with which the tests of `tests/explorer/server` pass."""

_log = logging.getLogger(__name__)
_installed = cache(version)


def known_good(*packages: str) -> bool:
    """Return whether all packages have a version in `KNOWN_GOOD`; log once where one has not."""
    unknown = [name for name in packages if _installed(name) not in KNOWN_GOOD[name]]
    for name in unknown:
        _warn(name)
    return not unknown


@cache
def _warn(name: str) -> None:
    _log.warning(
        "%s %s is not among the versions known to work (%s); the explorer runs without what it "
        "adds to that package, and may be slower",
        name, _installed(name), ", ".join(sorted(KNOWN_GOOD[name])) or "none",
    )  # fmt: skip
