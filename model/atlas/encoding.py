"""Encodes a whole survey, block by block: latents and what the reconstruction says.

Every finished block is two files, a table and the windows of the residuals, so that a killed run
goes on where it was, and memory is that of one block however large the survey.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data.arrays import FloatArray
from data.spectra import SpectrumSource
from model.atlas.line_columns import line_columns
from model.atlas.scores import spectrum_scores
from model.atlas.stage import kept
from model.interface import SpectrumModel
from model.refinement.refine import refine
from model.refinement.support import Support
from model.residuals.windows import measure_windows

BLOCK_PIXELS = 4_000_000
"""Pixels of one block, a multiple of what a survey's chunk holds (128 rows)."""


BLOCK_FILES = ("parquet", "windows.npz")
"""What is kept of a block; one left by a version that kept less is made again."""


def rest_range(model: SpectrumModel) -> tuple[float, float]:
    """Return the first and last rest wavelength of a model, Angstrom."""
    return float(model.wave_rest[0]), float(model.wave_rest[-1])


def latent_columns(n_latent: int) -> list[str]:
    """Return the catalogue's names of the latents."""
    return [f"latent_{index}" for index in range(n_latent)]


def encode_source(
    source: SpectrumSource,
    model: SpectrumModel,
    folder: Path,
    *,
    support: Support | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Encode and reconstruct every object of a source.

    Args:
        source: Where the spectra are.
        model: What encodes them.
        folder: Where finished blocks are kept; blocks already there are not made again.
        support: Of the survey's latents; given, they are refined inside it.
        progress: Show a bar.

    Returns:
        Columns `latent_0` ... and those of `model.atlas.scores.spectrum_scores` and
        `model.atlas.line_columns`; refined, also `refinement_shift` (how far the latents moved,
        in spreads of the survey); row = object.
        `residual_windows` gives the rest.

    Raises:
        ValueError: The model does not fit the survey, or gives latents that are not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    gathered: dict[str, NDArray[Any]] = {}
    with tqdm(total=len(source), desc="encode", unit="spectra", disable=not progress) as bar:
        for part in source.parts:
            rows = max(1, BLOCK_PIXELS // (128 * part.grid.n_pixel)) * 128
            for start in range(part.start, part.stop, rows):
                stop = min(start + rows, part.stop)
                block = folder / f"{start:09d}.parquet"
                frame = kept(
                    block,
                    make=lambda start=start, stop=stop, block=block: _encode(
                        source, model, start, stop, support, block.with_suffix(".windows.npz")
                    ),
                    save=lambda frame, file: frame.to_parquet(file, index=False),
                    load=pd.read_parquet,
                )
                _gather(gathered, frame, start, len(source))
                bar.update(stop - start)
    return pd.DataFrame(gathered, copy=False)


def _gather(
    columns: dict[str, NDArray[Any]], block: pd.DataFrame, start: int, n_galaxy: int
) -> None:
    """Put a block's columns where they belong in those of all objects."""
    for name in block:
        values = block[name].to_numpy()
        if name not in columns:
            columns[str(name)] = np.empty(n_galaxy, dtype=values.dtype)
        columns[str(name)][start : start + len(block)] = values


def residual_windows(folder: Path) -> list[Path]:
    """Return the files of residual windows that `encode_source` left, in the order of objects."""
    return sorted(folder.glob("*.windows.npz"))


def _encode(
    source: SpectrumSource, model: SpectrumModel, start: int, stop: int, support: Support | None,
    windows: Path,
) -> pd.DataFrame:  # fmt: skip
    """Return one block; the windows of its residuals go to a file."""
    spectra = source.read(slice(start, stop))
    latents, columns = model.encode(spectra), {}
    _check_latents(latents, source, start)
    if support is not None:
        latents, _, columns["refinement_shift"] = refine(model, spectra, latents, support)
    rest = model.decode(latents)
    flux, covered = model.observe(rest, spectra.z, spectra.grid)
    covered = covered.astype(bool)
    measure_windows(spectra, flux, covered, rest_range(model)).save(windows)
    columns |= dict(zip(latent_columns(model.n_latent), latents.T, strict=True))
    columns |= spectrum_scores(spectra, flux, covered)
    columns |= line_columns(
        spectra, rest, model.wave_rest, source.catalog.iloc[start:stop], flux=flux, covered=covered
    )
    return pd.DataFrame(columns)


def _check_latents(latents: FloatArray, source: SpectrumSource, start: int) -> None:
    bad = np.flatnonzero(~np.isfinite(latents).all(axis=1))
    if len(bad):
        names = source.catalog["object_id"].iloc[start + bad[:5]].tolist()
        raise ValueError(
            f"latents must be finite; those of {len(bad)} objects are not, among them "
            f"{', '.join(map(str, names))}: the model's training diverged, or it is of another "
            "kind of spectra"
        )
