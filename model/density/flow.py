"""The normalising flow over the latents: how probable is each object among all others.

Five masked autoregressive transforms with 50 hidden features (Liang+2023, section 5.1), over
latents each mapped to a normal distribution by ranks (`model.density.marginal`). A flow may be
conditional: the density of latents among objects with the same given numbers, such as redshift and
S/N, which are mapped in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from data.arrays import FloatArray
from model.density.marginal import Marginal
from model.density.network import Flow, FlowConfig, new_flow

MOST_ROUNDS = 50
"""Times that draws beyond the latents are drawn again."""
LOG_P_ROWS = 16_384
"""Rows of one pass when log p of many objects is asked for: what fits into a processor's cache."""


@dataclass(frozen=True, kw_only=True)
class FlowReport:
    """How a flow's training went; losses are mean −log p of what enters the transforms.

    Attributes:
        n_train: Objects learnt from.
        n_valid: Objects held out.
        steps: Steps taken, all flows of an ensemble together.
        train_loss: Of objects learnt from.
        valid_loss: Of those held out.
        valid_log_p: Mean log p per object held out, per unit latent volume.
        two_sample: Share of nearest neighbours of the same sort, among held-out objects and as
            many drawn ones; 0.5 if they can not be told apart.
        two_sample_error: Its standard error if they can not be told apart.
    """

    n_train: int
    n_valid: int
    steps: int
    train_loss: float
    valid_loss: float
    valid_log_p: float = float("nan")
    two_sample: float = float("nan")
    two_sample_error: float = float("nan")


