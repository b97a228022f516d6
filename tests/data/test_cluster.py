"""Work on a Dask cluster: in order, bounded, and done though workers die."""

import os

import pytest

from data.cluster import AHEAD, connect
from tests.fixtures.dask_cluster import kill_a_worker


class Doubler:
    """Doubles numbers; tells how often it was sent."""

    def __init__(self, deadly: int = -1) -> None:
        self.deadly = deadly

    def __call__(self, number: int) -> int:
        if number == self.deadly:
            os._exit(9)
        return 2 * number

    def __reduce__(self) -> tuple[object, ...]:
        return _arrived, (self.deadly,)


def _arrived(deadly: int) -> Doubler:
    """Make the doubler on a worker, and count it there."""
    os.environ["ARRIVED"] = str(int(os.environ.get("ARRIVED", "0")) + 1)
    return Doubler(deadly)


def _count(_: int) -> str:
    return os.environ.get("ARRIVED", "0")


def test_results_come_in_order_few_ahead_and_the_work_is_sent_once(scheduler, capsys):
    taken = []
    with connect(scheduler) as cluster:
        before = set(cluster.map_in_order(_count, range(4)))
        for i, result in enumerate(
            cluster.map_in_order(Doubler(), (taken.append(i) or i for i in range(40)))
        ):
            assert result == 2 * i
            assert len(taken) <= i + 1 + 2 * AHEAD
        after = set(cluster.map_in_order(_count, range(4)))
    assert before == {"0"}
    assert after == {"1"}
    assert "dashboard http" in capsys.readouterr().err


def test_a_killed_worker_costs_its_blocks_not_the_run(scheduler):
    with connect(scheduler) as cluster:
        results = cluster.map_in_order(Doubler(), range(30))
        first = next(results)
        kill_a_worker(scheduler)
        assert [first, *results] == [2 * i for i in range(30)]


def test_an_item_that_kills_every_worker_is_told_or_left_to_the_caller(scheduler):
    with connect(scheduler) as cluster:
        with pytest.raises(ChildProcessError, match="killed the workers that tried it"):
            list(cluster.map_in_order(Doubler(deadly=2), range(4)))
        found = list(cluster.map_in_order(Doubler(deadly=2), range(4), killed=lambda item: -item))
    assert found[2] == -2
    # An item that lies beside it on a worker may be taken for the killer.
    assert all(result in (2 * item, -item) for item, result in enumerate(found))


def test_errors_of_the_work_are_those_of_the_caller(scheduler):
    with connect(scheduler) as cluster, pytest.raises(ValueError, match="invalid literal"):
        list(cluster.map_in_order(int, ["1", "x"]))


def test_no_scheduler_is_a_mistake_of_the_user(monkeypatch):
    monkeypatch.setattr("data.cluster.TIMEOUT", 0.2)
    with pytest.raises(ConnectionError, match="no Dask scheduler answers at tcp://127.0.0.1:9"):
        with connect("tcp://127.0.0.1:9"):
            pass
