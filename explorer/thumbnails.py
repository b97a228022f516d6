"""Small pictures of spectra as SVG paths, made on the server and kept for all sessions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.dataset import Dataset

FloatArray = NDArray[np.floating[Any]]

WIDTH, HEIGHT, RESIDUAL_HEIGHT = 300, 100, 40
"""Units of the drawings; they are stretched to whatever size the page gives them."""
N_COLUMN = 150
RESIDUAL_LIMIT = 8.0
KEPT = 2000
"""Thumbnails kept, about 10 kB each."""


@dataclass(frozen=True)
class Thumbnail:
    """One object as three SVG paths.

    Attributes:
        data: Spectrum, lowest and highest value of each column.
        model: Reconstruction.
        residual: Residual in sigma, cut at 8.
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
        self._kept: OrderedDict[tuple[int, str], Thumbnail] = OrderedDict()
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
            found = {row: self._kept.get((row, frame)) for row in rows}
        missing = [row for row, thumbnail in found.items() if thumbnail is None]
        drawn = dict(zip(missing, self._draw(missing, frame), strict=True)) if missing else {}
        with self._lock:
            for row, thumbnail in drawn.items():
                self._kept[row, frame] = thumbnail
            for row in found:
                if (row, frame) in self._kept:
                    self._kept.move_to_end((row, frame))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return [drawn[row] if row in drawn else _known(found[row]) for row in rows]

    def _draw(self, rows: list[int], frame: str) -> list[Thumbnail]:
        atlas = self._dataset.atlas
        spectra = atlas.source.read(rows)
        model, inside = atlas.model.reconstruct(atlas.latents[rows], spectra.z, atlas.source.grid)
        start, end = wave_limits(self._dataset, frame)
        return [
            draw_thumbnail(
                spectra.wave / (1.0 + z) if frame == "rest" else spectra.wave,
                np.where(ivar > 0, flux, np.nan),
                ivar,
                np.where(covered, reconstruction, np.nan),
                start=start,
                end=end,
            )
            for z, flux, ivar, reconstruction, covered in zip(
                spectra.z, spectra.flux, spectra.ivar, model, inside, strict=True
            )
        ]


def wave_limits(dataset: Dataset, frame: str) -> tuple[float, float]:
    """Return the wavelengths at the left and right edge of every thumbnail, Angstrom."""
    atlas = dataset.atlas
    wave = atlas.model.wave_rest if frame == "rest" else atlas.source.grid.wave
    return float(wave[0]), float(wave[-1])


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
    residual = (flux - model) * np.sqrt(ivar)
    low, high = _limits(flux, model)
    known = residual[np.isfinite(residual)].astype(float)
    return Thumbnail(
        data=_path(*_envelope(column, flux), low=low, high=high, height=HEIGHT),
        model=_path(*_envelope(column, model), low=low, high=high, height=HEIGHT),
        residual=_path(
            *_envelope(column, residual.clip(-RESIDUAL_LIMIT, RESIDUAL_LIMIT)),
            low=-RESIDUAL_LIMIT,
            high=RESIDUAL_LIMIT,
            height=RESIDUAL_HEIGHT,
        ),
        chi2=float(np.mean(known**2)) if len(known) else float("nan"),
    )


def _known(thumbnail: Thumbnail | None) -> Thumbnail:
    assert thumbnail is not None
    return thumbnail


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


def _envelope(column: NDArray[np.int64], values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return two points a column, its extremes, so that no narrow line is averaged away."""
    use = np.isfinite(values) & (column >= 0) & (column < N_COLUMN)
    low, high = np.full(N_COLUMN, np.inf), np.full(N_COLUMN, -np.inf)
    np.minimum.at(low, column[use], values[use])
    np.maximum.at(high, column[use], values[use])
    empty = ~np.isfinite(low)
    points = np.column_stack([low, high])
    points[1::2] = points[1::2, ::-1]  # there and back, so that the line does not zigzag
    points[empty] = np.nan
    x = (np.arange(N_COLUMN) + 0.5) * WIDTH / N_COLUMN
    return np.repeat(x, 2), points.ravel()


def _path(x: FloatArray, y: FloatArray, *, low: float, high: float, height: float) -> str:
    """Return an SVG path; a gap where y is NaN."""
    down = ((high - y) / (high - low) * height).clip(0, height)
    parts, pen = [], "M"
    for across, at in zip(x.tolist(), down.tolist(), strict=True):
        if at != at:
            pen = "M"
            continue
        parts.append(f"{pen}{across:.0f} {at:.1f}")
        pen = "L"
    return "".join(parts)
