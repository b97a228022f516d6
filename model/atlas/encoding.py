"""Encodes a whole survey, block by block: latents and what the reconstruction says.

Blocks are made by threads of this machine or by the workers of a Dask cluster, each on one thread:
so the bits are the same on any number of them. Every finished block is two files, a table and the
windows of the residuals, so that a killed run goes on where it was, and memory is that of a few
blocks however large the survey.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from data.arrays import FloatArray
from data.atomic import replacing
from data.memory import give_back
from data.processes import map_in_threads, n_processor
from data.source import open_source
from data.spectra import SpectrumSource
from model.atlas.line_columns import line_columns
from model.atlas.scores import spectrum_scores
from model.atlas.stage import left_by_stage
from model.device import one_thread
from model.interface import SpectrumModel, StoredModel
from model.kinds import KINDS
from model.refinement.refine import refine
from model.refinement.support import Support
from model.residuals.windows import Windows, measure_windows

BLOCK_PIXELS = 4_000_000
"""Pixels of one block, a multiple of what a survey's chunk holds (128 rows)."""


BLOCK_FILES = ("parquet", "windows.npz")
"""What is kept of a block; one left by a version that kept less is made again."""
FACTS = ("object_id", "norm", "class")
"""Columns of a survey that its blocks need."""
MOST_THREADS = 8
"""Threads that encode at most: each holds a block, 0.3 GB."""


class Block(NamedTuple):
    """Rows that are encoded together, and what the catalogue says of them."""

    start: int
    stop: int
    rows: pd.DataFrame


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
    jobs: int = -1,
    scheduler: str = "",
    progress: bool = True,
) -> pd.DataFrame:
    """Encode and reconstruct every object of a source.

    Args:
        source: Where the spectra are.
        model: What encodes them.
        folder: Where finished blocks are kept; blocks already there are not made again.
        support: Of the survey's latents; given, they are refined inside it.
        jobs: Threads; -1 is one a core. A model on a GPU has one.
        scheduler: Address of a Dask scheduler whose workers encode instead.
        progress: Show a bar.

    Returns:
        Columns `latent_0` ... and those of `model.atlas.scores.spectrum_scores` and
        `model.atlas.line_columns`; refined, also `refinement_shift` (how far the latents moved,
        in spreads of the survey); row = object.
        `residual_windows` gives the rest.

    Raises:
        ValueError: An object has no redshift, the model does not fit the survey, or it gives
            latents that are not finite.
    """
    check_redshifts(source)
    folder.mkdir(parents=True, exist_ok=True)
    blocks = list(_blocks(source))
    files = [folder / f"{start:09d}.parquet" for start, _ in blocks]
    left = [place for place, file in enumerate(files) if not _is_done(file)]
    make = BlockEncoder(source, model, support)
    facts = source.catalog[[name for name in FACTS if name in source.catalog]]
    work = (Block(*blocks[place], facts.iloc[slice(*blocks[place])]) for place in left)
    with tqdm(total=len(source), desc="encode", unit="spectra", disable=not progress) as bar:
        bar.update(len(source) - sum(blocks[place][1] - blocks[place][0] for place in left))
        for place, made in zip(left, _make_all(make, work, jobs, scheduler), strict=False):
            _keep(files[place], *made)
            give_back()
            bar.update(len(made[0]))
    return _gathered(files, blocks, len(source))


def check_redshifts(source: SpectrumSource) -> None:
    """Refuse objects that can not be moved to the rest frame.

    Raises:
        ValueError: A redshift is not a number, or -1 or less; up to five objects are named.
    """
    z = source.catalog["z"].to_numpy(float)
    bad = np.flatnonzero(~(np.isfinite(z) & (z > -1)))
    if len(bad):
        named = zip(source.ids_of(bad[:5]), z[bad[:5]], strict=True)
        raise ValueError(
            f"redshifts must be finite and above -1; those of {len(bad)} objects are not, among "
            f"them {', '.join(f'{name} ({value:g})' for name, value in named)}: make the survey "
            "again without them, or with their redshifts (python -m data ingest --catalog)"
        )


