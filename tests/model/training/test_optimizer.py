"""Muon for matrices, AdamW for the rest: against torch's own, and what the training needs of it."""

import pytest
import torch
from torch import nn

from data.grid import INSTRUMENTS, linear_grid
from model.networks.config import SpenderConfig
from model.networks.spender import Spender
from model.training.optimizer import ADAM_SIZE, MuonAdamW, hidden_matrices, orthogonal


def train(optimizer, weights, gradients):
    for step in gradients:
        for weight, gradient in zip(weights, step, strict=True):
            weight.grad = gradient.clone()
        optimizer.step()
    return weights


def problem(seed=0):
    """Return a matrix, a convolution, a vector, and three steps of gradients."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((24, 40), (16, 4, 5), (7,))
    weights = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    return weights, [[torch.randn(s, generator=generator) for s in shapes] for _ in range(3)]


@pytest.mark.parametrize("shape", [(30, 30), (12, 300), (300, 12)])
def test_orthogonal_keeps_directions_and_evens_out_lengths(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    inside = u.T @ orthogonal(matrix) @ vh.T
    values = inside.diagonal()
    assert ((values > 0.3) & (values < 1.3)).all()
    assert (inside - torch.diag(values)).abs().max() < 1e-3
    assert orthogonal(torch.zeros(shape)).abs().max() == 0


def test_matrices_move_as_with_muon_of_torch():
    """Independent code; it computes in bfloat16, and takes matrices only."""
    weights, gradients = problem()
    others, _ = problem()
    flat = [nn.Parameter(weight.detach().flatten(1).clone()) for weight in others[:2]]
    peer = torch.optim.Muon(flat, lr=0.1, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    train(peer, flat, [[g.flatten(1) for g in step[:2]] for step in gradients])
    ours = MuonAdamW(weights, weights[:2], lr=0.1, weight_decay=0.01, dtype=torch.bfloat16)
    train(ours, weights, gradients)
    for weight, expected in zip(weights[:2], flat, strict=True):
        torch.testing.assert_close(weight.flatten(1), expected, rtol=0, atol=2e-3)


def test_the_rest_moves_as_with_adamw():
    weights, gradients = problem()
    expected, _ = problem()
    train(MuonAdamW(weights, weights[:2], lr=0.1, weight_decay=0.01), weights, gradients)
    adam = torch.optim.AdamW(expected[2:], lr=0.1, weight_decay=0.01, fused=True)
    train(adam, expected[2:], [step[2:] for step in gradients])
    assert torch.equal(weights[2], expected[2])


def test_steps_of_a_matrix_are_as_large_as_adams():
    weights, gradients = problem()
    before = weights[0].detach().clone()
    train(MuonAdamW(weights, weights[:1], lr=0.1), weights, gradients[:1])
    size = (weights[0] - before).square().mean().sqrt() / 0.1
    assert 0.6 * ADAM_SIZE < size < 1.2 * ADAM_SIZE


def test_gradients_are_there_after_a_step_and_none_means_no_change():
    weights, gradients = problem()
    optimizer = MuonAdamW(weights, weights[:2], lr=0.1)
    train(optimizer, weights, gradients[:1])
    assert all(weight.grad is not None for weight in weights)
    before = weights[0].detach().clone()
    optimizer.zero_grad()
    optimizer.step()
    assert torch.equal(weights[0], before)


def test_a_step_that_overflowed_changes_nothing():
    """As a gradient scaler announces it in half precision."""
    weights, gradients = problem()
    before = [weight.detach().clone() for weight in weights]
    optimizer = MuonAdamW(weights, weights[:2], lr=0.1)
    optimizer.found_inf, optimizer.grad_scale = torch.ones(()), None
    train(optimizer, weights, gradients[:1])
    assert all(torch.equal(a, b) for a, b in zip(weights, before, strict=True))


def test_goes_on_bitwise_and_from_a_checkpoint_of_adam():
    weights, gradients = problem()
    train(MuonAdamW(weights, weights[:2], lr=0.1), weights, gradients)

    parts, _ = problem()
    first = MuonAdamW(parts, parts[:2], lr=0.1)
    train(first, parts, gradients[:1])
    second = MuonAdamW(parts, parts[:2], lr=0.1)
    second.load_state_dict(first.state_dict())
    train(second, parts, gradients[1:])
    assert all(torch.equal(a, b) for a, b in zip(parts, weights, strict=True))

    adam = torch.optim.AdamW(parts, lr=0.1)
    train(adam, parts, gradients[:1])
    third = MuonAdamW(parts, parts[:2], lr=0.1)
    third.load_state_dict(adam.state_dict())
    train(third, parts, gradients[1:])
    assert set(third.state[parts[0]]) == {"step", "momentum"}


def test_hidden_matrices_of_a_spender():
    model = Spender(
        SpenderConfig(
            n_latent=6,
            rest_grid=linear_grid(3000.0, 9000.0, 60),
            grids={"sdss": INSTRUMENTS["sdss"]},
            hidden=(8, 16, 32),
        )
    )
    chosen = {id(weight) for weight in hidden_matrices(model)}
    names = [name for name, weight in model.named_parameters() if id(weight) in chosen]
    assert names == [
        "encoders.sdss.conv2.weight", "encoders.sdss.conv3.weight",
        "encoders.sdss.mlp.0.weight", "encoders.sdss.mlp.2.weight", "encoders.sdss.mlp.4.weight",
        "decoder.mlp.2.weight", "decoder.mlp.4.weight",
    ]  # fmt: skip
    model.decoder.requires_grad_(False)
    assert len(hidden_matrices(model)) == 5
