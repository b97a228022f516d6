"""Where networks run, and in which precision."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

BF16_EMULATED = 0.1
"""Speed of an encoder in emulated bfloat16 over that in float32 (AMD EPYC with AVX2, 2 cores)."""


def choose_device(name: str) -> torch.device:
    """Return the device of a setting, `cpu` or `cuda`; `auto` takes a GPU where there is one.

    Raises:
        ValueError: `cuda` without a GPU that torch can use.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "--device cuda needs a GPU that torch can use, none is found; use --device cpu"
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def multiplies_bf16(device: torch.device) -> bool:
    """Tell whether a device multiplies bfloat16 in hardware; emulation is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001


def choose_precision(name: str, device: torch.device) -> str:
    """Return the precision of a setting: `auto` is bf16 where the device multiplies in it.

    Asking for bf16 on a CPU that emulates it logs a warning.

    Raises:
        ValueError: The device does not offer it.
    """
    if name == "fp16" and device.type == "cpu":
        raise ValueError("--precision fp16 needs a GPU; use bf16 or fp32 on a CPU")
    if name == "bf16" and device.type == "cpu" and not multiplies_bf16(device):
        logging.getLogger(__name__).warning(
            "--precision bf16: this processor has neither AVX-512 BF16 nor AMX and emulates "
            "bfloat16, at about %g of float32's speed; --precision auto takes fp32 here",
            BF16_EMULATED,
        )
    if name != "auto":
        return name
    if multiplies_bf16(device):
        return "bf16"
    return "fp16" if device.type == "cuda" else "fp32"


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work on one thread: results then agree on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
