"""Training state on disk: one safetensors file, replaced atomically, no pickle.

Tensors go in as they are; everything else (counters, seeds, schedule, history) as JSON in the
file's header. A reader sees the old file or the new one, never a half of either.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer

from data.atomic import replacing

_STATE_KEY = "training_state"


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Write tensors and JSON-ready values, then rename into place.

    The file is flushed to disk before it takes the name, so that a power cut or `kill -9` leaves
    either the old checkpoint or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    own = {k: v.detach().to("cpu", copy=True).contiguous() for k, v in tensors.items()}
    content = save(own, metadata={_STATE_KEY: json.dumps(state)})
    with replacing(path, flush=True) as partial:
        partial.write_bytes(content)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors (on the CPU) and the values of a checkpoint.

    Raises:
        ValueError: The file is missing, damaged, or no checkpoint.
    """
    if not path.is_file():
        raise ValueError(f"there is no checkpoint {path}; train without --resume")
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} can not be read as a checkpoint: {error}") from error
    if _STATE_KEY not in metadata:
        raise ValueError(f"{path} is not a training checkpoint: its header has no {_STATE_KEY}")
    return tensors, json.loads(metadata[_STATE_KEY])


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the state of an optimiser as flat tensors, `<parameter number>.<name>`."""
    return {
        f"{number}.{name}": torch.as_tensor(value)
        for number, entries in optimizer.state_dict()["state"].items()
        for name, value in entries.items()
    }


def load_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned; learning rates are left as they are."""
    content = optimizer.state_dict()
    content["state"] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        content["state"].setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict(content)


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under `prefix/name`."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that stand under `prefix/`, by their own names."""
    start = prefix + "/"
    return {key[len(start) :]: tensor for key, tensor in tensors.items() if key.startswith(start)}
