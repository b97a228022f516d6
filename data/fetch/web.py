"""Requests to an archive that survive what networks do, and do not press an archive in trouble.

A request that fails for a passing reason is repeated, after as long as the archive asks
(Retry-After) or twice as long each time; all threads wait with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests

from data.atomic import replacing
from data.source import sha256_of

PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Statuses of an archive that may answer better later."""
PRESSED = {429, 503}
"""Statuses that ask everybody to wait."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
"""Seconds before the second try, and at most before any."""
N_TRY = 6
TIME_OUT = (10.0, 60.0)
"""Seconds to connect, and between two pieces of an answer."""
PIECE = 1 << 16
"""Bytes written at a time, and lost at most of what came before a connection broke."""
FITS_START = b"SIMPLE  ="


class Refused(OSError):
    """A request that no repetition mends: a file that is not there, say."""


class Absent(Refused):
    """A request for what the archive does not have."""


@dataclass
class Web:
    """What all requests to one archive share.

    Attributes:
        clock: Tells seconds; with `sleep` replaced by tests.
        sleep: Waits seconds.
        n_try: Times that a request is tried.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    n_try: int = N_TRY
    _local: threading.local = field(default_factory=threading.local, repr=False)
    _not_before: float = 0.0

    def get(self, url: str, **parameters: object) -> requests.Response:
        """Return the whole answer to a GET; see `requests.get` for the parameters."""
        return self._repeated(url, lambda: self._whole("GET", url, **parameters))

    def post(self, url: str, **parameters: object) -> requests.Response:
        """Return the whole answer to a POST."""
        return self._repeated(url, lambda: self._whole("POST", url, **parameters))

    def download(self, url: str, path: Path, *, sha256: str | None = None) -> None:
        """Write a file, going on where an earlier try stopped, also of another run.

        Args:
            url: Where it is.
            path: Where it goes, once complete and checked. FITS files must begin as such, so that
                no page of a proxy is taken for one.
            sha256: Its checksum, if the archive gives one.

        Raises:
            Refused: It is not there, or not what the archive says it is.
            OSError: The archive does not answer as it should.
        """
        partial, tag = (path.with_name(path.name + end) for end in (".partial", ".partial.tag"))
        self._repeated(url, lambda: self._rest_of(url, partial, tag))
        try:
            if ".fits" in path.name and not path.name.endswith((".gz", ".fz")):
                with partial.open("rb") as file:
                    if file.read(len(FITS_START)) != FITS_START:
                        raise Refused(f"{url}: what came is no FITS file")
            if sha256 and sha256_of(partial) != sha256:
                raise Refused(f"{url}: what came has another SHA-256 than the archive says")
        except Refused:
            partial.unlink()
            tag.unlink(missing_ok=True)
            raise
        partial.replace(path)
        tag.unlink(missing_ok=True)

    def _repeated(self, url: str, attempt: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Return what an attempt gives, tried until it gives something."""
        wait, reason = FIRST_WAIT, ""
        for number in range(self.n_try):
            self._wait_for_turn()
            try:
                return attempt()
            except _Later as later:
                reason, asked = str(later), later.seconds
                if later.everybody:
                    self._not_before = max(
                        self._not_before, self.clock() + min(max(asked, wait), LONGEST_WAIT)
                    )
            except requests.RequestException as error:
                reason, asked = f"{type(error).__name__}: {error}", 0.0
            if number + 1 < self.n_try:
                self.sleep(min(max(asked, wait), LONGEST_WAIT))
            wait *= 2
        raise OSError(f"{url}: tried {self.n_try} times, at last {reason}")

    def _wait_for_turn(self) -> None:
        left = self._not_before - self.clock()
        if left > 0:
            self.sleep(left)

    def _session(self) -> requests.Session:
        """Return the session of this thread: connections are kept open."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers["User-Agent"] = "latent-space-explorer (data fetch)"
        return self._local.session

    def _whole(self, method: str, url: str, **parameters: Any) -> requests.Response:  # noqa: ANN401
        answer = self._session().request(method, url, timeout=TIME_OUT, **parameters)
        _check(answer)
        return answer

    def _rest_of(self, url: str, partial: Path, tag: Path) -> None:
        """Append to a partial file what it lacks."""
        have = partial.stat().st_size if partial.exists() and tag.exists() else 0
        headers = {"Accept-Encoding": "identity"}  # bytes as they lie in the archive
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text(encoding="utf-8")}
        with self._session().get(url, headers=headers, timeout=TIME_OUT, stream=True) as answer:
            if answer.status_code == 416:  # what is here does not fit: begin anew
                partial.unlink()
                raise _Later("the archive has no such rest of the file")
            _check(answer)
            start = have if answer.status_code == 206 else 0
            expected = _length(answer)
            version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            tag.unlink(missing_ok=True)
            if version and not version.startswith("W/"):
                with replacing(tag) as file:
                    file.write_text(version, encoding="utf-8")
            with partial.open("r+b" if start else "wb") as file:
                file.seek(start)
                for piece in answer.iter_content(PIECE):
                    file.write(piece)
                file.truncate()
                came = file.tell() - start
        if expected is not None and came != expected:
            raise _Later(f"{came} of {expected} bytes came")


class _Later(Exception):
    """A request to repeat, after some seconds if the archive asks for them."""

    def __init__(self, reason: str, seconds: float = 0.0, *, everybody: bool = False) -> None:
        super().__init__(reason)
        self.seconds, self.everybody = seconds, everybody


def _check(answer: requests.Response) -> None:
    """Refuse an answer that has not what was asked for.

    Raises:
        _Later: It may come later.
        Refused: It will not.
    """
    status = answer.status_code
    if status in PASSING:
        raise _Later(
            f"status {status}", _retry_after(answer.headers.get("Retry-After", "")),
            everybody=status in PRESSED,
        )  # fmt: skip
    if status >= 400:
        kind = Absent if status in (404, 410) else Refused
        raise kind(f"{answer.url}: status {status} {answer.reason}")


def _retry_after(value: str) -> float:
    """Return the seconds that a header Retry-After asks for: a number, or a date."""
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(tz=UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _length(answer: requests.Response) -> int | None:
    value = answer.headers.get("Content-Length", "")
    return int(value) if value.isdigit() else None
