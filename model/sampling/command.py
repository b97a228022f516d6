"""Galaxies that an atlas thinks possible: a survey drawn from its density of latents.

python -m model sample ATLAS --n N --out SURVEY [--z LOW HIGH] [--instrument sdss|boss|desi]

Latents are drawn from the normalising flow and decoded; redshift and brightness are those of the
nearest object of the atlas, unless asked for; the instrument's calibration errors, noise, cosmic
rays and masks are those of mock surveys.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import KDTree
from tqdm import tqdm

from data.arrays import FloatArray
from data.commands import setting
from data.grid import NORM_RANGE
from data.mock.instrument import MOCK_INSTRUMENTS, Instrument
from data.mock.noise import record
from data.mock.object_random import ObjectRandom
from data.survey_writer import SurveyWriter
from model.atlas.atlas import Atlas
from model.atlas.encoding import latent_columns
from model.interface import SpectrumModel

ROWS = 512
"""Spectra made at a time."""


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """Settings of `python -m model sample`."""

    atlas: Path = setting(help="atlas folder", positional=True)
    out: Path = setting(help="survey folder to make")
    n: int = setting(help="number of galaxies", default=1000)
    z: tuple[float, ...] = setting(
        help="their redshift, or lowest and highest (default: that of the nearest object each)",
        default=(),
    )
    instrument: str = setting(
        help="whose grid and noise", default="sdss", choices=tuple(MOCK_INSTRUMENTS)
    )
    noise: float = setting(help="noise over the instrument's usual; 0 = none", default=1.0)
    seed: int = setting(help="the same seed makes the same survey", default=1)

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if self.n < 1:
            raise ValueError(f"n must be at least 1, got {self.n}")
        outside = any(not 0 <= z < 2 for z in self.z)
        if len(self.z) > 2 or outside or list(self.z) != sorted(self.z):
            raise ValueError(f"--z takes one or two redshifts, 0 to 2, increasing, got {self.z}")
        if not 0 <= self.noise < np.inf:
            raise ValueError(f"noise must be 0 or more, got {self.noise}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be an integer from 0 to 2^63 - 1, got {self.seed}")


def sample(config: SampleConfig) -> None:
    """Draw galaxies, observe them, write the survey.

    Raises:
        ValueError: The destination exists, the atlas is damaged, or its model does not reach the
            instrument's wavelengths.
    """
    atlas, instrument = Atlas(config.atlas), MOCK_INSTRUMENTS[config.instrument]
    low, high = NORM_RANGE
    info = {
        "instrument": config.instrument,
        "flux_unit": "1e-17 erg / s / cm2 / Angstrom, divided by norm",
        "normalisation": f"norm = median model flux in rest-frame {low:.0f}-{high:.0f} Angstrom",
        "provenance": {
            "made_by": "python -m model sample", "atlas": atlas.name, "seed": config.seed,
            "n": config.n, "z": list(config.z), "noise": config.noise,
            "weights_sha256": atlas.info["model"]["weights_sha256"],
        },
    }  # fmt: skip
    drawn = draw(atlas, config)
    with SurveyWriter(config.out, grid=instrument.grid, info=info) as writer:
        for start in tqdm(range(0, config.n, ROWS), unit="block", disable=None):
            rows = drawn.iloc[start : start + ROWS]
            writer.append(rows, *observe(atlas.model, rows, instrument, config))


def draw(atlas: Atlas, config: SampleConfig) -> pd.DataFrame:
    """Return the catalogue of drawn galaxies: names, redshifts, brightness, latents.

    Properties are not drawn: `python -m model atlas` and `place` estimate them from neighbours.
    """
    latents = atlas.flow.sample(config.n, seed=config.seed)
    random = ObjectRandom(seed=config.seed, index=np.arange(config.n))
    nearest: Any = KDTree(atlas.latents.astype(np.float64)).query(latents.astype(np.float64))[1]
    like = atlas.catalog.iloc[nearest].reset_index(drop=True)
    z = like["z"].to_numpy(float)
    if config.z:
        z = random.uniform("redshift", config.z[0], config.z[-1])
    norm = like["norm"].to_numpy(float) if "norm" in like else np.ones(config.n)
    columns = {
        "object_id": [f"drawn-{config.seed}-{row}" for row in range(config.n)],
        "z": z,
        "class": "GALAXY",
        "norm": np.where(norm > 0, norm, 1.0),
        "drawn_like": like["object_id"].astype(str),
    }
    names = (f"drawn_{name}" for name in latent_columns(latents.shape[1]))
    return pd.DataFrame(columns | dict(zip(names, latents.T, strict=True)))


def observe(
    model: SpectrumModel, rows: pd.DataFrame, instrument: Instrument, config: SampleConfig
) -> tuple[FloatArray, FloatArray]:
    """Return flux and inverse variance of drawn galaxies as an instrument records them.

    Args:
        model: Decodes their latents.
        rows: Of `draw`.
        instrument: What records them.
        config: Noise and seed.

    Returns:
        Both normalised, float32, shape (n_galaxy, n_pixel); 0 where the model does not reach.
    """
    latents = rows.filter(regex=r"^drawn_latent_\d+$").to_numpy(np.float32)
    flux, covered = model.reconstruct(latents, rows["z"].to_numpy(float), instrument.grid)
    norm = rows["norm"].to_numpy(np.float32)[:, None]
    ivar = np.ones_like(flux)
    if config.noise > 0:
        flux = flux * norm
        random = ObjectRandom(seed=config.seed, index=rows.index.to_numpy())
        record(flux, ivar, random, instrument, exposure=np.full(len(flux), config.noise))
        flux, ivar = flux / norm, ivar * norm**2
    return flux * covered, ivar * covered
