"""The losses of a batch as a training adds them up."""

import numpy as np
import pytest
import torch

from data.grid import WaveGrid, linear_grid
from model.batches.batch import Batch
from model.networks.config import SpenderConfig
from model.networks.spender import Spender
from model.training.objective import Objective
from model.training.settings import LossSettings

GRID = WaveGrid(scale="log", start=3.6, step=1e-3, n_pixel=330)
CONFIG = SpenderConfig(
    n_latent=2,
    grids={"test": GRID},
    rest_grid=linear_grid(3000.0, 8500.0, 300),
    hidden=(16,),
    channels=(4, 8, 16),
)


def batch(n: int = 12) -> Batch:
    """Return noisy slopes at several redshifts."""
    rng = np.random.default_rng(3)
    slopes = np.linspace(-1, 1, n)[:, None] * np.linspace(-1, 1, GRID.n_pixel)
    flux = 1 + 0.5 * slopes + rng.normal(0, 0.05, slopes.shape)
    return Batch(
        flux=torch.tensor(flux, dtype=torch.float32),
        ivar=torch.full(flux.shape, 400.0),
        z=torch.linspace(0.05, 0.3, n),
        rows=torch.arange(n),
        counted=torch.ones(n),
        n_global=n,
    )


def losses(**settings: float) -> dict[str, float]:
    """Return the losses of a network of seeded random weights."""
    torch.manual_seed(1)
    objective = Objective(Spender(CONFIG), GRID, LossSettings(consistency=1.0, **settings))
    with torch.no_grad():
        found = objective(batch(), 5.0, torch.Generator().manual_seed(2))
    return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_consistency_compares_each_spectrum_with_its_augmented_self(share):
    """Whichever of the two is reconstructed: the distance is the same both ways."""
    plain, mixed = losses(augmented=0.0), losses(augmented=share)
    assert plain["consistency"] > 1e-3
    assert mixed["consistency"] == pytest.approx(plain["consistency"], rel=1e-4)
    assert mixed["fidelity"] != plain["fidelity"]


def test_bright_pixels_weigh_no_more_than_the_limit():
    """Pixels of flux 0.5 to 1.5 have an S/N of 10 to 30."""
    free, wide, narrow = losses(), losses(max_snr=31.0), losses(max_snr=10.0)
    assert wide["fidelity"] == pytest.approx(free["fidelity"], rel=0.01)
    flux = batch().flux
    share = float(((10 / flux) ** 2 / 400).clamp(max=1).mean())
    assert narrow["fidelity"] < free["fidelity"]
    assert narrow["fidelity"] / free["fidelity"] == pytest.approx(share, rel=0.5)
