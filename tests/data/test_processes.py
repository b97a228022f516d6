"""Work shared among processes: in order, bounded, and clear when one of them dies."""

import os
import time
from pathlib import Path

import pytest

from data.processes import map_in_order, n_processor


def _double(number):
    return 2 * number


def _after_the_next(path: Path) -> int:
    """Return the number a file is named for; an even one only when the odd one after it is done."""
    number = int(path.name)
    deadline = time.monotonic() + 60
    while number % 2 == 0 and not path.with_name(str(number + 1)).exists():
        assert time.monotonic() < deadline, f"{number + 1} is not being worked on"
        time.sleep(0.01)
    path.touch()
    return number


def _die(number):
    if number == 2:
        os._exit(1)
    return number


def _refuse(number):
    raise ValueError(f"number must be even, got {number}")


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order_and_few_ahead(jobs):
    taken = []
    results = map_in_order(_double, (taken.append(i) or i for i in range(12)), jobs=jobs)
    for i, result in enumerate(results):
        assert result == 2 * i
        assert len(taken) <= i + jobs + 2
    assert len(taken) == 12


def test_results_keep_their_order_when_later_ones_are_ready_first(tmp_path: Path):
    work = [tmp_path / str(number) for number in range(8)]
    assert list(map_in_order(_after_the_next, work, jobs=2)) == list(range(8))


def test_a_process_that_dies_is_told():
    with pytest.raises(ChildProcessError, match="one of 2 processes was killed"):
        list(map_in_order(_die, range(8), jobs=2))


def test_errors_of_the_work_are_those_of_the_caller():
    with pytest.raises(ValueError, match="number must be even, got 0"):
        list(map_in_order(_refuse, range(8), jobs=2))


def test_processors_are_counted_where_the_system_does_not_tell_which_are_ours(monkeypatch):
    assert 1 <= n_processor() <= (os.cpu_count() or 1)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    assert n_processor() == (os.cpu_count() or 1)
