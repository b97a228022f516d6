"""Batches of spectra in random order: every spectrum exactly once per epoch.

Spectra that fit are kept on the device, others are read window by window (see `epoch_order`).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from torch import Tensor

from data.arrays import IndexArray
from data.spectra import SpectrumSource
from model.batches.batch import Batch
from model.batches.epoch_order import epoch_order
from model.batches.pieces import Piece, keep_rows, take_rows
from model.batches.prefetch import ahead

_DEFAULT_BLOCK = 128
_QUEUED_BATCHES = 4


class BatchLoader:
    """Batches of some rows of a source, on a device, for one process of several.

    Of a batch, process `rank` of `world` gets one consecutive share; shares are equally long, the
    last ones filled up with rows that are not counted. So the batches of all processes together
    are those of a single process.
    """

    def __init__(
        self,
        source: SpectrumSource,
        rows: IndexArray,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        window_rows: int = 16384,
        keep_bytes: int | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Prepare to read; spectra that fit into `keep_bytes` are loaded at once.

        Args:
            source: Where the spectra are.
            rows: Rows to visit.
            batch_size: Spectra in a batch, all processes together.
            seed: Seed of the order.
            device: Where batches shall be.
            window_rows: Rows shuffled together when reading from disk.
            keep_bytes: Memory of the device for spectra; None = see `room_on`.
            rank: Number of this process.
            world: Number of processes.
        """
        if batch_size < 1 or not len(rows):
            raise ValueError(f"need a batch size >= 1 and rows, got {batch_size}, {len(rows)} rows")
        self.source, self.rows = source, np.sort(np.asarray(rows, dtype=np.int64))
        self.batch_size, self.seed, self.device = batch_size, seed, device
        self.window_rows, self.rank, self.world = window_rows, rank, world
        self.block_rows = int(getattr(source, "chunk_rows", _DEFAULT_BLOCK))
        needed = len(rows) * source.grid.n_pixel * 8
        room = room_on(device) // world if keep_bytes is None else keep_bytes
        self._kept = self._load_all() if needed <= room else None

    @property
    def kept(self) -> bool:
        """Whether the spectra are kept on the device."""
        return self._kept is not None

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-len(self.rows) // self.batch_size)

    def epoch(self, epoch: int, *, first_batch: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch, from `first_batch` on."""
        order, windows = epoch_order(
            self.rows,
            block_rows=self.block_rows,
            window_rows=self.window_rows,
            seed=self.seed,
            epoch=epoch,
        )
        return self._batches(order, windows, first_batch)

    def in_order(self) -> Iterator[Batch]:
        """Yield every spectrum once in the order of the rows, for validation."""
        cuts = np.arange(0, len(self.rows), max(self.window_rows, self.batch_size))
        return self._batches(self.rows, np.append(cuts, len(self.rows)), 0)

    def _batches(self, order: IndexArray, windows: IndexArray, first: int) -> Iterator[Batch]:
        if self._kept is not None:
            return self._from_device(order, first)
        return _ahead(self._from_source(order, windows, first), self.device)

    def _share(self, n_order: int, number: int) -> _Share:
        """Return this process's share of a batch."""
        start = number * self.batch_size
        n_global = min(self.batch_size, n_order - start)
        length = -(-n_global // self.world)
        own = np.arange(self.rank * length, min((self.rank + 1) * length, n_global))
        fill = np.zeros(length - len(own), dtype=np.int64)
        return _Share(start + np.concatenate([own, fill]), len(own), n_global)

    def _from_device(self, order: IndexArray, first: int) -> Iterator[Batch]:
        assert self._kept is not None
        for number in range(first, len(self)):
            share = self._share(len(order), number)
            rows = order[share.positions]
            index = torch.from_numpy(np.searchsorted(self.rows, rows)).to(self.device)
            flux, ivar, z = (tensor.index_select(0, index) for tensor in self._kept)
            yield _batch(flux, ivar, z, rows, share)

    def _from_source(self, order: IndexArray, windows: IndexArray, first: int) -> Iterator[Batch]:
        """Read window by window, the next one in the background; cut batches from them."""
        shares = [self._share(len(order), number) for number in range(first, len(self))]
        if not shares:
            return
        positions = np.concatenate([share.positions for share in shares])
        window = np.searchsorted(windows, positions, side="right") - 1
        numbers = np.unique(window)

        def read(number: int) -> Piece:
            rows = np.unique(order[positions[window == number]])
            return Piece(rows, self.source.read(rows))

        with ThreadPoolExecutor(1) as reader:
            following = reader.submit(read, numbers[0])
            held: list[Piece] = []
            done = 0
            for number, next_number in zip(numbers, [*numbers[1:], None], strict=True):
                held.append(following.result())
                if next_number is not None:
                    following = reader.submit(read, next_number)
                while done < len(shares) and shares[done].positions.max() < windows[number + 1]:
                    rows = order[shares[done].positions]
                    yield _batch(*take_rows(held, rows), rows, shares[done])
                    done += 1
                held = keep_rows(held, order[shares[done].positions]) if done < len(shares) else []

    def _load_all(self) -> tuple[Tensor, Tensor, Tensor]:
        """Read all rows, block by block, into tensors on the device."""
        shape = (len(self.rows), self.source.grid.n_pixel)
        flux = torch.empty(shape, dtype=torch.float32, device=self.device)
        ivar, z = torch.empty_like(flux), torch.empty(shape[0], device=self.device)
        for start in range(0, shape[0], self.window_rows):
            part = slice(start, start + self.window_rows)
            spectra = self.source.read(self.rows[part])
            flux[part] = torch.from_numpy(np.asarray(spectra.flux))
            ivar[part] = torch.from_numpy(np.asarray(spectra.ivar))
            z[part] = torch.from_numpy(np.asarray(spectra.z, dtype=np.float32))
        return flux, ivar, z


def room_on(device: torch.device) -> int:
    """Return the bytes of a device that spectra may take: 40 % of a free GPU, 25 % of free RAM."""
    if device.type == "cuda":
        return int(0.4 * torch.cuda.mem_get_info(device)[0])
    return int(0.25 * psutil.virtual_memory().available)


@dataclass(frozen=True)
class _Share:
    """Positions in the epoch's order of one process's rows; all after `n_own` only fill up."""

    positions: IndexArray
    n_own: int
    n_global: int


def _batch(flux: Tensor, ivar: Tensor, z: Tensor, rows: IndexArray, share: _Share) -> Batch:
    counted = torch.ones(len(rows), device=flux.device)
    if share.n_own < len(rows):
        counted[share.n_own :] = 0
        ivar[share.n_own :] = 0
    return Batch(
        flux=flux,
        ivar=ivar,
        z=z,
        rows=torch.from_numpy(rows),
        counted=counted,
        n_global=share.n_global,
    )


def _ahead(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """Make batches in a thread, in pinned memory for a GPU, a few ahead of their use."""
    if device.type == "cuda":
        batches = (batch.map_tensors(Tensor.pin_memory) for batch in batches)
    for batch in ahead(batches, n_ahead=_QUEUED_BATCHES):
        yield batch.map_tensors(lambda tensor: tensor.to(device, non_blocking=True))
