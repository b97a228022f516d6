"""The rows of a batch from all processes."""

from __future__ import annotations

import torch
from torch import Tensor

from model.batches.batch import Batch


def gather(values: Tensor, batch: Batch, world: int) -> Tensor:
    """Return the counted rows of all processes, in the order of the batch, with gradients.

    Args:
        values: One row for each spectrum of this process's share.
        batch: The share.
        world: Number of processes.
    """
    if world == 1:
        return values
    from torch.distributed.nn.functional import all_gather

    return torch.cat(all_gather(values.contiguous()))[: batch.n_global]
