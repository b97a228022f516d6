"""The optimiser of a training: Muon for the matrices between hidden layers, AdamW for the rest.

Adam scales each weight by itself. Muon (Jordan+2024; Liu+2025, arXiv:2502.16982) replaces the
momentum of a whole matrix by the nearest orthogonal one, so that rare directions of the gradient
count as much as frequent ones; the encoder then learns more in each step (`benchmarks optimizer`).
Update sizes match those of AdamW, so that one learning rate serves both. `torch.optim.Muon` takes
matrices only, no convolutions, and always computes in bfloat16.

    optimizer = MuonAdamW(model.parameters(), hidden_matrices(model), lr=1e-3)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from model.dense.autoencoder import DenseAutoencoder
from model.networks.encoder import Encoder
from model.networks.spender import Spender
from model.training.settings import OptimizerSettings

MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
N_ITERATION = 5
ADAM_SIZE = 0.2
"""Root mean square of what AdamW changes, in learning rates (Liu+2025, section 2.2)."""


class MuonAdamW(torch.optim.AdamW):
    """AdamW that does Muon's step for some of its weights."""

    def __init__(
        self,
        weights: Iterable[Parameter],
        matrices: Iterable[Parameter],
        *,
        lr: float,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Take the weights.

        Args:
            weights: All that shall be trained.
            matrices: Those of them for Muon, of two or more dimensions; all but the first are
                flattened.
            lr: Learning rate of both.
            weight_decay: Decoupled, of both.
            dtype: Precision of the orthogonalisation: bfloat16 where the device multiplies in it.
        """
        self.matrices, self.dtype = list(matrices), dtype
        super().__init__(weights, lr=lr, weight_decay=weight_decay, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # noqa: ANN401
        """Change the weights; those without a gradient stay as they are."""
        overflow = getattr(self, "found_inf", None)  # set by a gradient scaler (fp16)
        group, held = self.param_groups[0], []
        for matrix in self.matrices:
            if matrix.grad is not None:
                held.append((matrix, matrix.grad))
                if overflow is None or not overflow.item():
                    self._orthogonal_step(matrix, matrix.grad, group["lr"], group["weight_decay"])
                matrix.grad = None  # not for AdamW
        value = super().step(closure)
        for matrix, grad in held:
            matrix.grad = grad
        return value

    def _orthogonal_step(self, matrix: Parameter, grad: Tensor, rate: float, decay: float) -> None:
        state = self.state[matrix]
        if "momentum" not in state:
            state.clear()  # of a checkpoint that plain AdamW wrote
            state["step"] = torch.zeros(())  # AdamW looks for it in every state it loads
            state["momentum"] = torch.zeros_like(grad)
        state["step"] += 1
        momentum = state["momentum"].lerp_(grad, 1 - MOMENTUM)
        update = orthogonal(grad.lerp(momentum, MOMENTUM).flatten(1), dtype=self.dtype)
        matrix.mul_(1 - rate * decay)
        size = ADAM_SIZE * max(update.shape) ** 0.5
        matrix.add_(update.view_as(matrix), alpha=-rate * size)


def orthogonal(matrix: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return U V^T, nearly, for a matrix U S V^T: its singular values become 0.7 to 1.2.

    Args:
        matrix: Two-dimensional.
        dtype: Precision to compute in.

    Returns:
        Shape and precision of `matrix`.
    """
    first, second, third = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).to(dtype)
    x = x / x.norm().clamp_min(1e-7)
    for _ in range(N_ITERATION):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=second, alpha=third), x, beta=first)
    return (x.T if tall else x).to(matrix.dtype)


def make_optimizer(
    model: Spender | DenseAutoencoder, settings: OptimizerSettings, *, dtype: torch.dtype
) -> MuonAdamW:
    """Return the optimiser of a model's trainable weights.

    Args:
        model: The model; Muon is for a SPENDER.
        settings: `optimizer` must be settled: `muon` or `adam`.
        dtype: Precision of Muon.
    """
    return MuonAdamW(
        [item for item in model.parameters() if item.requires_grad],
        hidden_matrices(model)
        if isinstance(model, Spender) and settings.optimizer == "muon"
        else (),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        dtype=dtype,
    )


def hidden_matrices(model: Spender) -> list[Parameter]:
    """Return the trainable weights between hidden layers: first and last layers are AdamW's."""
    weights: list[Tensor] = []
    for encoder in model.encoders.values():
        assert isinstance(encoder, Encoder)
        weights += [encoder.conv2.weight, encoder.conv3.weight, *_linear(encoder.mlp)[:-1]]
    weights += _linear(model.decoder.mlp)[1:-1]
    return [item for item in weights if isinstance(item, Parameter) and item.requires_grad]


def _linear(layers: nn.Sequential) -> Sequence[Tensor]:
    return [layer.weight for layer in layers if isinstance(layer, nn.Linear)]
