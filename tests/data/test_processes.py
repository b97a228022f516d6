"""Work shared among processes: in order, bounded, and clear when one of them dies."""

import os
import time

import pytest

from data.processes import map_in_order


def _double(number):
    time.sleep(0.02 * (number % 3))
    return 2 * number


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


def test_a_process_that_dies_is_told():
    with pytest.raises(ChildProcessError, match="one of 2 processes was killed"):
        list(map_in_order(_die, range(8), jobs=2))


def test_errors_of_the_work_are_those_of_the_caller():
    with pytest.raises(ValueError, match="number must be even, got 0"):
        list(map_in_order(_refuse, range(8), jobs=2))
