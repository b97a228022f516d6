"""Work shared among the workers of a Dask cluster: its results in order.

    with connect("tcp://10.0.0.1:8786") as cluster:
        for result in cluster.map_in_order(make, work): ...

Blocks that a worker held when it died are made again by others. Importing this takes a second.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from uuid import uuid4

from distributed import Client, Future, KilledWorker, Worker, WorkerPlugin, get_worker

from data.processes import in_order

Work = TypeVar("Work")
Result = TypeVar("Result")
TIMEOUT = 30
"""Seconds in which a scheduler must answer, and have a worker."""
AHEAD = 2
"""Items under way or done, for each thread of the workers."""


@contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connect to a scheduler; say what it has and where its dashboard is.

    Raises:
        ConnectionError: It does not answer, or has no worker.
    """
    try:
        client = Client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"no Dask scheduler answers at {address} ({error}); start one in the program's "
            "folder with `python -m dask scheduler`"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=TIMEOUT)
        except TimeoutError as error:
            raise ConnectionError(
                f"the Dask scheduler at {address} has no workers; start some in the program's "
                f"folder with `python -m dask worker {address} --nthreads 1`"
            ) from error
        cluster = Cluster(client)
        threads = cluster.threads
        sys.stderr.write(
            f"Dask: {len(threads)} workers, {sum(threads.values())} threads; dashboard "
            f"{client.dashboard_link}\n"
        )
        yield cluster


@dataclass(frozen=True)
class Cluster:
    """Workers of a Dask scheduler.

    Attributes:
        client: The connection to it.
    """

    client: Client

    @property
    def threads(self) -> dict[str, int]:
        """Threads of each worker, by its address."""
        return cast("dict[str, int]", self.client.nthreads())

    def map_in_order(
        self,
        make: Callable[[Work], Result],
        work: Iterable[Work],
        *,
        killed: Callable[[Work], Result] | None = None,
    ) -> Iterator[Result]:
        """Yield `make(item)` in the order of the work, a bounded number of items ahead.

        Args:
            make: Sent to each worker once, also to one that joins later; with the models it holds.
            work: The items.
            killed: Takes the place of `make` for an item that has killed several workers.

        Raises:
            ChildProcessError: An item kills the workers, and there is no `killed`; or they lack
                the program.
            ConnectionError: The connection to the scheduler was lost.
        """
        name = f"make-{uuid4().hex}"
        self.client.register_plugin(_Maker(make, os.getcwd()), name=name)
        n_ahead = AHEAD * sum(self.threads.values())

        def submit(item: Work) -> _Awaited:
            return _Awaited(item, self.client.submit(_make, name, item, pure=False), killed)

        try:
            yield from in_order(submit, work, n_ahead=n_ahead)
        except CancelledError as error:
            raise ConnectionError(f"the connection to the Dask scheduler was lost: {error}") from (
                error
            )
        finally:
            if self.client.status == "running":
                self.client.unregister_worker_plugin(name)


class _Maker(WorkerPlugin):
    """Gives a worker what the work is made with, and the folder that paths are relative to."""

    def __init__(self, make: Callable[..., Any], folder: str) -> None:
        self.make, self.folder = make, folder

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - as Dask calls it
        """Go to the folder of the command."""
        os.chdir(self.folder)


def _make(name: str, item: Any) -> Any:  # noqa: ANN401 - whatever the work is
    return cast("_Maker", get_worker().plugins[name]).make(item)


@dataclass
class _Awaited:
    """An item that is being made by a worker."""

    item: Any
    future: Future
    killed: Callable[[Any], Any] | None

    def cancel(self) -> object:
        """Give it up if it is not done."""
        return self.future.cancel()

    def result(self) -> Any:  # noqa: ANN401 - whatever the work is
        """Wait for it."""
        try:
            return self.future.result()
        except KilledWorker as error:
            if self.killed is None:
                raise ChildProcessError(
                    f"{self.item} killed the workers that tried it, perhaps for lack of memory"
                ) from error
            return self.killed(self.item)
        except RuntimeError as error:
            if "deserialization" not in str(error):
                raise
            raise ChildProcessError(
                "the Dask scheduler or its workers do not find the program's modules: start all "
                "of them in the program's folder, with PYTHONPATH=. before their commands"
            ) from error
