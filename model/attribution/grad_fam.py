"""Which part of an observed spectrum a prediction rests on: Grad-FAM, or input x gradient.

Grad-FAM (Melchior+2022, Eq. 4): the gradient of a scalar of the rest-frame model with respect
to the attention weights, times those weights, for every channel and wavelength segment. The
sign is kept: positive pulls the scalar up. Models without attention get input x gradient.

A channel need not look at the middle of its segments: training decides which of the 21 taps of
the last kernel carry its attention. What is shown on the wavelength axis is therefore moved, for
each channel, to the middle of its effective receptive field (Luo+2016, NeurIPS 29), which the
kernel's weights tell.

    attribute(model, spectra, line_target("Hα")) -> Attribution
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from data.arrays import FloatArray, IntArray
from data.grid import WaveGrid
from data.parts import read_parts
from data.spectra import Spectra, SpectrumSource
from model.attribution.target import Target
from model.interface import SpectrumModel, TraceableModel
from model.networks.encoder import SEGMENT_STEP

RECEPTIVE_FIELD = 1209
"""Pixels of the spectrum that one segment depends on."""
ROWS = 64


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """What a scalar of the model rests on, for some spectra.

    Attributes:
        method: `grad-fam` or `input x gradient`.
        value: The scalar, shape (n_galaxy,).
        wave: Observed wavelengths of the positions (segment centres, or pixels), Angstrom,
            shape (n_position,).
        projection: Signed contribution of each position, shape (n_galaxy, n_position); with
            attention the sum of `aligned` over the channels.
        map: Signed contribution of channel and segment, shape (n_galaxy, n_channel,
            n_segment); None without attention.
        attention: The attention weights themselves, each channel summing to 1, same shape; None
            without attention.
        offset: Segments from a segment's centre to where each channel looks, int, shape
            (n_channel,); None without attention.
    """

    method: str
    value: FloatArray
    wave: FloatArray
    projection: FloatArray
    map: FloatArray | None = None
    attention: FloatArray | None = None
    offset: IntArray | None = None

    @cached_property
    def aligned(self) -> FloatArray:
        """`map` with every channel moved to where it looks, 0 where that leaves no segment."""
        if self.map is None or self.offset is None:
            raise ValueError("this model has no attention channels")
        return _moved(self.map, self.offset)

    @cached_property
    def aligned_attention(self) -> FloatArray:
        """`attention` with every channel moved to where it looks, as in `aligned`."""
        if self.attention is None or self.offset is None:
            raise ValueError("this model has no attention channels")
        return _moved(self.attention, self.offset)

    def peaks(self) -> FloatArray:
        """Return each channel's strongest contribution, signed, shape (n_galaxy, n_channel)."""
        if self.map is None:
            raise ValueError("this model has no attention channels")
        at = np.abs(self.map).argmax(axis=2)[:, :, None]
        return np.take_along_axis(self.map, at, axis=2)[:, :, 0]

    def top_channel(self) -> int:
        """Return the channel that contributes most at its peak, on average over the spectra."""
        return int(np.abs(self.peaks()).mean(axis=0).argmax())

    def peak_wave(self, row: int = 0) -> float:
        """Return the observed wavelength that contributes most to one spectrum's scalar.

        That is the maximum of the projection (Melchior+2022, section 4.3), or its minimum if the
        scalar is negative, like the height of an absorption line.
        """
        pull = self.projection[row] * (-1.0 if self.value[row] < 0 else 1.0)
        if pull.max() <= 0:  # everything pulls the other way
            pull = -pull
        return float(self.wave[pull.argmax()])


def attribute(model: SpectrumModel, spectra: Spectra, target: Target) -> Attribution:
    """Attribute a scalar of the rest-frame model to the observed spectra.

    Args:
        model: With attention (Grad-FAM), or another differentiable one (input x gradient).
        spectra: Observed spectra; a few at a time, the map is 256 x 72 numbers each.
        target: The scalar.

    Raises:
        ValueError: The target is outside the model's wavelengths, or the model is of a kind
            that can not be differentiated.
    """
    if not isinstance(model, TraceableModel):
        raise ValueError(f"attention of a {model.kind} model can not be computed")
    parts = [_contributions(model, spectra.take(rows), target) for rows in _batches(len(spectra))]
    value, contributions, evidence = (np.concatenate(part) for part in zip(*parts, strict=True))
    offset = model.attention_offset(spectra.grid)
    if offset is None:
        return Attribution(
            method="input x gradient", value=value, wave=spectra.wave, projection=contributions
        )
    return Attribution(
        method="grad-fam",
        value=value,
        wave=segment_wave(spectra.grid, contributions.shape[2]),
        projection=_moved(contributions, offset).sum(axis=1),
        map=contributions,
        attention=evidence,
        offset=offset,
    )


def order_by_channel(
    model: SpectrumModel, source: SpectrumSource, rows: IntArray, target: Target, *, channel: int
) -> tuple[IntArray, FloatArray]:
    """Order objects by one channel's strongest contribution (Melchior+2022, Fig. 4).

    Returns:
        The rows, highest first, and their contributions in that order.
    """
    rows = np.asarray(rows, dtype=np.int64)
    peaks = np.empty(len(rows))
    for part in _batches(len(rows)):
        for places, spectra in read_parts(source, rows[part]):
            attribution = attribute(model, spectra, target)
            peaks[part.start + places] = attribution.peaks()[:, channel]
    order = np.argsort(-peaks, kind="stable")
    return rows[order], peaks[order]


def segment_wave(grid: WaveGrid, n_segment: int) -> FloatArray:
    """Return the observed wavelengths of the segments' centres, Angstrom, shape (n_segment,).

    The last centre may lie a few pixels beyond the grid, where only padding is.
    """
    uniform = grid.start + grid.step * SEGMENT_STEP * np.arange(n_segment)
    return 10.0**uniform if grid.scale == "log" else uniform


def _moved(maps: FloatArray, offset: IntArray) -> FloatArray:
    """Move the rows of each channel by its offset, 0 where nothing comes."""
    origin = np.arange(maps.shape[2]) - offset[:, None]  # (channel, segment): where it comes from
    inside = (origin >= 0) & (origin < maps.shape[2])
    channel = np.arange(len(offset))[:, None]
    return np.where(inside, maps[:, channel, origin.clip(0, maps.shape[2] - 1)], 0)


def _contributions(
    model: TraceableModel, spectra: Spectra, target: Target
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the scalar of some spectra, evidence times gradient, and the evidence."""
    evidence, rest = model.trace(spectra)
    value = target.value(rest, model.wave_rest)
    (gradient,) = torch.autograd.grad(value.sum(), evidence)
    found = (value.detach(), gradient * evidence.detach(), evidence.detach())
    scalar, contributions, plain = (item.cpu().numpy() for item in found)
    return scalar, contributions, plain


def _batches(n_galaxy: int) -> list[slice]:
    return [slice(start, min(start + ROWS, n_galaxy)) for start in range(0, n_galaxy, ROWS)]
