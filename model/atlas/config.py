"""Settings of `python -m model atlas`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from data.commands import setting
from model.density.network import FlowConfig

_FLOW = FlowConfig()
MAPS = ("umap", "tsne", "pca")
MAP_SAMPLE = 200_000
"""Objects that maps are fitted to by default."""
LEAST_SAMPLE = 1000


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
    flow_conditional: bool = setting(
        help="train a second flow, conditional on redshift and S/N: the score "
        "neg_log_p_conditional",
        default=False,
    )

    def __post_init__(self) -> None:
        """Refuse what can not be trained."""
        for name, value in vars(self).items():
            if name != "flow_conditional" and value < 1:
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
    maps: tuple[str, ...] = setting(
        help="which maps to make, such as umap,pca; t-SNE takes longest", default=MAPS
    )
    map_sample: int = setting(
        help="objects that UMAP and t-SNE are fitted to, chosen evenly over the latent space; the "
        "others are placed among them",
        default=MAP_SAMPLE,
    )
    flow: FlowSettings = field(default_factory=FlowSettings)
    jobs: int = setting(
        help="threads for encoding, neighbours and t-SNE; -1 is all cores (encoding: 8 at most)",
        default=-1,
    )
    scheduler: str = setting(
        help="address of a Dask scheduler whose workers encode and measure, as in tcp://host:8786",
        default="",
    )

    def __post_init__(self) -> None:
        """Refuse what can not be built."""
        if self.jobs == 0 or self.jobs < -1:
            raise ValueError(f"jobs must be -1 or positive, got {self.jobs}")
        if self.map_sample < LEAST_SAMPLE:
            raise ValueError(f"map_sample must be at least {LEAST_SAMPLE}, got {self.map_sample}")
        unknown = sorted(set(self.map_names) - set(MAPS))
        if unknown or not self.map_names:
            raise ValueError(f"maps must be some of {', '.join(MAPS)}, got {' '.join(self.maps)}")

    @property
    def map_names(self) -> tuple[str, ...]:
        """The maps to make, in the order the explorer lists them; words may hold commas."""
        asked = [name.strip() for word in self.maps for name in word.split(",") if name.strip()]
        return tuple(sorted(set(asked), key=lambda name: (*MAPS, name).index(name)))
