"""What the processes of one training must agree on."""

from __future__ import annotations

from typing import cast

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, get_int_from_env, reduce
from torch import Tensor

RANKS = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
"""Where those that start several processes tell each its number, as accelerate reads it."""

SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""Where they tell each how many there are."""


def is_first_process() -> bool:
    """Return whether this is the only or first process, before they are connected."""
    return get_int_from_env(RANKS, 0) == 0


def is_one_of_several() -> bool:
    """Return whether others train with this process, before they are connected."""
    return get_int_from_env(SIZES, 1) > 1


def agree(accelerator: Accelerator, progress: float, stop: bool) -> tuple[float, bool]:
    """Return progress and stop signal as the first process sees them: clocks differ."""
    if accelerator.num_processes == 1:
        return progress, stop
    values = torch.tensor([progress, float(stop)], dtype=torch.float64)
    values = broadcast(values.to(accelerator.device))
    return float(values[0]), bool(values[1])


def mean_over_processes(accelerator: Accelerator, losses: dict[str, Tensor]) -> dict[str, float]:
    """Return the losses averaged over the processes."""
    stacked = torch.stack([value.detach().double() for value in losses.values()])
    if accelerator.num_processes > 1:
        stacked = cast(Tensor, reduce(stacked, reduction="mean"))
    return dict(zip(losses, stacked.tolist(), strict=True))
