"""Says whether the server lives: `panel serve launch.py --plugins explorer.server.health`.

`GET /health` answers with JSON and without a login, for a supervisor or a load balancer: the state,
how many pages are open, and for how many seconds the server has run. It tells nothing of the atlas.
"""

from __future__ import annotations

import time

from bokeh.server.tornado import BokehTornado
from tornado.web import RequestHandler

_START = time.monotonic()


class HealthHandler(RequestHandler):
    """Answers on the event loop: a loop that is stuck does not answer."""

    def get(self) -> None:
        """Tell the state."""
        server = self.application
        sessions = 0
        if isinstance(server, BokehTornado):
            sessions = sum(len(server.get_sessions(path)) for path in server.app_paths)
        self.set_header("Cache-Control", "no-store")
        self.write(
            {"status": "ok", "sessions": sessions, "seconds": round(time.monotonic() - _START)}
        )


ROUTES = [("/health", HealthHandler, {})]
"""What Panel adds to the server."""
