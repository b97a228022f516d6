"""Trains the normalising flow over the latents, and tests its samples against the latents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor
from tqdm import tqdm

from data.arrays import FloatArray, IntArray
from model.density.flow import LOG_P_ROWS, FlowReport, LatentFlow
from model.density.marginal import fit_marginal
from model.density.network import Flow, FlowConfig, new_flow
from model.device import one_thread

STEPS_OF_A_PASS = 20
"""A small survey takes smaller batches, so that a pass has this many steps."""
STEPS_OF_A_CHECK = 50
"""A large survey, whose passes have more steps, is checked about this often within a pass."""
MOST_VALID = 50_000
"""Objects held out at most."""
HALVINGS = 2
"""Times that the learning rate is halved before training stops."""
LEFT_OUT = 0.02
"""Share of the held-out objects, the least probable, that do not tell when to stop: a handful of
outliers make the mean rise while the density of all others still improves."""
GAIN = 0.005
"""Nats by which the held-out loss must fall within `FlowConfig.patience` checks."""
DECAY = 0.99
"""Of the running mean of the weights, which is what is kept: it is smoother than any one step."""
TWO_SAMPLE_ROWS, TWO_SAMPLE_NEIGHBOURS = 5000, 5
"""Objects and neighbours of the two-sample test."""


def fit_flow(
    latents: FloatArray,
    config: FlowConfig,
    *,
    given: FloatArray | None = None,
    progress: bool = False,
) -> tuple[LatentFlow, FlowReport]:
    """Fit the flow, stopping early on held-out objects; the best weights are kept.

    Args:
        latents: Finite latents, shape (n_galaxy, n_latent); 20 objects at least.
        config: Settings; `n_given` follows from `given`.
        given: Finite numbers that the density shall be conditional on, (n_galaxy, n_given).
        progress: Show a bar.

    Raises:
        ValueError: Too few objects.
    """
    if len(latents) < 20:
        raise ValueError(f"a flow needs at least 20 objects, got {len(latents)}")
    config = replace(config, n_given=0 if given is None else given.shape[1])
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
        given=[] if given is None else [fit_marginal(column) for column in given[learnt].T],
    )  # fmt: skip
    n_latent = latents.shape[1]
    values = torch.empty((len(latents), n_latent + config.n_given), dtype=torch.float32)
    for start in range(0, len(latents), LOG_P_ROWS):
        rows = slice(start, start + LOG_P_ROWS)
        values[rows, :n_latent] = torch.as_tensor(fitted.mapped(latents[rows])[0])
        known = fitted.context(None if given is None else given[rows])
        if known is not None:
            values[rows, n_latent:] = known
    train, valid = values[learnt], values[held_out]
    with one_thread():
        steps = sum(
            _train(flow, train, valid, config, config.seed + number, progress)
            for number, flow in enumerate(flows)
        )
    for flow in flows:
        flow.eval()
    return fitted, _report(fitted, latents, given, learnt=learnt, held_out=held_out, steps=steps)


def _report(
    fitted: LatentFlow, latents: FloatArray, given: FloatArray | None, *, learnt: IntArray,
    held_out: IntArray, steps: int,
) -> FlowReport:  # fmt: skip
    """Tell how well a flow does on objects that it has not seen."""
    n_valid, seed = len(held_out), fitted.config.seed
    agreement = error = float("nan")
    if given is None:
        drawn = fitted.mapped(fitted.sample(n_valid, seed=seed))[0]
        agreement, error = two_sample(fitted.mapped(latents[held_out])[0], drawn, seed=seed)
    seen = learnt[: 4 * n_valid]
    valid_given, seen_given = (None if given is None else given[rows] for rows in (held_out, seen))
    return FlowReport(
        n_train=len(learnt),
        n_valid=n_valid,
        steps=steps,
        train_loss=-float(fitted.log_p_rank(latents[seen], seen_given).mean()),
        valid_loss=-float(fitted.log_p_rank(latents[held_out], valid_given).mean()),
        valid_log_p=float(fitted.log_p(latents[held_out], valid_given).mean()),
        two_sample=agreement,
        two_sample_error=error,
    )


def two_sample(first: FloatArray, second: FloatArray, *, seed: int) -> tuple[float, float]:
    """Return how often nearest neighbours are of the same sample (Schilling 1986, JASA 81, 799).

    Args:
        first: Points, shape (n, n_latent).
        second: Points of the other sample; as many of both are used.
        seed: Of the choice.

    Returns:
        The share, 0.5 for samples of one distribution, and its standard error in that case. Two
        points that are neighbours of each other count twice, together: they add to the variance.
    """
    rng, n = np.random.default_rng(seed), min(len(first), len(second), TWO_SAMPLE_ROWS)
    points = np.concatenate([part[rng.permutation(len(part))[:n]] for part in (first, second)])
    k = min(TWO_SAMPLE_NEIGHBOURS, 2 * n - 1)
    _, near = KDTree(points).query(points, k=k + 1)
    near, of = np.asarray(near, dtype=np.int64)[:, 1:], np.arange(2 * n)[:, None]
    same = (near < n) == (of < n)
    mutual = np.isin(2 * n * of + near, 2 * n * near + of)
    expected = (n - 1) / (2 * n - 1)
    error = 0.5 * np.sqrt(same.size + mutual.sum()) / same.size
    return float(same.mean() - expected + 0.5), float(error)


def _train(
    flow: Flow, train: Tensor, valid: Tensor, config: FlowConfig, seed: int, progress: bool
) -> int:
    """Train one flow in place; return the steps taken."""
    optimizer = torch.optim.Adam(flow.parameters(), lr=config.learning_rate)
    generator = torch.Generator().manual_seed(seed)
    size = max(1, min(config.batch_size, max(256, len(train) // STEPS_OF_A_PASS), len(train)))
    mean = {key: value.clone() for key, value in flow.state_dict().items()}
    best, kept, since, halved, step = _loss(flow, valid), dict(mean), 0, 0, 0
    reference = best
    with tqdm(desc="flow", unit="check", disable=not progress) as bar:  # it ends when it is best
        for batches in _until_check(len(train), size, config.max_passes, generator):
            for batch in batches:
                step += 1
                _step(flow, train[batch], optimizer)
                _average(mean, flow, min(DECAY, step / (step + 9)))
            loss = _loss_of(flow, mean, valid)
            bar.update()
            bar.set_postfix(valid=f"{loss:.3f}")
            if loss < reference - GAIN:
                reference, since = loss, 0
            else:
                since += 1
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


def _until_check(
    n_object: int, size: int, n_pass: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, ...]]:
    """Yield the batches (indices of objects) of each stretch of training that a check ends."""
    for _ in range(n_pass):
        batches = torch.randperm(n_object, generator=generator).split(size)
        n_check = max(1, round(len(batches) / STEPS_OF_A_CHECK))
        for first, last in pairwise(len(batches) * at // n_check for at in range(n_check + 1)):
            yield batches[first:last]


def _step(flow: Flow, batch: Tensor, optimizer: torch.optim.Optimizer) -> None:
    flow.train()
    optimizer.zero_grad()
    (-_log_prob(flow, batch).mean()).backward()
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
    """Return the mean -log p of all but the `LEFT_OUT` least probable."""
    flow.eval()
    with torch.no_grad():
        log_p = torch.cat([_log_prob(flow, part) for part in values.split(LOG_P_ROWS)])
    n_left_out = int(LEFT_OUT * len(log_p))
    return -float(log_p.sort().values[n_left_out:].mean())


def _log_prob(flow: Flow, values: Tensor) -> Tensor:
    """Return log densities of latents that are followed by what is given, shape (n,)."""
    n_latent = flow.n_latent
    return flow.log_prob(values[:, :n_latent], values[:, n_latent:])
