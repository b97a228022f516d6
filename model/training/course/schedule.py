"""Progress of a training, and learning rate and guidance as functions of it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

WARM_UP_SHARE = 0.3
START_DIVISOR, FINAL_DIVISOR = 25.0, 1e4
BETA_HIGH, BETA_LOW = 0.95, 0.85


def one_cycle(progress: float, *, max_rate: float) -> tuple[float, float]:
    """Return learning rate and Adam's beta1 of the 1cycle schedule (Smith & Topin 2017).

    The same curve as `torch.optim.lr_scheduler.OneCycleLR`, but as a function of the share of the
    training that is done, so that a training limited by time completes its cycle too.

    Args:
        progress: Share of the training that is done, 0 to 1.
        max_rate: Highest learning rate.
    """
    start, final = max_rate / START_DIVISOR, max_rate / START_DIVISOR / FINAL_DIVISOR
    if progress < WARM_UP_SHARE:
        part = progress / WARM_UP_SHARE
        return _cosine(start, max_rate, part), _cosine(BETA_HIGH, BETA_LOW, part)
    part = (min(progress, 1.0) - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)
    return _cosine(max_rate, final, part), _cosine(BETA_LOW, BETA_HIGH, part)


FLAT_VALIDATIONS = 5
"""Validations without gain after which the rate of a plateau schedule falls by ten."""
BETA = 0.9


def learning_rate(
    schedule: str, progress: float, drops: int, *, max_rate: float
) -> tuple[float, float]:
    """Return learning rate and Adam's beta1.

    Args:
        schedule: `one_cycle`, `plateau` (a tenth after each five validations without gain:
            Portillo+2020, section 3) or `constant`.
        progress: Share of the training that is done, 0 to 1.
        drops: Times that the rate of a plateau schedule has fallen.
        max_rate: Highest learning rate.
    """
    if schedule == "one_cycle":
        return one_cycle(progress, max_rate=max_rate)
    return max_rate * 0.1**drops if schedule == "plateau" else max_rate, BETA


GUIDED_SHARE, FREE_SHARE = 0.4, 0.7


def guidance(progress: float) -> float:
    """Return the weight of the guide: 1 up to 40 % of the training, falling to 0 at 70 %.

    Args:
        progress: Share of the training that is done, 0 to 1.
    """
    return min(1.0, max(0.0, (FREE_SHARE - progress) / (FREE_SHARE - GUIDED_SHARE)))


def _cosine(first: float, last: float, part: float) -> float:
    return last + (first - last) / 2 * (1 + math.cos(math.pi * part))


@dataclass
class Clock:
    """Measures a training against its number of steps and its time limit.

    Attributes:
        n_step: Steps of the whole training; None = limited by time alone.
        limit: Seconds of the whole training; None = limited by steps alone.
        before: Seconds spent before this run started (by runs that were interrupted).
    """

    n_step: int | None
    limit: float | None
    before: float = 0.0

    def __post_init__(self) -> None:
        """Start."""
        if self.n_step is None and self.limit is None:
            raise ValueError("a training needs a number of steps or a time limit, got neither")
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds spent on the training, runs before included."""
        return self.before + time.monotonic() - self._start

    def progress(self, step: int) -> float:
        """Return the share of the training that is done after `step` steps, 0 to 1."""
        by_step = step / self.n_step if self.n_step else 0.0
        by_time = self.seconds / self.limit if self.limit else 0.0
        return min(1.0, max(by_step, by_time))
