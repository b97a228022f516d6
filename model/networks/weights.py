"""Loads weights into a network; names and shapes must match exactly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


def load_weights(network: nn.Module, weights: Mapping[str, NDArray | torch.Tensor]) -> None:
    """Give a network copies of weights.

    Args:
        network: The network, built (on the `meta` device if random weights are not needed).
        weights: One array for each parameter and buffer, by its name.

    Raises:
        ValueError: A weight is missing, unexpected, of another shape, or not finite.
    """
    expected = network.state_dict()
    missing, unexpected = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
    if missing or unexpected:
        raise ValueError(
            f"the weights must be those of {type(network).__name__}; "
            f"missing: {_some(missing)}; unexpected: {_some(unexpected)}"
        )
    tensors = {
        name: torch.as_tensor(weights[name]).to(torch.float32, copy=True) for name in expected
    }
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise ValueError(
                f"{name} must have shape {tuple(expected[name].shape)}, got {tuple(tensor.shape)}"
            )
        if not np.isfinite(tensor.numpy(force=True)).all():  # a tenth of the time torch takes
            raise ValueError(f"{name} must be finite; the file is damaged or its training diverged")
    network.load_state_dict(tensors, assign=True)


def _some(names: list[str]) -> str:
    if not names:
        return "none"
    rest = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + rest
