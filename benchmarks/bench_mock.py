"""Mock survey: spectra made and written per second, one on demand, and the memory that takes.

`python -m benchmarks mock --million` makes 10^6 spectra instead and watches the memory.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import tempfile
import threading
import time
from pathlib import Path

from data.mock.survey import WRITE_ROWS, MockConfig, MockSurvey, mock

N = {"sdss": 16384, "boss": 8192, "desi": 8192}


def main(argv: list[str] | None = None) -> None:
    """Print what was measured; the target is 2000 SDSS spectra a second on 2 cores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks mock", description=__doc__)
    parser.add_argument("--million", action="store_true", help="stream 10^6 spectra")
    parser.add_argument("--n", type=int, default=10**6, help="another number for --million")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args(argv or [])
    print(f"{os.cpu_count()} cores, {options.jobs} jobs; load before: {os.getloadavg()[0]:.1f}")
    if options.million:
        _stream("sdss", options.n, options.jobs, tell=options.n // 10)
        return
    for instrument, n in N.items():
        _stream(instrument, n, options.jobs)
    for instrument in ("sdss", "desi"):
        _write(instrument, N[instrument], options.jobs)
    _on_demand()


def _stream(instrument: str, n: int, jobs: int, tell: int = 0) -> None:
    """Make spectra and drop them; print a line, and one after each `tell` spectra."""
    blocks = MockSurvey(n=n + 2 * WRITE_ROWS, seed=1, instrument=instrument).blocks(
        WRITE_ROWS, jobs=jobs
    )
    made = -2 * WRITE_ROWS  # the first come while processes start and read their tables
    watch, start = Watch(), 0.0
    for rows, _, _ in blocks:
        if made == 0:
            watch, start = Watch(), time.perf_counter()
        if tell and made // tell != (made + len(rows)) // tell:
            print(
                f"{made + len(rows):8d} spectra: {sum(map(_rss, _family())):.0f} MB held now",
                flush=True,
            )
        made += len(rows)
    print(f"made    {watch.line(instrument, n, time.perf_counter() - start)}", flush=True)


def _write(instrument: str, n: int, jobs: int) -> None:
    """Run the whole command `python -m data mock`, the start of its processes included."""
    with tempfile.TemporaryDirectory() as folder:
        watch, start = Watch(), time.perf_counter()
        mock(MockConfig(out=Path(folder) / "survey", n=n, instrument=instrument, jobs=jobs))
        print(f"written {watch.line(instrument, n, time.perf_counter() - start)}", flush=True)


def _on_demand() -> None:
    """Read spectra one at a time, in two halves: the second must not hold more memory."""
    survey = MockSurvey(n=10**6, seed=1)
    survey.read([5])
    for half in range(2):
        start, cpu = time.perf_counter(), time.process_time()
        for i in range(200):
            survey.read([1000 * i + half])
        wall, cpu = ((now - then) / 200 * 1e3 for now, then in
                     ((time.perf_counter(), start), (time.process_time(), cpu)))  # fmt: skip
        print(f"one on demand: {wall:.1f} ms ({cpu:.1f} ms CPU), {_rss(os.getpid()):.0f} MB held")
    start = time.perf_counter()
    rows = len(MockSurvey(n=100_000, seed=1).catalog)
    print(f"catalogue: {rows / (time.perf_counter() - start):.0f} rows/s")


class Watch:
    """Processor time of this process and its workers, and the most memory they hold together."""

    def __init__(self) -> None:
        """Start watching, ten times a second."""
        self._last, self._peak = {}, 0.0
        self._before = sum(map(_cpu, _family()))
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._done.wait(0.1):
            family = _family()
            self._peak = max(self._peak, sum(_rss(one) for one in family))
            self._last |= {one: max(_cpu(one), self._last.get(one, 0.0)) for one in family}

    def line(self, instrument: str, n: int, seconds: float) -> str:
        """Stop, and return what was measured over `n` spectra."""
        self._done.set()
        self._thread.join()
        cpu = sum(self._last.values()) - self._before
        return (
            f"{instrument:5s} {n / seconds:6.0f} spectra/s, {1e6 * cpu / n:5.0f} us CPU each, "
            f"peak memory {self._peak:.0f} MB"
        )


def _family() -> set[int]:
    """Return this process and its descendants: the workers are children of a fork server."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            parents[int(folder.name)] = int(
                (folder / "stat").read_text(encoding="utf-8").rsplit(")")[1].split()[1]
            )
    family = {os.getpid()}
    for _ in range(4):
        family |= {child for child, parent in parents.items() if parent in family}
    return family


def _cpu(process: int) -> float:
    """Return the seconds of processor time a process has used, 0 if it is gone."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _rss(process: int) -> float:
    """Return the memory a process holds, MB, 0 if it is gone; shared pages count in each."""
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="utf-8").split()[1])
        return pages * resource.getpagesize() / 1e6
    return 0.0


if __name__ == "__main__":
    main()
