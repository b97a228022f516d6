"""The tabs can be read out: axe-core finds nothing serious, in either theme."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def atlas_path(tiny_spender_atlas_path: Path) -> Path:
    return tiny_spender_atlas_path


TABS = ("Inspect", "Table", "Plots", "Tracks", "Outliers", "Latents", "About")
OPTIONS = {"resultTypes": ["violations"]}


@pytest.mark.parametrize("theme", ["", "theme=dark"])
def test_no_tab_has_a_serious_fault(visit: Any, theme: str) -> None:
    view = visit(theme)
    for tab in TABS:
        view.page.get_by_role("tab", name=tab).click()
        view.wait_for_rest()
        found = Axe().run(view.page, options=OPTIONS).response["violations"]
        serious = [
            (fault["id"], node["target"], node["html"][:200])
            for fault in found
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]
        assert serious == [], tab
