"""The normalising flow over the latents: how probable is each object among all others.

Five masked autoregressive transforms with 50 hidden features (Liang+2023, section 5.1), over
latents standardised with stored numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from nflows.distributions import StandardNormal
from nflows.flows import Flow
from nflows.transforms import CompositeTransform, MaskedAffineAutoregressiveTransform
from nflows.transforms.permutations import RandomPermutation
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from tqdm import tqdm

from data.arrays import FloatArray

LOG_P_ROWS = 65_536
"""Rows of one pass when log p of many objects is asked for."""


@dataclass(frozen=True, kw_only=True)
class FlowConfig:
    """Settings of the flow and its training.

    Attributes:
        n_transform: Masked autoregressive transforms, a permutation after each.
        n_hidden: Hidden features of each of a transform's two blocks.
        learning_rate: Of Adam at its start; falls to 0 along a cosine.
        batch_size: Objects of one step.
        max_steps: Steps at most.
        patience: Checks of the validation loss without gain before training stops.
        valid_fraction: Share of the objects held out for that check (Liang+2023: 0.15).
        seed: Of the weights, the permutations, the split and the batches.
    """

    n_transform: int = 5
    n_hidden: int = 50
    learning_rate: float = 2e-3
    batch_size: int = 1024
    max_steps: int = 6000
    patience: int = 12
    valid_fraction: float = 0.15
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class FlowReport:
    """How a flow's training went; losses are mean −log p of standardised latents."""

    n_train: int
    n_valid: int
    steps: int
    train_loss: float
    valid_loss: float


class LatentFlow:
    """A density over latents."""

    def __init__(
        self, config: FlowConfig, *, mean: FloatArray, std: FloatArray, flow: Flow
    ) -> None:
        """Hold a trained flow; see `fit_flow` and `LatentFlow.load`.

        Args:
            config: What it was made with.
            mean: Of the latents, shape (n_latent,).
            std: Of the latents, shape (n_latent,).
            flow: Density of the standardised latents.
        """
        self.config, self.mean, self.std = config, mean, std
        self._flow = flow.eval()

    def log_p(self, latents: FloatArray) -> FloatArray:
        """Return log densities per unit latent volume, float64, shape (n_galaxy,)."""
        values = self._standardise(latents)
        with torch.no_grad():
            parts = [self._flow.log_prob(part).double() for part in values.split(LOG_P_ROWS)]
        return torch.cat(parts).numpy() - np.log(self.std).sum()

    def sample(self, n_sample: int, *, seed: int) -> FloatArray:
        """Draw latents from the density, float32, shape (n_sample, n_latent)."""
        with torch.no_grad(), torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            drawn = self._flow.sample(n_sample).double().numpy()
        return (drawn * self.std + self.mean).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write a `.safetensors` file; the settings travel in its header."""
        tensors = {key: value.contiguous() for key, value in self._flow.state_dict().items()}
        tensors |= {"latent_mean": torch.tensor(self.mean), "latent_std": torch.tensor(self.std)}
        path.write_bytes(save(tensors, metadata={"config": json.dumps(asdict(self.config))}))

    @classmethod
    def load(cls, path: Path) -> LatentFlow:
        """Read what `save` wrote.

        Raises:
            ValueError: The file is missing, or not a flow.
        """
        try:
            with safe_open(path, framework="pt") as file:
                config = FlowConfig(**json.loads(file.metadata()["config"]))
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            mean, std = tensors.pop("latent_mean").numpy(), tensors.pop("latent_std").numpy()
            flow = _new_flow(config, len(mean))
            flow.load_state_dict(tensors)
        except (OSError, SafetensorError, KeyError, TypeError, RuntimeError) as error:
            raise ValueError(f"{path} is not a readable flow: {error}") from error
        return cls(config, mean=mean, std=std, flow=flow)

    def _standardise(self, latents: FloatArray) -> Tensor:
        return torch.as_tensor((latents - self.mean) / self.std, dtype=torch.float32)


def fit_flow(
    latents: FloatArray, config: FlowConfig, *, progress: bool = False
) -> tuple[LatentFlow, FlowReport]:
    """Fit the flow, stopping early on held-out objects; the best weights are kept.

    Args:
        latents: Finite latents, shape (n_galaxy, n_latent); 20 objects at least.
        config: Settings.
        progress: Show a bar.

    Raises:
        ValueError: Too few objects.
    """
    if len(latents) < 20:
        raise ValueError(f"a flow needs at least 20 objects, got {len(latents)}")
    mean, std = latents.mean(axis=0, dtype=np.float64), latents.std(axis=0, dtype=np.float64)
    std = np.where(std > 0, std, 1.0)
    order = np.random.default_rng(config.seed).permutation(len(latents))
    n_valid = max(8, min(50_000, round(config.valid_fraction * len(latents))))
    flow = _new_flow(config, latents.shape[1])
    fitted = LatentFlow(config, mean=mean, std=std, flow=flow)
    values = fitted._standardise(latents)  # noqa: SLF001
    with _one_thread():
        report = _train(flow, values[order[n_valid:]], values[order[:n_valid]], config, progress)
    flow.eval()
    return fitted, report


def _train(
    flow: Flow, train: Tensor, valid: Tensor, config: FlowConfig, progress: bool
) -> FlowReport:
    optimizer = torch.optim.Adam(flow.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.max_steps)
    generator = torch.Generator().manual_seed(config.seed)
    check_every = max(10, min(100, len(train) // config.batch_size))
    best, kept, since = _loss(flow, valid), _copy(flow), 0
    step = 0
    with tqdm(total=config.max_steps, desc="flow", disable=not progress) as bar:
        for step in range(1, config.max_steps + 1):
            _step(flow, train, optimizer, generator, config)
            schedule.step()
            if step % check_every == 0:
                bar.update(check_every)
                loss = _loss(flow, valid)
                bar.set_postfix(valid=f"{loss:.3f}")
                since = 0 if loss < best - 1e-4 else since + 1
                if loss < best:
                    best, kept = loss, _copy(flow)
                if since >= config.patience:
                    break
    flow.load_state_dict(kept)
    sample = train[: 4 * len(valid)]
    return FlowReport(
        n_train=len(train),
        n_valid=len(valid),
        steps=step,
        train_loss=_loss(flow, sample),
        valid_loss=best,
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run on one thread: layers of 50 features gain nothing from more, and results agree."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _step(
    flow: Flow,
    train: Tensor,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    config: FlowConfig,
) -> None:
    flow.train()
    size = min(config.batch_size, len(train))
    batch = train[torch.randint(len(train), (size,), generator=generator)]
    optimizer.zero_grad()
    (-flow.log_prob(batch).mean()).backward()
    torch.nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
    optimizer.step()


def _loss(flow: Flow, values: Tensor) -> float:
    flow.eval()
    with torch.no_grad():
        parts = [flow.log_prob(part).sum() for part in values.split(LOG_P_ROWS)]
        return -float(torch.stack(parts).sum() / len(values))


def _copy(flow: Flow) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in flow.state_dict().items()}


def _new_flow(config: FlowConfig, n_latent: int) -> Flow:
    """Return an untrained flow; its weights and permutations follow from the seed."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(config.seed)
        transforms = []
        for _ in range(config.n_transform):
            transforms += [
                MaskedAffineAutoregressiveTransform(
                    features=n_latent,
                    hidden_features=config.n_hidden,
                    num_blocks=2,
                    use_residual_blocks=False,
                    activation=torch.tanh,
                ),
                RandomPermutation(features=n_latent),
            ]
        return Flow(CompositeTransform(transforms), StandardNormal([n_latent]))
