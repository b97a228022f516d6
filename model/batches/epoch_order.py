"""A random order of spectra that is read from disk in few, long pieces.

Rows are stored in compressed blocks. An epoch visits the blocks in random order, gathers them into
windows of some thousand rows, and shuffles within a window: each block is read once, in one piece,
and memory holds two windows however large the survey.
"""

from __future__ import annotations

import numpy as np

from data.arrays import IndexArray


def epoch_order(
    rows: IndexArray, *, block_rows: int, window_rows: int, seed: int, epoch: int
) -> tuple[IndexArray, IndexArray]:
    """Shuffle rows for one epoch: random blocks into windows, random order within a window.

    Args:
        rows: Rows to visit, shape (n,).
        block_rows: Rows stored together.
        window_rows: Rows gathered before they are shuffled.
        seed: Seed of the training.
        epoch: Number of the epoch; with `seed` it determines the order.

    Returns:
        The rows in the order of the visit, shape (n,), and the positions where a window starts,
        with n at the end.
    """
    rng = np.random.default_rng((seed, epoch))
    _, block, size = np.unique(rows // block_rows, return_inverse=True, return_counts=True)
    shuffled = rng.permutation(len(size))
    window_of_block = np.empty(len(size), dtype=np.int64)
    window_of_block[shuffled] = (np.cumsum(size[shuffled]) - 1) // window_rows
    window = window_of_block[block]
    visit = np.lexsort((rng.random(len(rows)), window))
    starts = np.flatnonzero(np.diff(window[visit], prepend=-1))
    return rows[visit], np.append(starts, len(rows))
