"""What a dense autoencoder is built from, and the sizes that the papers found."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from data.rest_frame.infill import N_COMPONENT
from data.rest_frame.preparation import PREPARATIONS, Preparation

DENSE_KINDS = ("infovae", "vae", "ae")


@dataclass(frozen=True)
class Preset:
    """Hidden layers of the encoder, mirrored by the decoder, and the weight of the MMD."""

    layers: tuple[int, ...]
    mmd: float = 1.0


PORTILLO = {
    2: Preset((1663, 42), 11.2),
    4: Preset((1134, 64), 21.2),
    6: Preset((703, 94), 3.02),
    10: Preset((549, 110), 7.72),
}
"""Sizes for each number of latents (Portillo+2020, Table 1)."""
NICOLAOU = Preset((800, 600, 500, 300))
"""Nicolaou+2025, section 3.2."""


def preset(kind: str, n_latent: int) -> Preset:
    """Return the sizes of a paper: those of the nearest number of latents in its table.

    Args:
        kind: `infovae`, `vae` or `ae`; the last is Portillo's AE of ten latents.
        n_latent: Number of latents.
    """
    if kind == "vae":
        return NICOLAOU
    if kind == "ae":
        return PORTILLO[10]
    return PORTILLO[min(PORTILLO, key=lambda known: abs(known - n_latent))]


@dataclass(frozen=True, kw_only=True)
class DenseConfig:
    """A dense autoencoder of prepared rest-frame spectra.

    Attributes:
        kind: `infovae`, `vae` or `ae`.
        n_latent: Number of latents.
        layers: Hidden layers of the encoder, mirrored by the decoder.
        dropout: Share of hidden units left out in each training step.
        preparation: How spectra are prepared.
        n_component: Components that missing pixels are filled with.
    """

    kind: str
    n_latent: int = 6
    layers: tuple[int, ...] = (703, 94)
    dropout: float = 0.0
    preparation: Preparation = PREPARATIONS["portillo2020"]
    n_component: int = N_COMPONENT

    def __post_init__(self) -> None:
        """Refuse what no network can be built from."""
        if self.kind not in DENSE_KINDS:
            raise ValueError(f"kind must be one of {', '.join(DENSE_KINDS)}, got {self.kind!r}")
        if self.n_latent < 1 or not self.layers or min(self.layers) < 1:
            raise ValueError(
                f"latents and hidden layers need at least 1 unit each, got {self.n_latent} and "
                f"{self.layers}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in 0..1, got {self.dropout}")

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return values | {"layers": list(self.layers), "preparation": self.preparation.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DenseConfig:
        """Return the configuration that `to_dict` gave."""
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            raise ValueError(f"unknown settings of a network: {', '.join(sorted(unknown))}")
        preparation = Preparation.from_dict(values["preparation"])
        return cls(**{**values, "layers": tuple(values["layers"]), "preparation": preparation})
