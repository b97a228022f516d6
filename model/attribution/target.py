"""Scalars of a rest-frame spectrum that a prediction can be asked about: lines, breaks, windows.

line_target("Hα").value(model.decode_tensor(latents), model.wave_rest) -> (n_galaxy,)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from data.arrays import FloatArray
from data.lines.emission import LINES, find_line
from data.lines.indices import D4000_BLUE, D4000_RED

LINE_REACH = 10.0
"""Angstrom to either side of a line that are taken for it."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A scalar of a rest-frame model: a weighted sum of its pixels, or a ratio of two.

    Attributes:
        label: What the explorer calls it.
        first: Start of its wavelengths, rest-frame Angstrom.
        last: Their end.
        above: Bands averaged, with their factors: (first, last, factor), Angstrom.
        below: Bands of the denominator; none for a plain sum.
        nu: Average F_nu instead of F_lambda.
        at: Wavelength whose nearest pixel is added, or None.
    """

    label: str
    first: float
    last: float
    above: tuple[tuple[float, float, float], ...]
    below: tuple[tuple[float, float, float], ...] = ()
    nu: bool = False
    at: float | None = None

    @property
    def asked(self) -> tuple[float, float]:
        """What the value is of, without the continuum beside it: rest-frame Angstrom."""
        if self.at is not None:
            return self.at - LINE_REACH, self.at + LINE_REACH
        return (self.first, self.last) if self.below else self.above[0][:2]

    @property
    def unit(self) -> str:
        """What the value is measured in: normalised flux, unless it is a ratio."""
        if self.below:
            return "(a ratio)"
        beside = len(self.above) > (1 if self.at is None else 0)
        return "\N{MULTIPLICATION SIGN} norm" + (" above the continuum beside" if beside else "")

    def value(self, rest: Tensor, wave: FloatArray) -> Tensor:
        """Return the scalar of each spectrum, shape (n_galaxy,).

        Args:
            rest: Rest-frame spectra, shape (n_galaxy, n_rest).
            wave: Their wavelengths, Angstrom, shape (n_rest,).

        Raises:
            ValueError: The wavelengths do not cover the target.
        """
        if self.first < wave[0] or self.last > wave[-1]:
            raise ValueError(
                f"{self.label} needs {self.first:.0f}-{self.last:.0f} Angstrom, the model "
                f"covers {wave[0]:.0f}-{wave[-1]:.0f}; choose another"
            )
        above = rest @ self._weights(self.above, wave, rest)
        if self.at is not None:
            above = above + rest[:, int(np.abs(wave - self.at).argmin())]
        return above / (rest @ self._weights(self.below, wave, rest)) if self.below else above

    def _weights(
        self, bands: tuple[tuple[float, float, float], ...], wave: FloatArray, like: Tensor
    ) -> Tensor:
        weights = np.zeros(len(wave))
        for first, last, factor in bands:
            inside = (wave >= first) & (wave <= last)
            share = inside * (wave**2 if self.nu else 1.0) * np.gradient(wave)
            weights += factor * share / max(float((inside * np.gradient(wave)).sum()), 1e-12)
        return torch.as_tensor(weights, dtype=like.dtype, device=like.device)


def line_target(name: str) -> Target:
    """Return the height of a line above its continuum (Melchior+2022, section 4.3).

    The continuum is the mean of the line-free bands 15-60 Angstrom to either side.

    Raises:
        ValueError: No line has that name.
    """
    centre = find_line(name).wave
    blue, red = _line_free(centre, -1), _line_free(centre, +1)
    bands = tuple((*band, -0.5) for band in (blue, red))
    return Target(label=name, first=blue[0], last=red[1], above=bands, at=centre)


def d4000_target() -> Target:
    """Return the narrow 4000 Angstrom break (Balogh+1999)."""
    return Target(
        label="D4000",
        first=D4000_BLUE[0],
        last=D4000_RED[1],
        above=((*D4000_RED, 1.0),),
        below=((*D4000_BLUE, 1.0),),
        nu=True,
    )


def window_target(first: float, last: float, *, continuum: bool = True) -> Target:
    """Return the mean flux of a window, above the mean of its two sides if `continuum`.

    Args:
        first: Start, rest-frame Angstrom.
        last: End.
        continuum: Take the sides (half the window's width each, 10 Angstrom at least) off.

    Raises:
        ValueError: The window is empty.
    """
    if not (np.isfinite([first, last]).all() and 0 < first and last - first >= 1):
        raise ValueError(f"a window must be at least 1 Angstrom wide, got {first} to {last}")
    label = f"{first:.0f}-{last:.0f} Å"
    if not continuum:
        return Target(label=label, first=first, last=last, above=((first, last, 1.0),))
    side = max(0.5 * (last - first), 10.0)
    bands = ((first, last, 1.0), (first - side, first, -0.5), (last, last + side, -0.5))
    return Target(label=label, first=first - side, last=last + side, above=bands)


def _line_free(centre: float, side: int) -> tuple[float, float]:
    """Return the widest band without lines 15 to 60 Angstrom to one side of a wavelength."""
    waves = np.sort([abs(item.wave - centre) for item in LINES if (item.wave - centre) * side > 0])
    edges = [15.0]
    bands = []
    for distance in waves[(waves > 3) & (waves < 75)]:
        bands.append((edges[-1], distance - 12.0))
        edges.append(distance + 12.0)
    bands.append((edges[-1], 60.0))
    near, far = max(bands, key=lambda band: min(band[1], 60.0) - max(band[0], 15.0))
    near, far = max(near, 15.0), min(far, 60.0)
    if far - near < 5:
        near, far = 15.0, 60.0
    first, last = sorted((centre + side * near, centre + side * far))
    return first, last
