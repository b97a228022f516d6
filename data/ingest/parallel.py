"""Files read in parallel: by processes of this machine, or by the workers of a Dask cluster.

If a file kills its reader, the files of its batch are read again one by one to find it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial

from data.ingest.batch import FileContents, Rejection, read_batch
from data.ingest.criteria import Criteria
from data.ingest.file_list import file_state, printable_name
from data.processes import in_order, start_pool

CRASHED = "reader crashed: the file, or a lack of memory, killed its process"


def read_batches(
    work: Iterable[list[str]], criteria: Criteria, *, jobs: int, scheduler: str = ""
) -> Iterator[FileContents]:
    """Yield the contents of batches of files in order.

    Args:
        work: Files of each batch.
        criteria: What is accepted.
        jobs: Processes that read; at most 2 `jobs` + 1 batches are read ahead.
        scheduler: Address of a Dask scheduler, whose workers read instead.
    """
    if scheduler:
        yield from _on_cluster(work, criteria, scheduler)
    elif jobs == 1:
        yield from (read_batch(files, criteria) for files in work)
    else:
        with _Readers(criteria, jobs) as readers:
            yield from in_order(readers.submit, work, n_ahead=2 * jobs)


def _on_cluster(
    work: Iterable[list[str]], criteria: Criteria, scheduler: str
) -> Iterator[FileContents]:
    from data.cluster import connect  # an import of a second that only a cluster needs

    read = partial(read_batch, criteria=criteria)
    with connect(scheduler) as cluster:

        def read_one(name: str) -> FileContents:
            return next(cluster.map_in_order(read, [[name]]))

        yield from cluster.map_in_order(
            read, work, killed=lambda files: _one_by_one(files, read_one)
        )


@dataclass
class _Readers:
    """Processes that read; new ones take the place of those that a file killed."""

    criteria: Criteria
    jobs: int

    def __post_init__(self) -> None:
        self._pool = start_pool(self.jobs)

    def __enter__(self) -> _Readers:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def submit(self, files: list[str]) -> _Reading:
        """Start to read a batch."""
        try:
            future = self._pool.submit(read_batch, files, self.criteria)
        except BrokenProcessPool:
            self._pool.shutdown()
            self._pool = start_pool(self.jobs)
            future = self._pool.submit(read_batch, files, self.criteria)
        return _Reading(files, future, self.criteria)


@dataclass
class _Reading:
    """A batch that is being read."""

    files: list[str]
    future: Future[FileContents]
    criteria: Criteria

    def cancel(self) -> object:
        """Give it up if no process reads it yet."""
        return self.future.cancel()

    def result(self) -> FileContents:
        """Wait for its contents."""
        try:
            return self.future.result()
        except BrokenProcessPool:
            with _Readers(self.criteria, 1) as readers:

                def read_one(name: str) -> FileContents:
                    try:
                        return readers.submit([name]).future.result()
                    except BrokenProcessPool as error:
                        raise ChildProcessError(CRASHED) from error

                return _one_by_one(self.files, read_one)


def _one_by_one(files: list[str], read_one: Callable[[str], FileContents]) -> FileContents:
    """Return the contents of files, each read by a process that it may kill."""
    whole = FileContents(files=files)
    for name in files:
        try:
            whole.add(read_one(name))
        except ChildProcessError:
            whole.states.append(file_state(name))
            whole.rejected.append(Rejection(printable_name(name), "", CRASHED))
    return whole
