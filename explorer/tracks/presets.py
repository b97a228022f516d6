"""Ready-made tracks, after Portillo+2020; combinations of axes and percentiles written as text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from data.lines.classes import BROAD_AGN, EMISSION_LINE, NARROW_AGN, QUIESCENT
from explorer.state.dataset import Dataset
from explorer.tracks.classes import AGN, ALL, STARS


@dataclass(frozen=True, kw_only=True)
class End:
    """What an end of a track is called, and which objects deserve the name.

    Attributes:
        label: In words.
        classes: Classes by lines that do; none = go by `column`.
        column: Column of the atlas that tells.
        above: Its least value.
    """

    label: str
    classes: tuple[str, ...] = ()
    column: str = ""
    above: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A track of Portillo+2020 (section 3.2).

    Attributes:
        percentiles: Edges of the bins, percentiles of the objects.
        weights: Principal axis (from 0) -> factor; empty where a column leads.
        column: What is measured along the track: it follows the direction of latent space in which
            this rises.
        classes: Which objects; a choice of `explorer.tracks.classes`.
        ends: What the first and the last bin hold.
    """

    percentiles: str
    weights: dict[int, float] = field(default_factory=dict)
    column: str = ""
    classes: str = ALL
    ends: tuple[End, End] | None = None


PRESETS = {
    "star formation: quiescent to emission-line, by EW Hα": Preset(
        column="ew_halpha_model", classes=STARS, percentiles="0 30 60 90 95 100",
        ends=(End(label="quiescent", classes=(QUIESCENT,)),
              End(label="emission-line", classes=(EMISSION_LINE,))),
    ),
    "extreme emission: weak to strong lines, by EW [O III]": Preset(
        column="ew_oiii_model", percentiles="0 30 90 99 99.75 100",
        ends=(End(label="quiescent", classes=(QUIESCENT,)),
              End(label="of strong lines", classes=(EMISSION_LINE, NARROW_AGN))),
    ),
    "active nuclei: narrow to broad lines, by the wings of Hα": Preset(
        column="ew_halpha_wings_model", classes=AGN, percentiles="0 25 50 70 85 100",
        ends=(End(label="narrow-line AGN", classes=(NARROW_AGN,)),
              End(label="broad-line AGN", classes=(BROAD_AGN,))),
    ),
    "after a starburst: quiescent, by HδA": Preset(
        column="hdelta_a_model", classes=QUIESCENT, percentiles="0 50 90 95 99 100",
        ends=(End(label="quiescent", classes=(QUIESCENT,)),
              End(label="of HδA above 4 Å", column="hdelta_a_data", above=4.0)),
    ),
    "PC 1 (Portillo's S)": Preset(weights={0: 1}, percentiles="0 30 60 90 95 100"),
    "PC 3 + PC 4 (Portillo's E)": Preset(
        weights={2: 1, 3: 1}, percentiles="99 99.5 99.75 99.9 100"
    ),
    "PC 5 − PC 6 (Portillo's A)": Preset(
        weights={4: 1, 5: -1}, percentiles="0 95 98 99 99.75 100"
    ),
    "PC 2 (Portillo's P)": Preset(weights={1: 1}, percentiles="0 1 5 95 99 100"),
}  # fmt: skip
"""Those that follow what is measured first. Principal axes are those of the model at hand: what
lies along Portillo's need not lie along them."""
FORMER = {
    "star formation (PC 1)": "PC 1 (Portillo's S)",
    "extreme emission (PC 3 + PC 4)": "PC 3 + PC 4 (Portillo's E)",
    "active nuclei (PC 5 − PC 6)": "PC 5 − PC 6 (Portillo's A)",
    "post-starburst (PC 2)": "PC 2 (Portillo's P)",
}
"""Names in addresses of before -> names now."""


def presets_of(dataset: Dataset) -> dict[str, Preset]:
    """Return the presets that an atlas has the columns and the latents for."""
    n_latent = dataset.atlas.latents.shape[1]
    numbers = set(dataset.numeric_columns)
    return {
        name: item
        for name, item in PRESETS.items()
        if (item.column in numbers if item.column else max(item.weights) < n_latent)
    }


OWN = "combination of axes"
"""The choice to write a combination of one's own."""
_TERM = re.compile(r"([+\-\N{MINUS SIGN}]?)\s*(\d*\.?\d*)\s*\*?\s*PC\s*(\d+)\s*", re.IGNORECASE)


def weights_of(text: str) -> dict[int, float]:
    """Read a linear combination of principal axes: `PC1`, `PC5 - PC6`, `0.5 PC1 + 2 PC3`.

    Returns:
        Principal axis (from 0) -> factor.

    Raises:
        ValueError: The text is no such combination.
    """
    weights: dict[int, float] = {}
    end = 0
    for match in _TERM.finditer(text.strip()):
        sign, factor, axis = match.groups()
        if match.start() != end or int(axis) < 1 or (end > 0 and not sign):
            break
        end = match.end()
        weight = float(factor or 1) * (1 if sign in ("", "+") else -1)
        weights[int(axis) - 1] = weights.get(int(axis) - 1, 0.0) + weight
    if not weights or end != len(text.strip()):
        raise ValueError(f"a combination must be written like PC1 or 0.5 PC5 - PC6, got {text!r}")
    return weights


def percentiles_of(text: str) -> list[float]:
    """Read percentiles from text.

    Raises:
        ValueError: They are not increasing numbers from 0 to 100.
    """
    try:
        edges = [float(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise ValueError(f"edges must be numbers such as 0 30 60 90 100, got {text!r}") from error
    increasing = all(low < high for low, high in zip(edges[:-1], edges[1:], strict=True))
    if len(edges) < 3 or not increasing or not (0 <= edges[0] and edges[-1] <= 100):
        raise ValueError(f"edges must be 3 or more increasing percentiles, 0 to 100, got {text!r}")
    return edges
