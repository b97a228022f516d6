"""Where networks run."""

from __future__ import annotations

import torch


def choose_device(name: str) -> str:
    """Return `cpu` or `cuda`; `auto` takes a GPU where there is one.

    Raises:
        ValueError: `cuda` without a GPU that torch can use.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda, but torch finds no GPU; use --device cpu")
    return name
