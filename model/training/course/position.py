"""Progress of a training: counters, and sums since the last validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Position:
    """Progress of a training; with the tensors, all that a resumed one needs.

    Attributes:
        step: Optimiser steps done.
        epoch: Epoch of the next batch.
        batch: Number of the next batch in it.
        seconds: Time spent.
        best_loss: Lowest validation loss.
        best_step: Its step.
        stale: Validations since.
        drops: Times that the learning rate was divided by ten.
        done: Whether the training is complete.
        sums: Sums of the training losses since the last validation, weighted by spectra.
        counts: Spectra in each of these sums.
        n_summed: Spectra since the last validation.
        last_valid_seconds: Time of the last validation.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    best_loss: float = math.inf
    best_step: int = 0
    stale: int = 0
    drops: int = 0
    done: bool = False
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    n_summed: int = 0
    last_valid_seconds: float = 0.0

    def add_step(self, values: Mapping[str, float], n_spectra: int) -> None:
        """Count an optimiser step and what was measured in it."""
        self.step, self.batch = self.step + 1, self.batch + 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * n_spectra
            self.counts[name] = self.counts.get(name, 0) + n_spectra
        self.n_summed += n_spectra

    def means(self) -> dict[str, float]:
        """Return the means of what was measured since the last validation."""
        return {name: value / self.counts[name] for name, value in self.sums.items()}

    def judge(self, loss: float, *, patient: bool) -> bool:
        """Take a validation loss; return whether it is the lowest so far.

        Args:
            loss: Of the validation.
            patient: Do not count a validation without gain.
        """
        self.stale += 0 if patient else 1
        if not loss < self.best_loss:
            return False
        self.best_loss, self.best_step, self.stale = loss, self.step, 0
        return True

    def start_sums(self, seconds: float) -> None:
        """Begin to sum up anew after a validation that ended at a time."""
        self.sums, self.counts, self.n_summed = {}, {}, 0
        self.last_valid_seconds = seconds
