"""Writes the catalogue and the atlas.json of an atlas."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data.arrays import FloatArray
from data.json_file import write_json
from data.spectra import SpectrumSource
from model.atlas.atlas import SCHEMA_VERSION
from model.atlas.embedding import EMBEDDINGS, EmbeddingConfig
from model.atlas.latent_scores import LOF_NEIGHBOURS
from model.atlas.scores import Score
from model.density.flow import LatentFlow

GROUP_ROWS = 131_072
"""Rows of a row group of the catalogue, what is converted at a time."""
LIBRARIES = ("numpy", "torch", "nflows", "umap-learn", "openTSNE", "scipy")


def write_catalog(
    source: SpectrumSource,
    encoded: pd.DataFrame,
    maps: Mapping[str, FloatArray],
    path: Path,
) -> list[str]:
    """Write the survey's columns and what the atlas adds to them.

    Args:
        source: Gives the survey's catalogue.
        encoded: Latents and scores, row for row.
        maps: Positions on each map, shape (n_galaxy, 2), by its name.
        path: The file.

    Returns:
        Columns of the survey that the atlas replaces.
    """
    positions = {
        column: values
        for item in EMBEDDINGS
        if item.name in maps
        for column, values in zip((item.x, item.y), maps[item.name].T, strict=True)
    }
    encoded = encoded.assign(**positions)
    survey = source.catalog.reset_index(drop=True)
    if "snr" in survey:
        encoded = encoded.drop(columns="snr")
    replaced = [column for column in encoded if column in survey]
    save_catalog(pd.concat([survey.drop(columns=replaced), encoded], axis=1), path)
    return replaced


def write_info(
    path: Path,
    about: Mapping[str, Any],
    settings: EmbeddingConfig,
    flow: LatentFlow,
    scores: Sequence[Score],
    quality: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write atlas.json.

    Args:
        path: The file.
        about: Entries of this atlas alone: name, source, model, notes ...
        settings: Of the maps.
        flow: Gives mean and spread of the latents.
        scores: What the catalogue has.
        quality: Of each map made, by its name.
    """
    info = {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "embeddings": [
            asdict(item)
            | {"settings": _about(item.name, settings), "quality": dict(quality[item.name])}
            for item in EMBEDDINGS
            if item.name in quality
        ],
        "scores": [score.to_dict() for score in scores],
        "latent_mean": flow.mean.tolist(),
        "latent_std": flow.std.tolist(),
        "settings": settings.to_dict() | {"lof_neighbours": LOF_NEIGHBOURS},
        "versions": {name: version(name) for name in LIBRARIES},
    }
    write_json(path, info | dict(about))


def portable_reference(source: SpectrumSource, out: Path) -> dict[str, Any]:
    """Return the source's reference, with its path seen from the atlas: both can move together."""
    return _portable(source.reference(), out)


def _portable(reference: dict[str, Any], out: Path) -> dict[str, Any]:
    if "sources" in reference:
        return reference | {"sources": [_portable(item, out) for item in reference["sources"]]}
    if "path" not in reference:
        return reference
    return reference | {"relative_path": os.path.relpath(reference["path"], out)}


def _about(name: str, settings: EmbeddingConfig) -> dict[str, Any]:
    values = settings.to_dict() | {"seed": settings.seed}
    return {key: value for key, value in values.items() if key.startswith(name) or key == "seed"}


def save_catalog(catalog: pd.DataFrame, path: Path) -> None:
    """Write a catalogue, some rows at a time; numbers byte by byte: that makes them two thirds."""
    numbers = [name for name in catalog if catalog[name].dtype.kind == "f"]
    others = [name for name in catalog if name not in numbers]
    schema = pa.Schema.from_pandas(catalog, preserve_index=False)
    options: dict[str, Any] = {"use_byte_stream_split": numbers, "use_dictionary": others}
    options["write_page_checksum"] = True
    with pq.ParquetWriter(path, schema, compression="zstd", **options) as writer:
        for start in range(0, len(catalog), GROUP_ROWS):
            some = catalog.iloc[start : start + GROUP_ROWS]
            writer.write_table(pa.Table.from_pandas(some, schema=schema, preserve_index=False))
