"""Open a source of spectra: a survey folder, or a mock survey made on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.mock.survey import MockSurvey
from data.spectra import SpectrumSource
from data.survey import Survey


def open_source(reference: dict[str, Any]) -> SpectrumSource:
    """Open a source from what its `reference()` returned.

    Raises:
        ValueError: The reference is of an unknown kind, or its survey is not there.
    """
    kind = reference.get("kind")
    if kind == "survey":
        return Survey(Path(reference["path"]))
    if kind == "mock":
        return MockSurvey(**{name: value for name, value in reference.items() if name != "kind"})
    raise ValueError(f"reference kind must be 'survey' or 'mock', got {kind!r}")
