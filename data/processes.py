"""Worker processes that leave Ctrl-C to their parent and end when it does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")


def start_pool(jobs: int) -> ProcessPoolExecutor:
    """Return fresh processes; not forked, since the parent runs threads."""
    return ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("forkserver"),
        initializer=_follow_parent,
    )


def map_in_order(
    make: Callable[[Work], Result], work: Iterable[Work], *, jobs: int
) -> Iterator[Result]:
    """Yield `make(item)` in the order of the work, made by `jobs` processes.

    At most `jobs` + 2 results are held or under way. With one job, no process is started.

    Raises:
        ChildProcessError: A process ended before its work was done.
    """
    if jobs == 1:
        yield from map(make, work)
        return
    ahead: deque[Future[Result]] = deque()
    pool = start_pool(jobs)
    try:
        for item in work:
            ahead.append(pool.submit(_single_threaded, make, item))
            if len(ahead) == jobs + 2:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    except BrokenProcessPool as error:
        raise ChildProcessError(
            f"one of {jobs} processes was killed at its work, perhaps for lack of memory; "
            "try again with fewer jobs"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _single_threaded(make: Callable[[Work], Result], item: Work) -> Result:
    """Return `make(item)`, made with one BLAS thread: each processor has a process."""
    _limit_threads()
    return make(item)


@cache
def _limit_threads() -> None:
    from threadpoolctl import threadpool_limits  # once NumPy is there to be limited

    threadpool_limits(limits=1, user_api="blas")


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it does, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
