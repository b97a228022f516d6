"""Prepare spectra in the rest frame as the papers on dense autoencoders do.

prepared = prepare(spectra, PREPARATIONS["portillo2020"])
prepared.flux, prepared.ivar, prepared.observed
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from data.arrays import BoolArray, FloatArray
from data.grid import WaveGrid, linear_grid, log_grid_of
from data.rest_frame.infill import Infill
from data.rest_frame.limited_ivar import limited_ivar
from data.rest_frame.rebin import overlaps, rebin
from data.spectra import Spectra

MOST_MISSING = 0.5
"""Share of missing pixels above which a spectrum is not prepared."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How spectra are prepared.

    Attributes:
        rest_grid: Rest-frame grid.
        norm: `total`: mean flux density 1 over the range, that is a fixed total flux; `unit`:
            root mean square 1, that is a fixed Euclidean norm.
        max_snr: Cap of the signal-to-noise of a pixel, by a floor of its error; 0 = none.
        z_min: Lowest redshift to learn from.
        z_max: Highest redshift to learn from.
        min_snr: Median signal-to-noise of a pixel of spectra to learn from must be above this.
    """

    rest_grid: WaveGrid
    norm: Literal["total", "unit"] = "total"
    max_snr: float = 50.0
    z_min: float = -1.0
    z_max: float = float("inf")
    min_snr: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        values = asdict(self) | {"rest_grid": self.rest_grid.to_dict()}
        return values | {"z_max": None if np.isinf(self.z_max) else self.z_max}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preparation:
        """Return the preparation that `to_dict` gave."""
        z_max = float("inf") if values["z_max"] is None else values["z_max"]
        return cls(**{**values, "rest_grid": WaveGrid(**values["rest_grid"]), "z_max": z_max})


PREPARATIONS: dict[str, Preparation] = {
    "portillo2020": Preparation(
        rest_grid=log_grid_of(3388.0, 8318.0, 1000), norm="total", max_snr=50.0, z_max=0.36
    ),
    "nicolaou2025": Preparation(
        rest_grid=linear_grid(3600.0, 7556.0, 1000), norm="unit", max_snr=0.0, z_min=0.0,
        z_max=0.3, min_snr=5.0,
    ),
}  # fmt: skip
"""Portillo+2020 (section 3) and Nicolaou+2025 (section 4)."""


@dataclass(frozen=True)
class Prepared:
    """Spectra on the rest-frame grid.

    Attributes:
        flux: Normalised, missing pixels filled (0 without an `Infill`), float32, shape
            (n_galaxy, n_rest).
        ivar: Its inverse variance, 0 where missing, same shape.
        observed: Which pixels are observed, same shape.
        scale: What the flux was divided by, in units of the input, shape (n_galaxy,).
    """

    flux: FloatArray
    ivar: FloatArray
    observed: BoolArray
    scale: FloatArray

    @property
    def missing(self) -> FloatArray:
        """Share of missing pixels, shape (n_galaxy,); compare with `MOST_MISSING`."""
        return 1 - self.observed.mean(axis=1)


def prepare(spectra: Spectra, preparation: Preparation, infill: Infill | None = None) -> Prepared:
    """Shift spectra to the rest frame, rebin, cap the signal-to-noise, fill gaps, normalise.

    Args:
        spectra: Observed spectra; each is prepared alike whatever stands beside it.
        preparation: How.
        infill: Fills missing pixels. Without one they stay 0, and the norm is that of the
            observed pixels.
    """
    over = overlaps(spectra.z, grid=spectra.grid, rest_grid=preparation.rest_grid)
    flux, ivar, observed = rebin(spectra.flux, spectra.ivar, over)
    ivar = limited_ivar(flux, ivar, preparation.max_snr)
    full = flux if infill is None else infill.fill(flux, observed)
    used = observed if infill is None else np.ones_like(observed)
    scale = _scale(full, used, preparation.norm)
    return Prepared(
        flux=(full / scale[:, None]).astype(np.float32),
        ivar=(ivar * scale[:, None] ** 2).astype(np.float32),
        observed=observed,
        scale=scale,
    )


def _scale(flux: FloatArray, used: BoolArray, norm: str) -> FloatArray:
    """Return what brings spectra to their norm; 1 where there is nothing to go by."""
    count = used.sum(axis=1).clip(min=1)
    total = np.where(used, flux if norm == "total" else flux.astype(float) ** 2, 0).sum(axis=1)
    scale = total / count if norm == "total" else np.sqrt(total / count)
    return np.where(scale > 0, scale, 1).astype(np.float32)
