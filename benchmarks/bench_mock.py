"""Mock survey: spectra and catalogue rows made per second, and the memory that takes."""

from __future__ import annotations

import os
import resource
import time

from data.mock import MockSurvey


def main() -> None:
    """Print a table; the target is 2000 SDSS spectra a second on 2 cores."""
    jobs = min(os.cpu_count() or 1, 2)
    print(f"{jobs} threads; load before: {os.getloadavg()[0]:.1f}")
    for instrument, n in (("sdss", 16384), ("boss", 8192), ("desi", 8192)):
        survey = MockSurvey(n=10**6, seed=1, instrument=instrument)
        blocks = survey.blocks(2048, jobs=jobs)
        next(blocks)  # reads tables, starts threads
        before, start, cpu = _peak(), time.perf_counter(), time.process_time()
        for _ in range(n // 2048):
            next(blocks)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(
            f"{instrument:5s} {n / seconds:7.0f} spectra/s  ({1e6 * cpu / n:4.0f} us CPU each)  "
            f"peak memory {before:.0f} -> {_peak():.0f} MB"
        )
    survey = MockSurvey(n=200_000, seed=1)
    start = time.perf_counter()
    rows = len(survey.catalog)
    print(f"catalogue {rows / (time.perf_counter() - start):.0f} rows/s, peak {_peak():.0f} MB")
    survey.read([5])
    start = time.perf_counter()
    for i in range(50):
        survey.read([1000 * i])
    print(f"one spectrum on demand: {(time.perf_counter() - start) / 50 * 1e3:.1f} ms")


def _peak() -> float:
    """Return the most memory this process ever held, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
