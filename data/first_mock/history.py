"""Star-formation histories of mock galaxies: a delayed exponential, a late change, a burst.

Without a change the rate is t exp(-t / tau) since the first stars (Simha+2014). From `change_age`
on it goes, within `change_time`, to `change_factor` times that (0 = quenched, above 1 = revived).
A burst adds a part `burst_fraction` of all stars, over `burst_time`, ending now or a while ago.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.arrays import FloatArray
from data.mock.templates import OLD_EDGES, YOUNG_EDGES

EDGES = np.concatenate([YOUNG_EDGES, OLD_EDGES[1:]])
_MIDDLES = 0.5 * (EDGES[1:] + EDGES[:-1])
RECENT = 1e8
"""Time over which the star-formation rate of the catalogue is averaged, yr."""


@dataclass(frozen=True)
class History:
    """Star-formation histories; every attribute has shape (n_galaxy,), times in yr.

    Attributes:
        first_age: Time since the first stars.
        tau_ratio: `first_age` / tau.
        change_age: Time since the rate changed.
        change_time: e-folding time of the change.
        change_factor: Rate long after the change over the rate without it.
        burst_fraction: Part of all stars formed in the burst.
        burst_age: Time since the burst began.
        burst_time: How long it lasted (cut off now).
    """

    first_age: FloatArray
    tau_ratio: FloatArray
    change_age: FloatArray
    change_time: FloatArray
    change_factor: FloatArray
    burst_fraction: FloatArray
    burst_age: FloatArray
    burst_time: FloatArray

    def formed(self) -> FloatArray:
        """Return the part of all stars formed in each bin of `EDGES`, (n_galaxy, n_bin)."""
        first, tau = self.first_age[:, None], (self.first_age / self.tau_ratio)[:, None]
        x = (first - EDGES).clip(0) / tau
        # Mass formed before each edge; 1 - (1 + x) exp(-x), without cancellation at small x.
        before = -np.expm1(-x) - x * np.exp(-x)
        mass = (before[:, :-1] - before[:, 1:]).clip(0)
        since = (self.change_age[:, None] - _MIDDLES).clip(0)
        turned = -np.expm1(-since / self.change_time[:, None])
        mass = mass * (1 + (self.change_factor[:, None] - 1) * turned)
        mass /= mass.sum(axis=1, keepdims=True)
        start = self.burst_age[:, None]
        stop = (self.burst_age - self.burst_time).clip(0)[:, None]
        burst = (np.minimum(EDGES[1:], start) - np.maximum(EDGES[:-1], stop)).clip(0)
        burst /= burst.sum(axis=1, keepdims=True)
        fraction = self.burst_fraction[:, None]
        return (1 - fraction) * mass + fraction * burst


def recent_rate(formed: FloatArray) -> FloatArray:
    """Return the mean rate of the last 100 Myr per mass ever formed, 1/yr, shape (n_galaxy,)."""
    share = ((RECENT - EDGES[:-1]) / np.diff(EDGES)).clip(0, 1)
    return (formed * share).sum(axis=1) / RECENT


def mean_age(formed: FloatArray) -> FloatArray:
    """Return the mass-weighted age of the stars, yr, shape (n_galaxy,)."""
    return (formed * _MIDDLES).sum(axis=1)


def tau_ratio_of_rate(rate_times_age: FloatArray) -> FloatArray:
    """Return first_age / tau at which (rate now / mass formed) * first_age has a value.

    With x = first_age / tau that product is x^2 exp(-x) / (1 - (1 + x) exp(-x)), from 2 at x = 0
    down to 0.
    """
    x = np.geomspace(1e-3, 60.0, 2000)
    product = x**2 * np.exp(-x) / (-np.expm1(-x) - x * np.exp(-x))
    return np.interp(-np.log(rate_times_age), -np.log(product), x)
