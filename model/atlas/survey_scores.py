"""Scores that compare each object with the whole survey."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from data.arrays import FloatArray
from model.atlas.atlas import FOREST
from model.atlas.latent_scores import LOF_NEIGHBOURS, local_outlier_factor, neighbour_distance
from model.atlas.neighbours import Neighbours
from model.atlas.stage import left_by_stage
from model.atlas.strangeness import fit_strangeness
from model.isolation import fit_forest
from model.residuals.patterns import MOST_ROWS
from model.residuals.windows import Windows


def add_survey_scores(
    encoded: pd.DataFrame,
    latents: FloatArray,
    neighbours: Neighbours,
    folder: Path,
    windows: Sequence[Path],
    *,
    rest_range: tuple[float, float],
    seed: int,
) -> None:
    """Add columns of scores to a table, and write what strangeness rests on.

    Args:
        encoded: What `encode_source` returned.
        latents: Of all objects, float32, shape (n_galaxy, n_latent).
        neighbours: Graph of the latents.
        folder: Atlas, gets `strangeness.safetensors` and `isolation.npz`.
        windows: Files of residual windows, in the order of objects, named for the first row.
        rest_range: Of the windows, Angstrom.
        seed: Of the isolation forest.
    """
    graph = neighbours.first(min(LOF_NEIGHBOURS, neighbours.k))
    encoded["lof"] = local_outlier_factor(latents, graph)
    encoded["knn_distance"] = neighbour_distance(graph)
    forest = fit_forest(latents, seed=seed)
    forest.save(folder / FOREST)
    encoded["isolation"] = forest.score(latents)
    encoded["strangeness"] = _strangeness(encoded, folder, windows, rest_range)


def _strangeness(
    encoded: pd.DataFrame, folder: Path, paths: Sequence[Path], rest_range: tuple[float, float]
) -> FloatArray:
    """Learn what is usual from a sample; save it; score everything, a block at a time."""
    lof, snr = encoded["lof"].to_numpy(), encoded["snr"].to_numpy()
    double = encoded["double_peaks"].to_numpy()
    every = -(-len(encoded) // MOST_ROWS)
    edges = [*(int(path.name.partition(".")[0]) for path in paths), len(encoded)]
    parts = []
    for path, start in zip(paths, edges, strict=False):
        with left_by_stage(path):
            parts.append(Windows.load(path, slice(-start % every, None, every)))
    usual = fit_strangeness(
        Windows.concatenate(parts), lof=lof[::every], snr=snr[::every], rest_range=rest_range
    )
    usual.save(folder / "strangeness.safetensors")
    scores = [
        usual.score(Windows.load(path), lof=lof[rows], double_peaks=double[rows], snr=snr[rows])
        for path, rows in zip(paths, (slice(*ends) for ends in pairwise(edges)), strict=True)
    ]
    return np.concatenate(scores)
