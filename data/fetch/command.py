"""`python -m data fetch`: spectra from an archive, for `python -m data ingest`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from data.atomic import replacing
from data.fetch import desi, sdss
from data.fetch.sparcl import fetch_records
from data.fetch.wanted import FetchConfig, Remote
from data.fetch.web import Absent, Refused, Web

FAILED = "failed.csv"
NOT_THERE = "not there"
"""Of a file that may be missing: no spectra were taken in a pixel of a cone, say."""


def fetch(config: FetchConfig) -> None:
    """Fetch what is not there yet; say what could not be had.

    Raises:
        ValueError: What is wanted is not understood.
        OSError: Some of it could not be had; `failed.csv` in the folder says what and why.
    """
    fetch_with(config, Web())


def fetch_with(config: FetchConfig, web: Web) -> None:
    """Fetch by given means; see `fetch`."""
    config.out.mkdir(parents=True, exist_ok=True)
    if config.archive == "sparcl":
        with tqdm(unit="spectra", disable=None) as bar:
            wanted, missing = fetch_records(config, web, told=bar.update)
        if missing:
            raise OSError(f"SPARCL did not send {missing} of {wanted} records")
        return
    files = (
        sdss.wanted_files(config, web) if config.archive == "sdss" else desi.wanted_files(config)
    )
    if not files:
        raise ValueError("there is nothing of that kind")
    report(config.out, *fetch_files(files, config, web))


def fetch_files(
    files: Sequence[Remote], config: FetchConfig, web: Web
) -> tuple[int, int, dict[str, str]]:
    """Fetch files; return how many came, how many were there, and why others did not come."""
    sums = _Sums(web)
    old = [item for item in files if (config.out / item.name).exists()]
    new = [item for item in files if not (config.out / item.name).exists()]
    failed: dict[str, str] = {}
    n_absent = 0

    def one(item: Remote) -> tuple[str, str]:
        try:
            _fetch_one(item, config.out, web, sums)
        except Absent as error:
            return item.name, str(error) if item.certain else NOT_THERE
        except OSError as error:
            return item.name, str(error)
        return item.name, ""

    pool = ThreadPoolExecutor(config.jobs)
    try:
        done = tqdm(pool.map(one, new), total=len(new), unit="file", disable=None)
        for name, reason in done:
            n_absent += reason == NOT_THERE
            if reason and reason != NOT_THERE:
                failed[name] = reason
    finally:
        pool.shutdown(cancel_futures=True)
    return len(new) - len(failed) - n_absent, len(old), failed


def report(out: Path, n_new: int, n_old: int, failed: dict[str, str]) -> None:
    """Say what came; list what did not.

    Raises:
        OSError: Something did not.
    """
    sys.stderr.write(f"{n_new} files fetched, {n_old} were there, {len(failed)} failed\n")
    (out / FAILED).unlink(missing_ok=True)
    if not failed:
        return
    with (
        replacing(out / FAILED) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([("file", "reason"), *sorted(failed.items())])
    raise OSError(
        f"{len(failed)} files could not be had, see {out / FAILED}; the same command tries them "
        f"again. The first: {next(iter(failed.values()))}"
    )


class _Sums:
    """Lists of SHA-256 sums, each fetched once."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._known: dict[str, dict[str, str]] = {}

    def of(self, item: Remote) -> str | None:
        """Return the sum of a file; None where the archive gives none."""
        if not item.sums:
            return None
        if item.sums not in self._known:
            try:
                lines = self._web.get(item.sums).text.splitlines()
            except Refused:  # a folder without sums
                lines = []
            parts = (line.split() for line in lines)
            self._known[item.sums] = {
                part[1].lstrip("*").rpartition("/")[2]: part[0].lower()
                for part in parts
                if len(part) == 2
            }
        return self._known[item.sums].get(item.name.rpartition("/")[2])


def _fetch_one(item: Remote, out: Path, web: Web, sums: _Sums) -> None:
    """Fetch a file from the first place that has it.

    Raises:
        OSError: None has.
    """
    path = out / item.name
    path.parent.mkdir(parents=True, exist_ok=True)
    for place, url in enumerate(item.urls, start=1):
        try:
            web.download(url, path, sha256=sums.of(item))
        except Refused:
            if place == len(item.urls):
                raise
        else:
            return
