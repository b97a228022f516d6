"""Kernels of the line spread: drawn as learnt, their widths in words; nothing without any."""

from pathlib import Path

import numpy as np
import torch

from data.grid import INSTRUMENTS, linear_grid
from explorer.line_spread import LineSpreadView, kernel_text
from model.networks.config import SpenderConfig
from model.networks.spender import Spender
from tests.fixtures.explorer import new_state


def test_width_is_that_of_the_kernel() -> None:
    offset = np.arange(-7, 8)
    kernel = np.exp(-0.5 * (offset / 1.5) ** 2)
    kernel /= kernel.sum()
    assert kernel_text("sdss", kernel, INSTRUMENTS["sdss"]) == "SDSS: σ = 1.50 pixels, 104 km/s."
    assert kernel_text("desi", kernel, INSTRUMENTS["desi"]) == "DESI: σ = 1.50 pixels, 1.20 Å."
    negative = np.where(abs(offset) > 5, -0.02, kernel)
    assert "no width" in kernel_text("sdss", negative / negative.sum(), INSTRUMENTS["sdss"])


def test_kernels_are_drawn_where_there_are_some(
    tiny_atlas_path: Path, tiny_spender_atlas_path: Path
) -> None:
    assert LineSpreadView(new_state(tiny_atlas_path)).figure is None
    state = new_state(tiny_spender_atlas_path)
    assert LineSpreadView(state).figure is None
    with torch.random.fork_rng():
        state.dataset.atlas.__dict__["model"] = Spender(
            SpenderConfig(
                n_latent=4, grids={"desi": INSTRUMENTS["desi"]}, hidden=(8,), lsf_size=5,
                rest_grid=linear_grid(2359, 9332, 1400),
            )
        )  # fmt: skip
    view = LineSpreadView(state)
    (drawn,) = view.figure.renderers
    expected = np.exp(-0.5 * np.arange(-2.0, 3.0) ** 2)
    np.testing.assert_allclose(drawn.data_source.data["y"], expected / expected.sum(), rtol=1e-6)
    assert view.words.startswith("DESI: σ = 0.9")
