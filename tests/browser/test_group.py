"""A group behind logins: labels carry the login's name, who may only look can not label."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from explorer.outliers.view import READ_ONLY
from tests.browser.chromium import PATIENCE, VIEWPORT, free_port, own_copy, serving
from tests.browser.identity_provider import CLIENT, SECRET, identity_provider

pytestmark = pytest.mark.ui


def test_logins_name_the_labels_and_divide_the_roles(
    browser: Any, tiny_atlas_path: Path, tmp_path: Path
) -> None:
    path = own_copy(tiny_atlas_path, tmp_path)
    logins = {"vera": "rubin", "guest": "look"}
    (tmp_path / "logins.json").write_text(json.dumps(logins))
    options = [
        "--basic-auth", str(tmp_path / "logins.json"), "--cookie-secret", "not a secret",
        "--plugins", "explorer.server.health",
    ]  # fmt: skip
    arguments = [str(path), "--labellers", "vera"]
    with serving(*arguments, log=tmp_path / "server.log", options=options) as address:
        server = address.rpartition("/")[0]
        with urllib.request.urlopen(f"{server}/health", timeout=60) as answer:  # without a login
            assert json.load(answer)["status"] == "ok"
        for user, password in logins.items():
            form = {"username": user, "password": password}
            _check_role(browser, address, form, who=user, may_label=user == "vera")


def test_accounts_of_elsewhere_name_the_labels(
    browser: Any, tiny_atlas_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OAuth 2.0, as documented, with a provider of our own."""
    path = own_copy(tiny_atlas_path, tmp_path)
    port = free_port()
    with identity_provider() as provider:
        for name, end in (("AUTHORIZE", "authorize"), ("TOKEN", "token"), ("USER", "user")):
            monkeypatch.setenv(f"PANEL_OAUTH_{name}_URL", f"{provider}/{end}")
        options = [
            "--oauth-provider", "generic", "--oauth-key", CLIENT, "--oauth-secret", SECRET,
            "--oauth-redirect-uri", f"http://localhost:{port}/launch",
            "--cookie-secret", "not a secret", "--plugins", "explorer.server.health",
        ]  # fmt: skip
        arguments = [str(path), "--labellers", "vera@example.org"]
        log = tmp_path / "server.log"
        with serving(*arguments, log=log, port=port, options=options) as address:
            for who in ("vera@example.org", "guest@example.org"):
                may_label = who == "vera@example.org"
                _check_role(browser, address, {"who": who}, who=who, may_label=may_label)


def _check_role(
    browser: Any, address: str, form: dict[str, str], *, who: str, may_label: bool
) -> None:
    """Log in by a form; check that the page labels under the login's name, or not at all."""
    visitor = browser.new_context(**VIEWPORT)
    page = visitor.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(f"{address}?tab=Outliers")
    for field, text in form.items():
        page.locator(f"input[name={field}]").fill(text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/launch?tab=Outliers")
    page.locator(".card").first.wait_for()
    name = page.get_by_label("your name")
    if may_label:
        assert name.input_value() == who
        assert name.is_disabled()
    else:
        page.get_by_text(READ_ONLY).wait_for()
        assert name.count() == 0
    page.goto("about:blank")  # the server ends first
    visitor.close()
