"""Trains the normalising flow over the latents, and tests its samples against the latents."""

from __future__ import annotations

import numpy as np
import torch
from nflows.flows import Flow
from scipy.spatial import KDTree
from torch import Tensor
from tqdm import tqdm

from data.arrays import FloatArray
from model.atlas.flow import LOG_P_ROWS, FlowConfig, FlowReport, LatentFlow, new_flow
from model.atlas.marginal import fit_marginal
from model.device import one_thread

STEPS_OF_A_PASS = 20
"""A small survey takes smaller batches, so that a pass has this many steps."""
MOST_VALID = 50_000
"""Objects held out at most."""
HALVINGS = 2
"""Times that the learning rate is halved before training stops."""
DECAY = 0.99
"""Of the running mean of the weights, which is what is kept: it is smoother than any one step."""
TWO_SAMPLE_ROWS, TWO_SAMPLE_NEIGHBOURS = 5000, 5
"""Objects and neighbours of the two-sample test."""


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
    order = np.random.default_rng(config.seed).permutation(len(latents))
    n_valid = max(8, min(MOST_VALID, round(config.valid_fraction * len(latents))))
    held_out, learnt = order[:n_valid], order[n_valid:]
    flows = [
        new_flow(config, latents.shape[1], seed=config.seed + number)
        for number in range(config.n_flow)
    ]
    fitted = LatentFlow(
        config, mean=mean, std=np.where(std > 0, std, 1.0), flows=flows,
        marginals=[fit_marginal(column) for column in latents[learnt].T],
    )  # fmt: skip
    values = torch.empty(latents.shape, dtype=torch.float32)
    for start in range(0, len(latents), LOG_P_ROWS):
        rows = slice(start, start + LOG_P_ROWS)
        values[rows] = torch.as_tensor(fitted.mapped(latents[rows])[0])
    train, valid = values[learnt], values[held_out]
    with one_thread():
        steps = sum(
            _train(flow, train, valid, config, config.seed + number, progress)
            for number, flow in enumerate(flows)
        )
    for flow in flows:
        flow.eval()
    agreement, error = two_sample(
        fitted.mapped(latents[held_out])[0],
        fitted.mapped(fitted.sample(n_valid, seed=config.seed))[0], seed=config.seed,
    )  # fmt: skip
    report = FlowReport(
        n_train=len(learnt),
        n_valid=n_valid,
        steps=steps,
        train_loss=-float(fitted.log_p_rank(latents[learnt[: 4 * n_valid]]).mean()),
        valid_loss=-float(fitted.log_p_rank(latents[held_out]).mean()),
        valid_log_p=float(fitted.log_p(latents[held_out]).mean()),
        two_sample=agreement,
        two_sample_error=error,
    )
    return fitted, report


def two_sample(first: FloatArray, second: FloatArray, *, seed: int) -> tuple[float, float]:
    """Return how often nearest neighbours are of the same sample (Schilling 1986, JASA 81, 799).

    Args:
        first: Points, shape (n, n_latent).
        second: Points of the other sample; as many of both are used.
        seed: Of the choice.

    Returns:
        The share, 0.5 for samples of one distribution, and its standard error in that case
        (that of independent neighbours).
    """
    rng, n = np.random.default_rng(seed), min(len(first), len(second), TWO_SAMPLE_ROWS)
    points = np.concatenate([part[rng.permutation(len(part))[:n]] for part in (first, second)])
    k = min(TWO_SAMPLE_NEIGHBOURS, 2 * n - 1)
    _, near = KDTree(points).query(points, k=k + 1)
    same = (np.asarray(near)[:, 1:] < n) == (np.arange(2 * n) < n)[:, None]
    expected = (n - 1) / (2 * n - 1)
    return float(same.mean() - expected + 0.5), float(0.5 / np.sqrt(2 * n * k))


def _train(
    flow: Flow, train: Tensor, valid: Tensor, config: FlowConfig, seed: int, progress: bool
) -> int:
    """Train one flow in place; return the steps taken."""
    optimizer = torch.optim.Adam(flow.parameters(), lr=config.learning_rate)
    generator = torch.Generator().manual_seed(seed)
    size = max(1, min(config.batch_size, max(256, len(train) // STEPS_OF_A_PASS), len(train)))
    mean = {key: value.clone() for key, value in flow.state_dict().items()}
    best, kept, since, halved, step = _loss(flow, valid), dict(mean), 0, 0, 0
    with tqdm(total=config.max_passes, desc="flow", unit="pass", disable=not progress) as bar:
        for _ in range(config.max_passes):
            for batch in torch.randperm(len(train), generator=generator).split(size):
                step += 1
                _step(flow, train[batch], optimizer)
                _average(mean, flow, min(DECAY, step / (step + 9)))
            loss = _loss_of(flow, mean, valid)
            bar.update()
            bar.set_postfix(valid=f"{loss:.3f}")
            since = 0 if loss < best - 1e-4 else since + 1
            if loss < best:
                best, kept = loss, {key: value.clone() for key, value in mean.items()}
            if since >= config.patience:
                since, halved = 0, halved + 1
                if halved > HALVINGS:
                    break
                for group in optimizer.param_groups:
                    group["lr"] /= 2
    flow.load_state_dict(kept)
    return step


def _step(flow: Flow, batch: Tensor, optimizer: torch.optim.Optimizer) -> None:
    flow.train()
    optimizer.zero_grad()
    (-flow.log_prob(batch).mean()).backward()
    torch.nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
    optimizer.step()


def _average(mean: dict[str, Tensor], flow: Flow, decay: float) -> None:
    """Move the running mean of the weights towards them."""
    for key, value in flow.state_dict().items():
        if value.dtype.is_floating_point:
            mean[key].lerp_(value, 1 - decay)


def _loss_of(flow: Flow, weights: dict[str, Tensor], values: Tensor) -> float:
    """Return the loss with other weights; the flow keeps its own."""
    own = {key: value.clone() for key, value in flow.state_dict().items()}
    flow.load_state_dict(weights)
    loss = _loss(flow, values)
    flow.load_state_dict(own)
    return loss


def _loss(flow: Flow, values: Tensor) -> float:
    flow.eval()
    with torch.no_grad():
        parts = [flow.log_prob(part).sum() for part in values.split(LOG_P_ROWS)]
        return -float(torch.stack(parts).sum() / len(values))
