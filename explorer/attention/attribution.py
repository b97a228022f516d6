"""What the page shows of an attribution: the scalar asked about, and pictures of its origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.colors import to_hex

from data.arrays import FloatArray, IndexArray
from data.lines.emission import LINES
from explorer.spectrum.inspection import Inspection, inspect
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest
from explorer.theme.colour import rgb
from explorer.theme.theme import Ink
from model.attribution.grad_fam import Attribution, attribute
from model.attribution.target import Target, d4000_target, line_target, window_target

DIVERGING_ENDS = ("#2166ac", "#c82832")
OFF, D4000, WINDOW = "off", "D4000", "window"
N_CHANNEL = 16
"""Channels drawn: those that contribute most."""
REFINED = 0.01
"""Relative difference from which the value of refined latents is told beside the encoder's."""
N_COLUMN = 600
"""Columns of the picture: the segments, equally wide in Angstrom."""


def choices(dataset: Dataset) -> list[str]:
    """Return what attention can be asked about: lines within the model's wavelengths."""
    wave = dataset.atlas.model.wave_rest
    names = []
    for item in LINES:
        wanted = line_target(item.name)
        if wave[0] <= wanted.first and wanted.last <= wave[-1]:
            names.append(item.name)
    return [OFF, *names, D4000, WINDOW]


def target_of(name: str, window: tuple[float, float] | None) -> Target | None:
    """Return the scalar of that name; None if nothing is asked.

    Raises:
        ValueError: No line has that name, or the window is empty.
    """
    if name == OFF or (name == WINDOW and window is None):
        return None
    if name == WINDOW and window is not None:
        return window_target(*window)
    return d4000_target() if name == D4000 else line_target(name)


@dataclass(frozen=True, kw_only=True)
class Attention:
    """The attribution of one object.

    Attributes:
        row: Its row in the catalogue; -1 for one that the user brought.
        z: Its redshift.
        target: What was asked.
        value: What is asked, of the spectrum decoded in the page.
        attribution: The answer, for this one object, of the latents as the encoder has them.
    """

    row: int
    z: float
    target: Target
    value: float
    attribution: Attribution

    def text(self) -> str:
        """Return what was found, in words."""
        found, answer = self.attribution, self.attribution.peak_wave()
        value = f"{self.target.label} of the model: {self.value:.3g} {self.target.unit}"
        encoded = float(found.value[0])
        if abs(encoded - self.value) > REFINED * max(abs(encoded), abs(self.value)):
            value += f" ({encoded:.3g} as first encoded, which is what is explained)"
        peak = f"strongest at {answer:.0f} Å observed, {answer / (1 + self.z):.0f} Å rest"
        if found.map is None:
            return (
                f"{value}. This model has no attention: shown is input × gradient, what each "
                f"pixel adds to the value; {peak}."
            )
        channel = found.top_channel()
        return f"{value}. Grad-FAM (Melchior+2022): top channel {channel}, {peak}."

    def channels(self) -> IndexArray:
        """Return the channels that contribute most, strongest first."""
        peaks = np.abs(self.attribution.peaks()[0])
        return np.argsort(-peaks, kind="stable")[:N_CHANNEL]


def attend(
    dataset: Dataset, chosen: int | Guest, target: Target, *, z: float | None = None
) -> Attention:
    """Ask what a scalar of an object's model rests on, at a redshift tried or its own; slow.

    Raises:
        ValueError: Neither the model nor the spectrum covers the target, or the model can not be
            differentiated.
    """
    item = inspect(dataset, chosen, z=z)
    if item.wave_rest[0] <= target.first and target.last <= item.wave_rest[-1]:
        check_covered(item, target)  # else the model says that it does not
    model = dataset.atlas.model
    attribution = attribute(model, item.spectra, target)
    decoded = torch.as_tensor(np.asarray(item.decoded, dtype=float))[None]
    return Attention(
        row=item.row,
        z=item.z,
        target=target,
        value=float(target.value(decoded, model.wave_rest)[0]),
        attribution=attribution,
    )


def check_covered(item: Inspection, target: Target) -> None:
    """Refuse a target that the spectrum does not show: the model would only guess it.

    Raises:
        ValueError: Not one pixel of what is asked was observed.
    """
    first, last = (edge * (1.0 + item.z) for edge in target.asked)
    inside = (item.wave >= first) & (item.wave <= last)
    if not (inside & ~item.masked).any():
        raise ValueError(
            f"{target.label} lies at {first:.0f}-{last:.0f} Å in this spectrum, which has no good "
            f"pixel there (it covers {item.wave[0]:.0f}-{item.wave[-1]:.0f} Å): choose another"
        )


def segment_edges(wave: FloatArray) -> FloatArray:
    """Return the edges between positions, half way, shape (n_position + 1,)."""
    middle = (wave[:-1] + wave[1:]) / 2
    return np.concatenate([[2 * wave[0] - middle[0]], middle, [2 * wave[-1] - middle[-1]]])


def channel_image(attention: Attention, *, direct: bool = False) -> tuple[FloatArray, float, float]:
    """Return the map of channels on a linear wavelength axis.

    Args:
        attention: The answer.
        direct: Show the attention weights of all channels (Melchior+2022, Fig. 4, top left) in
            place of what the strongest ones contribute.

    Returns:
        Contributions, strongest channel on top (the last row), or weights, channel 0 in the first
        row, shape (n_channel, `N_COLUMN`); and the observed wavelengths of the left and the right
        edge, Angstrom.
    """
    found = attention.attribution
    assert found.map is not None
    edges = segment_edges(found.wave)
    left, right = float(edges[0]), float(edges[-1])
    columns = left + (np.arange(N_COLUMN) + 0.5) * (right - left) / N_COLUMN
    segment = np.clip(np.searchsorted(edges, columns) - 1, 0, len(found.wave) - 1)
    if direct:
        return found.aligned_attention[0][:, segment], left, right
    return found.aligned[0][attention.channels()[::-1]][:, segment], left, right


def diverging(colours: Ink, *, n_colour: int = 101) -> list[str]:
    """Return a palette whose middle is the paper: blue pulls down, red pulls up."""
    paper, low, high = rgb([colours.paper, *DIVERGING_ENDS]).astype(float)
    half = n_colour // 2
    step = np.arange(-half, half + 1)[:, None] / half
    mixed = paper + (np.where(step < 0, low, high) - paper) * np.abs(step) ** 0.7
    return [to_hex(colour) for colour in np.rint(mixed) / 255]
