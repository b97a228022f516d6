"""Work shared among processes or threads of this machine, its results in order.

Processes leave Ctrl-C to their parent and end when it does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import Protocol, TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")
Given = TypeVar("Given", covariant=True)


class Awaited(Protocol[Given]):
    """What is being made somewhere: a future of the standard library, or of Dask."""

    def result(self) -> Given:
        """Wait for it and return it."""
        ...

    def cancel(self) -> object:
        """Give it up if it is not done."""
        ...


def n_processor() -> int:
    """Return how many processors this process may use; where no system tells, all there are."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS or Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
    pool = start_pool(jobs)
    try:
        yield from in_order(
            lambda item: pool.submit(_single_threaded, make, item), work, n_ahead=jobs + 1
        )
    except BrokenProcessPool as error:
        raise ChildProcessError(
            f"one of {jobs} processes was killed at its work, perhaps for lack of memory; "
            "try again with fewer jobs"
        ) from error
    finally:
        pool.shutdown()


def map_in_threads(
    make: Callable[[Work], Result], work: Iterable[Work], *, jobs: int
) -> Iterator[Result]:
    """Yield `make(item)` in the order of the work, made by `jobs` threads, one BLAS thread each.

    At most `jobs` + 1 results are held or under way.
    """
    from threadpoolctl import threadpool_limits  # once NumPy is there to be limited

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(jobs) as pool:
        yield from in_order(lambda item: pool.submit(make, item), work, n_ahead=jobs)


def in_order(
    submit: Callable[[Work], Awaited[Result]], work: Iterable[Work], *, n_ahead: int
) -> Iterator[Result]:
    """Yield what is made of each item, in their order, while the next ones are under way.

    Args:
        submit: Starts to make it.
        work: The items; taken as they are needed.
        n_ahead: Items under way beside the one that is waited for, at most.
    """
    ahead: deque[Awaited[Result]] = deque()
    try:
        for item in work:
            ahead.append(submit(item))
            if len(ahead) > n_ahead:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for waiting in ahead:
            waiting.cancel()


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
