"""Versions of Panel and Bokeh that the explorer does not know."""

import pytest

from explorer.server import versions


@pytest.fixture
def unknown_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """No installed version is known to work: nothing private is touched."""
    monkeypatch.setattr(versions, "KNOWN_GOOD", dict.fromkeys(versions.KNOWN_GOOD, frozenset()))