def _blocks(source: SpectrumSource) -> Iterator[tuple[int, int]]:
    """Yield first row and row after the last of each block."""
    for part in source.parts:
        rows = max(1, BLOCK_PIXELS // (128 * part.grid.n_pixel)) * 128
        for start in range(part.start, part.stop, rows):
            yield start, min(start + rows, part.stop)


def _make_all(
    make: BlockEncoder, work: Iterable[Block], jobs: int, scheduler: str
) -> Iterator[tuple[pd.DataFrame, Windows]]:
    """Yield what is made of each block, in their order."""
    if scheduler:
        from data.cluster import connect  # an import of a second that only a cluster needs

        with connect(scheduler) as cluster:
            yield from cluster.map_in_order(make, work)
        return
    on_gpu = str(getattr(make.model, "device", "cpu")).startswith("cuda")
    most = min(n_processor(), MOST_THREADS) if jobs < 0 else jobs
    with one_thread():
        yield from map_in_threads(make, work, jobs=1 if on_gpu else most)


def _is_done(file: Path) -> bool:
    """Return whether both files of a block are there, told by its table."""
    return file.exists() and _windows_of(file).exists()


def _windows_of(file: Path) -> Path:
    return file.with_suffix(".windows.npz")


def _keep(file: Path, frame: pd.DataFrame, windows: Windows) -> None:
    """Write the two files of a block; the table, which tells that it is done, last."""
    windows.save(_windows_of(file))
    with replacing(file) as partial:
        frame.to_parquet(partial, index=False)


def _gathered(files: list[Path], blocks: list[tuple[int, int]], n_galaxy: int) -> pd.DataFrame:
    """Put the columns of all blocks where they belong."""
    numbers: dict[str, NDArray[Any]] = {}
    texts: dict[str, list[pd.Series]] = {}
    for file, (start, stop) in zip(files, blocks, strict=True):
        with left_by_stage(file):
            block = pd.read_parquet(file)
        for name in map(str, block):
            if not pd.api.types.is_numeric_dtype(block[name]):
                texts.setdefault(name, []).append(pd.Series(block[name]))
                continue
            values = block[name].to_numpy()
            if name not in numbers:
                numbers[name] = np.empty(n_galaxy, dtype=values.dtype)
            numbers[name][start:stop] = values
    joined = {name: pd.concat(parts, ignore_index=True) for name, parts in texts.items()}
    return pd.DataFrame(numbers, copy=False).assign(**joined)


def residual_windows(folder: Path) -> list[Path]:
    """Return the files of residual windows that `encode_source` left, in the order of objects."""
    return sorted(folder.glob("*.windows.npz"))


@dataclass(frozen=True)
class BlockEncoder:
    """Makes one block: its table, and the windows of its residuals.

    It is sent to a worker as the reference of its source and the numbers of its model.
    """

    source: SpectrumSource
    model: SpectrumModel
    support: Support | None

    def __call__(self, block: Block) -> tuple[pd.DataFrame, Windows]:
        """Read, encode, reconstruct and measure some rows."""
        model, spectra = self.model, self.source.read(slice(block.start, block.stop))
        latents, columns = model.encode(spectra), {}
        _check_latents(latents, block.rows)
        if self.support is not None:
            latents, _, columns["refinement_shift"] = refine(model, spectra, latents, self.support)
        rest = model.decode(latents)
        flux, covered = model.observe(rest, spectra.z, spectra.grid)
        covered = covered.astype(bool)
        windows = measure_windows(spectra, flux, covered, rest_range(model))
        columns |= dict(zip(latent_columns(model.n_latent), latents.T, strict=True))
        columns |= spectrum_scores(spectra, flux, covered)
        columns |= line_columns(
            spectra, rest, model.wave_rest, block.rows, flux=flux, covered=covered
        )
        return pd.DataFrame(columns), windows

    def __getstate__(self) -> dict[str, Any]:
        """Return what a worker needs."""
        config, weights = cast("StoredModel", self.model).to_parts()
        return {
            "source": self.source.reference(),
            "model": (self.model.kind, config, weights),
            "support": self.support,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the source and build the model, on a worker, which has a processor for each task."""
        torch.set_num_threads(1)
        kind, config, weights = state["model"]
        made = {"source": open_source(state["source"]), "support": state["support"]}
        made["model"] = KINDS[kind].from_parts(config, weights)
        for name, value in made.items():
            object.__setattr__(self, name, value)


def _check_latents(latents: FloatArray, rows: pd.DataFrame) -> None:
    bad = np.flatnonzero(~np.isfinite(latents).all(axis=1))
    if len(bad):
        names = rows["object_id"].iloc[bad[:5]].tolist()
        raise ValueError(
            f"latents must be finite; those of {len(bad)} objects are not, among them "
            f"{', '.join(map(str, names))}: the model's training diverged, or it is of another "
            "kind of spectra"
        )
