"""Spectra of files, read and prepared as `python -m data ingest` does it, ready to be encoded.

found = read_spectra([Path("spec-0266-51602-0001.fits")], grids, z=0.02)
found.catalog, found.spectra, found.rejected
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.grid import WaveGrid
from data.ingest.batch import FileContents, Rejection, read_batch
from data.ingest.criteria import Criteria
from data.ingest.file_list import find_files
from data.ingest.generic.assumed import NOTHING_ASSUMED, Assumed
from data.ingest.grids import one_grid
from data.ingest.sample_cuts import SampleCuts
from data.spectra import Spectra
from model.atlas.atlas import Atlas
from model.networks.spender import Spender

ANY_CLASS = SampleCuts(classes=())
_OF_INGEST = re.compile(r"; --catalog can give it( \([^()]*\))?|; leave --instrument out")
"""What a reason says of options that only ingest has."""


@dataclass(frozen=True)
class FoundSpectra:
    """What some files hold.

    Attributes:
        catalog: One row per object: `object_id`, `z`, `norm`, `snr`, `file` ...
        spectra: Of each object, one, on the grid that shows most of it.
        rejected: Files and objects left out, and why.
    """

    catalog: pd.DataFrame
    spectra: list[Spectra]
    rejected: list[Rejection]


def encodable_grids(atlas: Atlas) -> tuple[WaveGrid, ...]:
    """Return the observed-frame grids that an atlas's model encodes: its own, or the survey's."""
    model = atlas.model
    if isinstance(model, Spender):
        return tuple(model.config.grids.values())
    return tuple(part.grid for part in atlas.source.parts)


def read_spectra(
    paths: Sequence[Path],
    grids: Sequence[WaveGrid],
    *,
    z: float | None = None,
    assumed: Assumed = NOTHING_ASSUMED,
    read: Callable[[list[str], Criteria], FileContents] = read_batch,
) -> FoundSpectra:
    """Read files of any format that ingest reads; a faulty one is rejected.

    Args:
        paths: Files, or folders of them.
        grids: Grids to put the spectra on; each takes the one where most pixels are measured.
        z: Redshift of all objects, whatever their files say.
        assumed: What the files need not say.
        read: Reads files: here, or in a process of its own (`data.ingest.apart`).

    Raises:
        ValueError: There is no such file, or `read` gives up.
    """
    files = find_files(paths)
    unreadable = [Rejection(name, "", reason) for name, reason in files.unreadable.items()]
    best: dict[tuple[str, str], tuple[int, dict[str, Any], Spectra]] = {}
    refused: dict[tuple[str, str], Rejection] = {}
    for grid in grids:
        criteria = Criteria(grids=one_grid("atlas", grid), cuts=ANY_CLASS, assumed=assumed, z=z)
        contents = read(files.files, criteria)
        for row, flux, ivar in zip(contents.rows, contents.flux, contents.ivar, strict=True):
            key, measured = (row["file"], row["object_id"]), int((ivar > 0).sum())
            if key not in best or measured > best[key][0]:
                spectrum = Spectra(
                    grid=grid, flux=flux[None], ivar=ivar[None], z=np.array([row["z"]])
                )
                best[key] = measured, row, spectrum
        refused |= {(item.file, item.object_id): item for item in contents.rejected}
    rejected = [
        replace(item, reason=_OF_INGEST.sub("", item.reason))
        for key, item in refused.items()
        if key not in best
    ]
    return FoundSpectra(
        catalog=pd.DataFrame([row for _, row, _ in best.values()]),
        spectra=[spectrum for _, _, spectrum in best.values()],
        rejected=unreadable + rejected,
    )
