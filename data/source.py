"""Open a source of spectra: a survey folder, or a mock survey made on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.first_mock.survey import MockSurvey as FirstMockSurvey
from data.mock.survey import RECIPE, MockSurvey
from data.spectra import SpectrumSource
from data.survey import Survey


def open_source(reference: dict[str, Any]) -> SpectrumSource:
    """Open a source from what its `reference()` returned.

    Raises:
        ValueError: The reference is of an unknown kind, its survey is not there, or its mock
            survey was made by a recipe this version does not know.
    """
    kind = reference.get("kind")
    if kind == "survey":
        return Survey(Path(reference["path"]))
    if kind == "mock":
        return _open_mock({name: value for name, value in reference.items() if name != "kind"})
    raise ValueError(f"reference kind must be 'survey' or 'mock', got {kind!r}")


def _open_mock(settings: dict[str, Any]) -> SpectrumSource:
    """Open a mock survey by the recipe that made it; references of recipe 1 do not name it."""
    recipe = settings.pop("recipe", 1)
    if recipe == 1:
        return FirstMockSurvey(**settings)
    if recipe == RECIPE:
        return MockSurvey(**settings)
    raise ValueError(
        f"the spectra are mocks of recipe {recipe}, this version makes recipes 1 and {RECIPE}; "
        "make the mock survey and the atlas again, or use the version they were made with"
    )
