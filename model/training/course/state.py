"""What a resumed training needs, in memory and in its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from model.store.checkpoints import (
    load_optimizer,
    optimizer_tensors,
    read_checkpoint,
    with_prefix,
    without_prefix,
    write_checkpoint,
)
from model.training.course.position import Position


class TrainingState:
    """Weights, the best ones so far, optimiser and position.

    Attributes:
        model: The model that is trained.
        optimizer: Its optimiser.
        path: File of the checkpoint.
        facts: What the checkpoint shall say (JSON-ready): `config`, the settings; `objects`, a
            digest of the ids that are learnt from, `content`, one of the survey, and `guided`,
            whether there is a guide: these must be those of a checkpoint gone on from.
        position: Where the training is.
        best: Weights that validated best, on the CPU; empty before the first validation.
    """

    def __init__(
        self, model: nn.Module, optimizer: Optimizer, *, path: Path, facts: Mapping[str, Any]
    ) -> None:
        """Start from nothing; `load` goes on from a checkpoint."""
        self.model, self.optimizer, self.path, self.facts = model, optimizer, path, facts
        self.position = Position()
        self.best: dict[str, Tensor] = {}

    def keep_best(self) -> None:
        """Take the present weights for the best ones."""
        self.best = {
            name: tensor.detach().to("cpu", copy=True)
            for name, tensor in self.model.state_dict().items()
        }

    def save(self, scaler: Mapping[str, Any] | None) -> None:
        """Write the checkpoint.

        Args:
            scaler: State of the gradient scaler, if the precision needs one.
        """
        tensors = {
            **with_prefix("model", self.model.state_dict()),
            **with_prefix("best", self.best),
            **with_prefix("optimizer", optimizer_tensors(self.optimizer)),
        }
        state = {"position": asdict(self.position), "scaler": scaler, **self.facts}
        write_checkpoint(self.path, tensors, state)

    def load(self) -> dict[str, Any] | None:
        """Go on from the checkpoint; returns the state of the gradient scaler.

        Raises:
            ValueError: It is damaged, or of another network, guide or survey.
        """
        tensors, state = read_checkpoint(self.path)
        if state["objects"] != self.facts["objects"]:
            raise ValueError(
                f"{self.path} was made from other objects than this survey holds; resume "
                "with the same survey, or choose another --out"
            )
        check_content(self.path, state.get("content"), self.facts["content"])
        if state.get("guided", False) != self.facts["guided"]:
            raise ValueError(
                f"the guide beside {self.path} is missing, or not its own; put "
                "guide.safetensors back, or choose another --out"
            )
        weights = without_prefix("model", tensors)
        if set(weights) != set(self.model.state_dict()):
            raise ValueError(
                f"{self.path} is of another network, or the model it started from has "
                "changed since; choose another --out"
            )
        self.model.load_state_dict(weights)
        self.best = without_prefix("best", tensors)
        load_optimizer(self.optimizer, without_prefix("optimizer", tensors))
        self.position = Position(**state["position"])
        if not self.position.counts:  # checkpoints of older versions do not hold them
            self.position.sums = {}
        return state["scaler"]


def check_content(path: Path, before: str | None, now: str) -> None:
    """Refuse to go on with what was learnt from a survey that has changed since.

    Args:
        path: What was learnt then.
        before: Hash of the survey's content then; None of versions that did not keep it.
        now: Hash of the survey's content.

    Raises:
        ValueError: They differ.
    """
    if before not in (None, now):
        raise ValueError(
            f"the spectra or the catalogue of the survey have changed since {path} was written; "
            "put them back, or choose another --out"
        )
