"""The objectives that the trainer can minimise."""

from __future__ import annotations

from model.training.dense_objective import DenseObjective
from model.training.objective import Objective

AnyObjective = Objective | DenseObjective
