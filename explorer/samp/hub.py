"""A connection to the SAMP hub of the machine that serves: messages go out, and come in.

SAMP (IVOA, Simple Application Messaging Protocol 1.3) links the programs of one desktop: TOPCAT,
Aladin, DS9 and this one. Nothing is connected until somebody asks for it, and only to a hub of the
same machine.
"""

from __future__ import annotations

import atexit
import ipaddress
import shutil
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from astropy.utils.exceptions import AstropyDeprecationWarning

with warnings.catch_warnings():
    # Astropy 8 says that the package will move to pyvo one day.
    warnings.simplefilter("ignore", AstropyDeprecationWarning)
    import astropy.samp as samp

NAME = "Latent-space explorer"
POOL = 4
"""Connections to the hub."""

HUB_STOPS, TOLD_TO_LEAVE = "samp.hub.event.shutdown", "samp.hub.disconnect"
"""The hub ends, or has thrown this client out."""

Heard = Callable[[str, Mapping[str, Any]], None]
"""Hears of a message: its type and parameters. Called in a thread of the client."""


class HubGoneError(OSError):
    """The hub has stopped, or knows this client no more: nothing can be sent until one connects."""


class SampConnection:
    """One client of the hub, with a folder of the files that its messages name."""

    def __init__(self, on_message: Heard, mtypes: tuple[str, ...]) -> None:
        """Register with the hub; slow.

        Args:
            on_message: Called with each message.
            mtypes: Types of the messages that are wanted.

        Raises:
            OSError: No hub runs on this machine.
        """
        self._on_message = on_message
        # Otherwise astropy asks a server on the internet whether there is one.
        with samp.conf.set_temp("use_internet", False):
            self._client: Any = samp.SAMPIntegratedClient(
                name=NAME, description="Spectra of galaxies in latent space", addr="127.0.0.1"
            )
            try:
                self._client.connect(hub_params=local_hub(), pool_size=POOL)
            except (samp.SAMPHubError, OSError) as error:
                raise OSError(f"no SAMP hub to connect to: {error}") from error
        for mtype in (*mtypes, HUB_STOPS, TOLD_TO_LEAVE):
            self._client.bind_receive_notification(mtype, self._hear)
            self._client.bind_receive_call(mtype, self._answer)
        self.folder = Path(tempfile.mkdtemp(prefix="latent-space-samp-"))
        self._n_file = 0
        self._leaving, self._left, self._hub_runs = threading.Lock(), False, True
        # Of a client that ends without leaving the hub keeps telling others, who fail to reach it.
        atexit.register(self.close)

    def _hear(self, _key: str, _sender: str, mtype: str, params: Any, _extra: Any) -> None:  # noqa: ANN401
        if mtype in (HUB_STOPS, TOLD_TO_LEAVE):
            self._hub_runs = False
        self._on_message(mtype, params)

    def _answer(self, _key: str, _sender: str, call: str, *message: Any) -> None:  # noqa: ANN401
        mtype, params, _extra = message
        self._on_message(mtype, params)
        self._client.reply(call, {"samp.status": "samp.ok", "samp.result": {}})

    def write(self, name: str, content: bytes) -> str:
        """Keep a file for as long as the connection lasts; return its address, like no other's."""
        self._n_file += 1
        path = self.folder / str(self._n_file) / name
        path.parent.mkdir()
        path.write_bytes(content)
        return path.as_uri()

    def tell(self, mtype: str, **params: Any) -> int:  # noqa: ANN401 - text, lists, maps of text
        """Send a message to all who listen; return how many do.

        Raises:
            HubGoneError: The hub has gone.
        """
        try:
            listeners = self._client.get_subscribed_clients(mtype)
            self._client.notify_all({"samp.mtype": mtype, "samp.params": params})
        except Exception as error:  # xmlrpc and http raise many kinds
            raise HubGoneError(f"the SAMP hub does not answer: {error}") from error
        return len(listeners)

    def close(self) -> None:
        """Leave the hub and delete the files; nothing happens the second time."""
        with self._leaving:
            if self._left:
                return
            self._left = True
        atexit.unregister(self.close)
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            if self._hub_runs:
                self._client.disconnect()
            else:  # one that stops may let a goodbye wait for ever
                self._client.client.stop()
        except Exception:  # noqa: BLE001, S110 - a hub that has gone can not be left
            pass
        self._client.hub.disconnect()


def local_hub() -> dict[str, str]:
    """Return how to reach the hub of this machine.

    Raises:
        OSError: There is none.
    """
    proxy = samp.SAMPHubProxy()
    try:
        proxy.connect(pool_size=1)
    except (samp.SAMPHubError, OSError) as error:
        raise OSError(
            f"no SAMP hub runs on the machine that serves this page ({error}); start TOPCAT or "
            "Aladin there, or samp_hub"
        ) from error
    found = dict(proxy.lockfile)
    proxy.disconnect()
    host = urlsplit(found["samp.hub.xmlrpc.url"].replace("\\", "")).hostname or ""
    if not is_local(host):
        raise OSError(f"the SAMP hub is on another machine ({host}); only one of this is used")
    return found


def is_local(host: str) -> bool:
    """Return whether a host is this machine."""
    if host in ("localhost", socket.gethostname(), socket.getfqdn()):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
