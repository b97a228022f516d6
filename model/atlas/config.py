"""Settings of `python -m model atlas`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from data.commands import setting
from model.atlas.flow import FlowConfig

_FLOW = FlowConfig()


@dataclass(frozen=True, kw_only=True)
class FlowSettings:
    """Settings of the normalising flow; see `FlowConfig`."""

    flow_transforms: int = setting(
        help="masked autoregressive transforms of the flow (Liang+2023: 5)",
        default=_FLOW.n_transform,
    )
    flow_hidden: int = setting(
        help="hidden features of each transform (Liang+2023: 50)", default=_FLOW.n_hidden
    )
    flow_ensemble: int = setting(help="flows whose densities are averaged", default=_FLOW.n_flow)
    flow_batch: int = setting(
        help="objects of one step of its training at most (Liang+2023: 10000)",
        default=_FLOW.batch_size,
    )
    flow_passes: int = setting(
        help="passes over all objects at most (Liang+2023: 2000); it stops when held-out objects "
        "gain no more",
        default=_FLOW.max_passes,
    )

    def __post_init__(self) -> None:
        """Refuse what can not be trained."""
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")

    def config(self, *, seed: int) -> FlowConfig:
        """Return the flow's own settings."""
        return FlowConfig(
            n_transform=self.flow_transforms, n_hidden=self.flow_hidden, n_flow=self.flow_ensemble,
            batch_size=self.flow_batch, max_passes=self.flow_passes, seed=seed,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AtlasConfig:
    """Settings of `python -m model atlas`."""

    survey: Path = setting(help="survey folder, from `python -m data ingest`", positional=True)
    model: Path = setting(help="model folder, from `python -m model train`", positional=True)
    out: Path = setting(help="atlas folder to make")
    name: str = setting(help="what the explorer calls it (default: the folder's name)", default="")
    seed: int = setting(help="seed of the flow and the maps", default=0)
    device: str = setting(
        help="where the model runs", default="auto", choices=("auto", "cpu", "cuda")
    )
    compact: bool = setting(
        help="an atlas to pass on: weights in half precision, and a mock survey's spectra made "
        "on demand instead of read from SURVEY",
        default=False,
    )
    refine: bool = setting(
        help="improve each latent vector by a few least-squares steps from the encoder's answer; "
        "the column `refinement_shift` tells how far it moved",
        default=False,
    )
    flow: FlowSettings = field(default_factory=FlowSettings)
    jobs: int = setting(help="threads for neighbours and t-SNE; -1 is all cores", default=-1)

    def __post_init__(self) -> None:
        """Refuse what can not be built."""
        if self.jobs == 0 or self.jobs < -1:
            raise ValueError(f"jobs must be -1 or positive, got {self.jobs}")
