"""Small pictures of spectra as SVG paths, made on the server and kept for all sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from cachetools import LRUCache

from data.arrays import FloatArray, IndexArray
from explorer.state.dataset import Dataset

WIDTH, HEIGHT, RESIDUAL_HEIGHT = 300, 100, 40
"""Units of the drawings; they are stretched to whatever size the page gives them."""
N_COLUMN = 600
"""Columns of a drawing: about 6 pixels of an SDSS spectrum each, the width of a line."""
RESIDUAL_LIMIT = 8.0
KEPT = 1500
"""Thumbnails kept, about 15 kB each."""


@dataclass(frozen=True)
class Thumbnail:
    """One object as three SVG paths.

    Attributes:
        data: Spectrum, mean of each column weighted by inverse variance.
        model: Reconstruction.
        residual: Residual of each column's mean in sigma, cut at 8.
        chi2: Reduced chi2 of what is drawn, NaN without unmasked pixels.
    """

    data: str
    model: str
    residual: str
    chi2: float


class Thumbnails:
    """Draws thumbnails and keeps the last `KEPT`. Safe to use from threads."""

    def __init__(self, dataset: Dataset) -> None:
        """Start with none."""
        self._dataset = dataset
        self._kept = LRUCache[tuple[int, str], Thumbnail](KEPT)
        self._lock = Lock()

    @classmethod
    def of(cls, dataset: Dataset) -> Thumbnails:
        """Return the thumbnails that all sessions on an atlas share."""
        return dataset.keep(("thumbnails",), lambda: cls(dataset))

    def get(self, rows: Sequence[int], *, frame: str) -> list[Thumbnail]:
        """Return thumbnails, drawing those not at hand; slow, run it off the event loop.

        Args:
            rows: Catalogue rows.
            frame: `observed` or `rest`.
        """
        with self._lock:
            found = {row: self._kept[row, frame] for row in rows if (row, frame) in self._kept}
        missing = [row for row in dict.fromkeys(rows) if row not in found]
        if missing:
            found |= zip(missing, self._draw(missing, frame), strict=True)
        with self._lock:
            self._kept.update({(row, frame): found[row] for row in missing})
        return [found[row] for row in rows]

    def _draw(self, rows: list[int], frame: str) -> list[Thumbnail]:
        atlas = self._dataset.atlas
        start, end = wave_limits(self._dataset, frame)
        drawn: dict[int, Thumbnail] = {}
        for places, spectra, model, inside in atlas.reconstructions(rows):
            for place, z, flux, ivar, reconstruction, covered in zip(
                places.tolist(), spectra.z, spectra.flux, spectra.ivar, model, inside, strict=True
            ):
                drawn[place] = draw_thumbnail(
                    spectra.wave / (1.0 + z) if frame == "rest" else spectra.wave,
                    np.where(ivar > 0, flux, np.nan),
                    ivar,
                    np.where(covered, reconstruction, np.nan),
                    start=start,
                    end=end,
                )
        return [drawn[place] for place in range(len(rows))]


def wave_limits(dataset: Dataset, frame: str) -> tuple[float, float]:
    """Return the wavelengths at the left and right edge of every thumbnail, Angstrom."""
    atlas = dataset.atlas
    if frame == "rest":
        return float(atlas.model.wave_rest[0]), float(atlas.model.wave_rest[-1])
    return dataset.wave_range


def draw_thumbnail(
    wave: FloatArray,
    flux: FloatArray,
    ivar: FloatArray,
    model: FloatArray,
    *,
    start: float,
    end: float,
) -> Thumbnail:
    """Draw one object.

    Args:
        wave: Angstrom, increasing, shape (n_pixel,).
        flux: NaN where masked, same shape.
        ivar: Inverse variance, 0 where masked, same shape.
        model: NaN where the model does not reach, same shape.
        start: Wavelength at the left edge.
        end: Wavelength at the right edge.
    """
    column = ((wave - start) / (end - start) * N_COLUMN).astype(np.int64)
    seen = (ivar > 0) & np.isfinite(flux)
    both = seen & np.isfinite(model)
    sigma = (np.nan_to_num(flux) - np.nan_to_num(model)) * np.sqrt(ivar)
    data = _mean(column, flux, np.where(seen, ivar, 0.0))
    fit = _mean(column, model, np.isfinite(model).astype(float))
    residual = _mean(column, sigma, both.astype(float), power=0.5)
    low, high = _limits(data, fit)
    limit = RESIDUAL_LIMIT
    return Thumbnail(
        data=_path(data, low=low, high=high, height=HEIGHT),
        model=_path(fit, low=low, high=high, height=HEIGHT),
        residual=_path(residual, low=-limit, high=limit, height=RESIDUAL_HEIGHT),
        chi2=float(np.mean(sigma[both] ** 2)) if both.any() else float("nan"),
    )


def _limits(flux: FloatArray, model: FloatArray) -> tuple[float, float]:
    """Return the vertical limits: the bulk of the data, and all of the model."""
    ends = []
    if np.isfinite(flux).any():
        ends += np.nanpercentile(flux, [0.5, 99.8]).tolist()
    if np.isfinite(model).any():
        ends += [float(np.nanmin(model)), float(np.nanmax(model))]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    pad = 0.05 * (high - low) or 1.0
    return low - pad, high + pad


def _mean(
    column: IndexArray, values: FloatArray, weight: FloatArray, *, power: float = 1.0
) -> FloatArray:
    """Return weighted sums over each column divided by (sum of weights)^power, NaN where none."""
    use = (weight > 0) & (column >= 0) & (column < N_COLUMN)
    at, share = column[use], weight[use].astype(float)
    total = np.bincount(at, share * values[use], minlength=N_COLUMN)
    sum_of_weights = np.bincount(at, share, minlength=N_COLUMN)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sum_of_weights > 0, total / sum_of_weights**power, np.nan)


def _path(y: FloatArray, *, low: float, high: float, height: float) -> str:
    """Return an SVG path through one value a column; a gap where it is NaN."""
    down = ((high - y) / (high - low) * height).clip(0, height)
    parts, pen = [], "M"
    for number, at in enumerate(down.tolist()):
        if at != at:
            pen = "M"
            continue
        parts.append(f"{pen}{(number + 0.5) * WIDTH / N_COLUMN:.4g} {at:.3g}")
        pen = "L"
    return "".join(parts)
