"""What lies in a part of a plane, beside a look at all objects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.state import plane_index
from explorer.state.plane_index import PlaneIndex


def swarm(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_t(1, (2, n)).astype(np.float32)
    x[:: 1 + n // 3], y[1 :: 1 + n // 5] = np.nan, x[1 :: 1 + n // 5]  # gaps, and equal values
    return x, y


@given(
    seed=st.integers(0, 2**32 - 1), n=st.integers(1, 600),
    box=st.tuples(*[st.floats(-30, 30) for _ in range(4)]), most=st.integers(0, 700),
)  # fmt: skip
def test_all_objects_of_a_box_are_near(
    seed: int, n: int, box: tuple[float, ...], most: int
) -> None:
    x, y = swarm(seed, n)
    index = PlaneIndex.of(x, y)
    x0, x1 = sorted(box[:2])
    y0, y1 = sorted(box[2:])
    near = index.near(x0, x1, y0, y1)
    inside = np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))
    assert len(np.unique(near)) == len(near)
    assert np.isin(inside, near).all()
    few = index.near_if_few(x0, x1, y0, y1, most=most)
    assert (few is None) == (len(near) > most)


def test_a_small_box_has_few_candidates(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane_index, "BLOCK_ROWS", 1000)
    x, y = rng.standard_t(1, (2, 200_000)).astype(np.float32)  # tails a thousand times the bulk
    index = PlaneIndex.of(x, y)
    assert sorted(index.order.tolist()) == list(range(len(x)))
    assert len(index.near(-0.01, 0.01, -0.01, 0.01)) < 200


def test_a_plane_without_places_has_none_near() -> None:
    nothing = np.full(10, np.nan, dtype=np.float32)
    index = PlaneIndex.of(nothing, nothing)
    rows = index.near(-1, 1, -1, 1)
    assert np.isnan(nothing[rows]).all()
