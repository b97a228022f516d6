"""Nothing that Python sets on a one-way component comes back as the user's."""

from typing import Any

import param
import pytest
from bokeh.document import Document
from panel.custom import JSComponent

from explorer.components.busy_bar import BusyBar
from tests.fixtures.server import Browser, locked, run, show


class TwoWay(JSComponent):
    """The same without the patch."""

    busy: bool = param.Boolean(False)  # type: ignore[assignment]
    _esm = BusyBar._esm


def taken_for_the_users(component: Any) -> dict[str, Any]:
    """Set a property as Panel does it while a page loads; return what it takes for the user's."""
    taken: dict[str, Any] = {}

    async def work(document: Document, _browser: Browser) -> None:
        await show(document, component)

        def change() -> None:
            document.hold("combine")
            component.busy = True
            document.unhold()

        await locked(document, change)
        taken.update(component._events)

    run(work)
    return taken


def test_what_python_sets_stays_as_it_is() -> None:
    assert taken_for_the_users(BusyBar()) == {}


def test_panel_still_takes_it_for_the_users() -> None:
    unneeded = "Panel tells them apart: explorer/server/one_way.py can go"
    assert taken_for_the_users(TwoWay()) == {"busy": True}, unneeded


@pytest.mark.usefixtures("unknown_versions")
def test_an_unknown_version_listens_as_before() -> None:
    assert "busy" in TwoWay()._linked_properties
    assert "busy" in BusyBar()._linked_properties