class LatentFlow:
    """A density over latents."""

    def __init__(
        self,
        config: FlowConfig,
        *,
        mean: FloatArray,
        std: FloatArray,
        flows: Sequence[Flow],
        marginals: Sequence[Marginal] = (),
        given: Sequence[Marginal] = (),
    ) -> None:
        """Hold a trained flow; see `model.density.fit` and `LatentFlow.load`.

        Args:
            config: What it was made with.
            mean: Of the latents, shape (n_latent,).
            std: Of the latents, shape (n_latent,).
            flows: Densities of the mapped latents; their mean is the density.
            marginals: Map of each latent; none = latents are only standardised.
            given: Map of each number that the density is conditional on.
        """
        self.config, self.mean, self.std = config, mean, std
        self.marginals, self.given = tuple(marginals), tuple(given)
        self._flows = [flow.eval() for flow in flows]

    def log_p(self, latents: FloatArray, given: FloatArray | None = None) -> FloatArray:
        """Return log densities per unit latent volume, float64, shape (n_galaxy,).

        Args:
            latents: Shape (n_galaxy, n_latent).
            given: What a conditional density is conditional on, shape (n_galaxy, n_given).
        """
        return _blockwise(self._log_p, latents, given)

    def log_p_rank(self, latents: FloatArray, given: FloatArray | None = None) -> FloatArray:
        """Return log densities of the mapped latents: how unusual is the combination of ranks."""
        return _blockwise(
            lambda some, known: self._log_density(self.mapped(some)[0], known), latents, given
        )

    def _log_p(self, latents: FloatArray, given: FloatArray | None) -> FloatArray:
        values, log_slope = self.mapped(latents)
        return self._log_density(values, given) + log_slope

    def context(self, given: FloatArray | None) -> Tensor | None:
        """Return what the transforms take for what is given, float32, shape (n_galaxy, n_given)."""
        if not self.given:
            return None
        if given is None or given.shape[1:] != (len(self.given),):
            raise ValueError(f"this density is conditional on {len(self.given)} numbers an object")
        columns = [item.forward(given[:, at])[0] for at, item in enumerate(self.given)]
        return torch.as_tensor(np.stack(columns, axis=1), dtype=torch.float32)

    def mapped(self, latents: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what enters the transforms, shape (n_galaxy, n_latent), and the log Jacobian."""
        values = np.asarray(latents, dtype=np.float64)
        if not self.marginals:
            return (values - self.mean) / self.std, np.full(len(values), -np.log(self.std).sum())
        parts = [marginal.forward(values[:, at]) for at, marginal in enumerate(self.marginals)]
        scores, slopes = zip(*parts, strict=True)
        return np.stack(scores, axis=1), np.sum(slopes, axis=0)

    def sample(self, n_sample: int, *, seed: int) -> FloatArray:
        """Draw latents from the density, float32, shape (n_sample, n_latent).

        Draws beyond the outermost latents of the survey are drawn again: there the density is
        extrapolated, and a decoder makes no galaxies of it. What stays beyond them (a flow of few
        objects) is moved to the outermost.
        """
        share = np.array_split(np.arange(n_sample), len(self._flows))
        with torch.no_grad(), torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            parts = [
                self._draw(flow, len(rows))
                for flow, rows in zip(self._flows, share, strict=True)
                if len(rows)
            ]
        drawn = torch.cat(parts).double().numpy() if parts else np.empty((0, len(self.mean)))
        if not self.marginals:
            return (drawn * self.std + self.mean).astype(np.float32)
        columns = [item.inverse(drawn[:, at]) for at, item in enumerate(self.marginals)]
        return np.stack(columns, axis=1).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write a `.safetensors` file; the settings travel in its header."""
        tensors: dict[str, Tensor] = {}
        for number, flow in enumerate(self._flows):
            prefix = f"{number}." if len(self._flows) > 1 else ""
            tensors |= {
                prefix + key: value.contiguous() for key, value in flow.state_dict().items()
            }
        tensors |= {"latent_mean": torch.tensor(self.mean), "latent_std": torch.tensor(self.std)}
        for at, marginal in enumerate(self.marginals):
            tensors[f"marginal.{at}"] = torch.tensor(marginal.to_array())
        for at, marginal in enumerate(self.given):
            tensors[f"given.{at}"] = torch.tensor(marginal.to_array())
        path.write_bytes(save(tensors, metadata={"config": json.dumps(asdict(self.config))}))

    @classmethod
    def load(cls, path: Path) -> LatentFlow:
        """Read what `save` wrote, also a flow without marginals from before there were such.

        Raises:
            ValueError: The file is missing, or not a flow.
        """
        try:
            with safe_open(path, framework="pt") as file:
                stored = json.loads(file.metadata()["config"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            known = {item.name for item in fields(FlowConfig)}
            config = FlowConfig(**{key: value for key, value in stored.items() if key in known})
            mean, std = tensors.pop("latent_mean").numpy(), tensors.pop("latent_std").numpy()
            names = [f"marginal.{at}" for at in range(len(mean))]
            marginals = [
                Marginal.from_array(tensors.pop(name).numpy()) for name in names if name in tensors
            ]
            given = [
                Marginal.from_array(tensors.pop(f"given.{at}").numpy())
                for at in range(config.n_given)
            ]
            flows = []
            for number in range(config.n_flow):
                prefix = f"{number}." if config.n_flow > 1 else ""
                flow = new_flow(config, len(mean), seed=config.seed + number)
                flow.load_state_dict({key.removeprefix(prefix): value for key, value
                                      in tensors.items() if key.startswith(prefix)})  # fmt: skip
                flows.append(flow)
        except (OSError, SafetensorError, KeyError, TypeError, RuntimeError) as error:
            raise ValueError(f"{path} is not a readable flow: {error}") from error
        return cls(config, mean=mean, std=std, flows=flows, marginals=marginals, given=given)

    def _draw(self, flow: Flow, n: int) -> Tensor:
        """Return what a flow draws within the outermost latents, as it sees them, (n, n_latent)."""
        drawn = flow.sample(n)
        if not self.marginals:
            return drawn
        first, last = torch.as_tensor(
            np.array([item.scores[[0, -1]] for item in self.marginals]).T, dtype=drawn.dtype
        )
        for _ in range(MOST_ROUNDS):
            beyond = ((drawn < first) | (drawn > last)).any(dim=1)
            if not beyond.any():
                return drawn
            drawn[beyond] = flow.sample(int(beyond.sum()))
        return drawn.clamp(first, last)

    def _log_density(self, values: FloatArray, given: FloatArray | None) -> FloatArray:
        """Return the log of the mean density of the flows, float64, shape (n_galaxy,)."""
        tensor, known = torch.as_tensor(values, dtype=torch.float32), self.context(given)
        with torch.no_grad():
            densities = torch.stack([flow.log_prob(tensor, known).double() for flow in self._flows])
        return (densities.logsumexp(dim=0) - np.log(len(self._flows))).numpy()


def _blockwise(
    function: Callable[[FloatArray, FloatArray | None], FloatArray],
    latents: FloatArray,
    given: FloatArray | None,
) -> FloatArray:
    """Return a function of latents, shape (n_galaxy,), computed `LOG_P_ROWS` at a time."""
    result = np.empty(len(latents))
    for start in range(0, len(latents), LOG_P_ROWS):
        rows = slice(start, start + LOG_P_ROWS)
        result[rows] = function(latents[rows], None if given is None else given[rows])
    return result
