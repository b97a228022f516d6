"""What a SPENDER is built from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from data.grid import INSTRUMENTS, REST_RANGE, WaveGrid, linear_grid
from model.networks.decoder import Activation
from model.networks.encoder import CHANNELS

REST_PIXELS = 7000
"""Pixels of the rest frame (Liang+2023)."""


@dataclass(frozen=True, kw_only=True)
class SpenderConfig:
    """What a SPENDER is built from; the defaults are Liang+2023's.

    Attributes:
        n_latent: Number of latents S.
        rest_grid: Rest-frame grid of the decoder.
        grids: Observed-frame grid of each instrument; each gets an encoder (and line-spread
            function) of its own, the decoder is shared.
        channels: Output channels of the encoder's three convolutions, the last even.
        hidden: Sizes of the decoder's hidden layers.
        activation: Of the decoder: `leaky_relu` (Liang+2023) or `speculator` (Melchior+2022).
        redshift_input: Feed z to the encoder's MLP (Melchior+2022).
        lsf_size: Pixels of the learnt line-spread kernel; 0 for none.
    """

    n_latent: int = 6
    rest_grid: WaveGrid = field(default_factory=lambda: linear_grid(*REST_RANGE, REST_PIXELS))
    grids: dict[str, WaveGrid] = field(default_factory=lambda: {"sdss": INSTRUMENTS["sdss"]})
    channels: tuple[int, ...] = CHANNELS
    hidden: tuple[int, ...] = (256, 512, 1024)
    activation: Activation = "leaky_relu"
    redshift_input: bool = False
    lsf_size: int = 0

    def __post_init__(self) -> None:
        """Refuse what no network can be built from."""
        if self.n_latent < 1:
            raise ValueError(f"n_latent must be at least 1, got {self.n_latent}")
        if len(self.channels) != 3 or min(self.channels) < 1 or self.channels[2] % 2:
            raise ValueError(
                f"channels must be three positive numbers, the last even, got {self.channels}"
            )
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"hidden must be sizes of at least one layer, got {self.hidden}")
        if self.activation not in ("speculator", "leaky_relu"):
            raise ValueError(
                f"activation must be 'speculator' or 'leaky_relu', got {self.activation!r}"
            )
        if not self.grids:
            raise ValueError("grids must name at least one instrument, got none")
        if self.lsf_size < 0 or (self.lsf_size and self.lsf_size % 2 == 0):
            raise ValueError(f"lsf_size must be 0 (none) or odd, got {self.lsf_size}")

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON-ready values."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        grids = {name: grid.to_dict() for name, grid in self.grids.items()}
        return values | {
            "rest_grid": self.rest_grid.to_dict(),
            "grids": grids,
            "channels": list(self.channels),
            "hidden": list(self.hidden),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SpenderConfig:
        """Return the configuration that `to_dict` gave."""
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            raise ValueError(f"unknown settings of a SPENDER: {', '.join(sorted(unknown))}")
        values = dict(values)
        if "rest_grid" in values:
            values["rest_grid"] = WaveGrid(**values["rest_grid"])
        if "grids" in values:
            values["grids"] = {name: WaveGrid(**grid) for name, grid in values["grids"].items()}
        for name in ("channels", "hidden"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)
