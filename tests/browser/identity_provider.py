"""A provider of logins, as GitHub or an institute's server are: OAuth 2.0, authorization code."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fixtures.local_server import running

CLIENT, SECRET = "explorer", "of the client"
CODE, TOKEN = "a code", "a token"


class _Handler(BaseHTTPRequestHandler):
    """Lets a visitor say who she is, and tells that to a client who has the secret."""

    who = ""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {key: values[0] for key, values in parse_qs(address.query).items()}
        if address.path == "/authorize" and asked["client_id"] == CLIENT:
            hidden = "".join(
                f'<input type="hidden" name="{key}" value="{asked[key]}">'
                for key in ("redirect_uri", "state")
            )
            form = f'<form action="/enter">{hidden}<input name="who"></form>'
            self._answer(200, form.encode(), "text/html")
        elif address.path == "/enter":
            type(self).who = asked["who"]
            back = urlencode({"code": CODE, "state": asked["state"]})
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.end_headers()
        elif address.path == "/user" and self.headers["Authorization"] == f"Bearer {TOKEN}":
            self._answer(200, json.dumps({"email": self.who}).encode())
        else:
            self._answer(403, b"{}")

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        given = parse_qs(self.rfile.read(length).decode())
        right = given["code"] == [CODE] and given["client_secret"] == [SECRET]
        status, told = (200, {"access_token": TOKEN}) if right else (403, {})
        self._answer(status, json.dumps(told).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def identity_provider() -> Iterator[str]:
    """Run the provider; yield its address."""
    server = ThreadingHTTPServer(("localhost", 0), _Handler)
    with running(server):
        yield f"http://localhost:{server.server_port}"
