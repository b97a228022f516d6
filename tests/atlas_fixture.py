"""Small surveys and atlases for tests: made of a few lines of code, physical enough to measure.

Galaxies run from quiescent (a 4000 A break, absorption lines) to star-forming (blue, emission
lines) along one hidden number `activity`, with dust and noise beside it.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from filelock import FileLock

from data.grid import FloatArray, WaveGrid, linear_grid
from data.survey import Survey
from data.survey_writer import SurveyWriter
from model.atlas.atlas import AtlasConfig
from model.atlas.build import make_atlas
from model.linear.fit import fit_pca
from model.linear.pca import PCAConfig
from model.networks.spender import Spender, SpenderConfig
from model.store.storage import save_model

N_OBJECT = 120
EMISSION = {3728.5: 2.5, 4862.7: 1.5, 5008.2: 2.0, 6564.6: 5.0, 6585.3: 1.6, 6725.0: 1.5}
ABSORPTION = {3934.8: 0.45, 3969.6: 0.4, 4305.6: 0.2, 5176.6: 0.2, 5895.6: 0.2}
COARSE = WaveGrid(scale="log", start=3.58, step=4e-4, n_pixel=970)
"""An observed grid four times coarser than SDSS's: quick to encode."""


def rest_spectrum(wave: FloatArray, activity: FloatArray, dust: FloatArray) -> FloatArray:
    """Return noiseless rest-frame spectra (continuum 1 at 5500 A), shape (n, n_pixel)."""
    activity, dust = activity[:, None], dust[:, None]
    old = (wave / 5500) ** 0.7 * (1 - 0.42 / (1 + np.exp((wave - 4000) / 15)))
    for centre, depth in ABSORPTION.items():
        old = old * (1 - depth * np.exp(-0.5 * ((wave - centre) / 8) ** 2))
    young = (wave / 5500) ** -1.3 * (1 - 0.1 / (1 + np.exp((wave - 3700) / 15)))
    flux = (1 - activity) * old + activity * young
    for centre, height in EMISSION.items():
        line = np.exp(-0.5 * ((wave - centre) / 4) ** 2)
        flux = flux + height * activity**2 * line * (1 - 0.3 * dust * (centre > 6580))
    return flux * (wave / 5500) ** dust


def write_survey(
    out: Path, *, n_object: int = N_OBJECT, grid: WaveGrid = COARSE, seed: int = 7
) -> Path:
    """Write a survey of synthetic galaxies, some pixels masked, a few values missing."""
    rng = np.random.default_rng(seed)
    activity, dust = rng.uniform(0, 1, n_object), rng.uniform(-0.3, 0.6, n_object)
    z = rng.uniform(0.02, 0.3, n_object)
    snr = rng.lognormal(2.6, 0.4, n_object)
    flux = np.empty((n_object, grid.n_pixel), dtype=np.float32)
    for row in range(n_object):
        rest = grid.wave / (1 + z[row])
        flux[row] = rest_spectrum(rest, activity[row : row + 1], dust[row : row + 1])[0]
    sigma = np.maximum(np.abs(flux), 0.3) / snr[:, None]
    flux += rng.normal(size=flux.shape).astype(np.float32) * sigma
    ivar = (1 / sigma**2).astype(np.float32)
    ivar[rng.random(ivar.shape) < 0.02] = 0
    ivar[:, np.abs(grid.wave - 5578) < 6] = 0
    catalog = _catalog(rng, activity=activity, dust=dust, z=z, snr=snr)
    with SurveyWriter(out, grid=grid, info={"instrument": "test", "seed": seed}) as writer:
        writer.append(catalog, flux, ivar)
    return out


def _catalog(
    rng: np.random.Generator, *, activity: FloatArray, dust: FloatArray, z: FloatArray,
    snr: FloatArray,
) -> pd.DataFrame:  # fmt: skip
    n = len(z)
    log_mass = 11.2 - activity + rng.normal(0, 0.2, n)
    log_mass[:3] = np.nan
    return pd.DataFrame(
        {
            "object_id": [f"{266 + row // 40}-51602-{row % 40 + 1:04d}" for row in range(n)],
            "ra": rng.uniform(130, 220, n),
            "dec": rng.uniform(-5, 60, n),
            "z": z,
            "z_err": np.full(n, 1e-5),
            "class": np.where(np.arange(n) % 29 == 5, "QSO", "GALAXY"),
            "subclass": np.where(activity > 0.7, "STARFORMING", ""),
            "snr": snr,
            "log_mass": log_mass,
            "log_ssfr": -12 + 2.5 * activity + rng.normal(0, 0.1, n),
            "a_v": dust + 0.3,
            "norm": rng.lognormal(2, 0.5, n),
            "activity": activity,
        }
    )


def write_pca(survey: Path, out: Path, *, n_latent: int = 4) -> Path:
    """Fit and save a PCA of a survey, on a rest grid of its step."""
    source = Survey(survey)
    grid = source.grid
    first = np.floor(np.log10(2359) / grid.step) * grid.step
    rest = WaveGrid(scale="log", start=first, step=grid.step, n_pixel=int(0.5975 / grid.step))
    config = PCAConfig(n_latent=n_latent, rest_grid=rest)
    save_model(fit_pca(source, np.arange(len(source)), config=config, seed=0), out)
    return out


def write_spender(survey: Path, out: Path, *, n_latent: int = 4) -> Path:
    """Save a SPENDER of random weights (seeded) that fits a survey."""
    config = SpenderConfig(
        n_latent=n_latent,
        grids={"test": Survey(survey).grid},
        rest_grid=linear_grid(2359, 9332, 1400),
        hidden=(32, 64),
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = Spender(config)
    save_model(model, out)
    return out


def build(survey: Path, model: Path, out: Path, *, seed: int = 0) -> Path:
    """Build an atlas quietly."""
    make_atlas(
        Survey(survey), AtlasConfig(survey=survey, model=model, out=out, seed=seed), progress=False
    )
    return out


def write_tiny(base: Path) -> Path:
    """Write, once a test run, a survey, two models and their atlases; return their folder.

    Args:
        base: The worker's temporary folder; workers of one run share its parent.
    """
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "tiny"
    with FileLock(shared / "tiny.lock"):
        if not (folder / "atlas_spender").exists():
            survey = write_survey(folder / "survey")
            build(survey, write_pca(survey, folder / "pca"), folder / "atlas")
            build(survey, write_spender(survey, folder / "spender"), folder / "atlas_spender")
    return folder
