"""Makes the items of an iterator in a thread, a few ahead of their use."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """Marks the end of the items, and why there are no more."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterator[Item], *, n_ahead: int) -> Iterator[Item]:
    """Yield the items, made by a thread that ends when the iteration is left.

    Args:
        items: What to make; an error of it is raised where the items are used.
        n_ahead: Items that wait at most.
    """
    queue: Queue[Item | _End] = Queue(n_ahead)
    stop = Event()

    def put(item: Item | _End) -> None:
        while not stop.is_set():
            try:
                return queue.put(item, timeout=0.2)
            except Full:
                continue

    def produce() -> None:
        end = _End()
        try:
            for item in items:
                put(item)
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where the items are used
            end = _End(error)
        put(end)

    thread = Thread(target=produce, daemon=True, name="prefetch")
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        thread.join()
