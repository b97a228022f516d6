"""Random numbers that depend only on (seed, object, purpose): the same in any batch or order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from scipy.special import ndtri

from data.arrays import FloatArray, IntArray


class ObjectRandom:
    """Draws for some objects of a mock survey; each call names its purpose.

    The 64-bit finaliser of SplitMix64 (Steele+2014, OOPSLA) is applied to a counter made of
    seed, object and purpose, so a draw needs no state.

    Example:
        >>> random = ObjectRandom(seed=1, index=np.array([7, 8]))
        >>> last = ObjectRandom(seed=1, index=np.array([8]))
        >>> random.uniform("mass")[1] == last.uniform("mass")[0]
        np.True_
    """

    def __init__(self, *, seed: int, index: IntArray, silenced: tuple[str, ...] = ()) -> None:
        """Draw for the objects `index` (>= 0) of the mock survey `seed` (>= 0).

        Purposes that begin with one of `silenced` do not vary: `normal` returns the mean.
        """
        self.seed = seed
        self.silenced = silenced
        self.index = np.asarray(index, dtype=np.uint64)
        counter = (int(seed) + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        self._key = _mix(self.index + _mix(np.uint64(counter)))

    def take(self, rows: IntArray | slice) -> ObjectRandom:
        """Return the draws for some of the objects."""
        return ObjectRandom(seed=self.seed, index=self.index[rows], silenced=self.silenced)

    def varies(self, purpose: str) -> bool:
        """Return whether a purpose is not silenced."""
        return not purpose.startswith(self.silenced)

    def uniform(self, purpose: str, low: float = 0.0, high: float = 1.0) -> FloatArray:
        """Return uniform numbers in (low, high), float64, one an object."""
        bits = _mix(self._key ^ _purpose_key(purpose))
        return low + (high - low) * ((bits >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53

    def normal(self, purpose: str, mean: Any = 0.0, sigma: Any = 1.0) -> FloatArray:  # noqa: ANN401
        """Return normal numbers, cut at 4 sigma, float64, one an object."""
        if not self.varies(purpose):
            return mean + np.zeros(len(self.index))
        return mean + sigma * ndtri(self.uniform(purpose)).clip(-4, 4)

    def generators(self) -> Iterator[np.random.Generator]:
        """Yield, for each object in turn, its own stream for the pixels of its spectrum.

        One generator is set to a new state each time: use it before asking for the next.
        """
        stream = np.random.SFC64(0)
        generator = np.random.Generator(stream)
        words = [_mix(self._key ^ _mix(np.uint64(i + 1))) for i in range(3)]
        for state in np.stack([*words, np.ones_like(words[0])], axis=1):
            stream.state = {
                "bit_generator": "SFC64",
                "state": {"state": state},
                "has_uint32": 0,
                "uinteger": 0,
            }
            yield generator


def _mix(value: Any) -> Any:  # noqa: ANN401 - a scalar or an array of uint64
    with np.errstate(over="ignore"):
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))


@cache
def _purpose_key(name: str) -> np.uint64:
    """Return the mixed 64-bit FNV-1a hash of a name (`hash` differs from run to run)."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return _mix(np.uint64(value))
