"""Tracks of binned centroids: the mean latents of objects binned by a quantity."""

from __future__ import annotations

import numpy as np

from data.arrays import IndexArray
from explorer.state.dataset import Dataset
from explorer.tracks.classes import rows_of
from explorer.tracks.presets import OWN, PRESETS, percentiles_of, weights_of
from explorer.tracks.purity import name_ends
from explorer.tracks.result import track_maker
from model.latent_axes import combine, rising_along
from model.tracks.track import Track


def centroid_track(
    dataset: Dataset,
    quantity: str,
    *,
    combination: str,
    percentiles: str,
    classes: str,
    among: IndexArray,
) -> Track:
    """Return the track through the centroids of objects binned by a quantity.

    Args:
        dataset: The atlas.
        quantity: A preset, a column of numbers, or `OWN`: a combination of principal axes.
        combination: That combination, as it was typed: `PC1 - 0.5 PC2`.
        percentiles: Edges of the bins, as they were typed: `0 50 100`.
        classes: Which objects, see `classes.choices`.
        among: Rows of the objects that may be used.

    Raises:
        ValueError: Percentiles, combination or class mean nothing, or no objects are left.
    """
    edges = percentiles_of(percentiles)
    keep = np.zeros(len(dataset), dtype=bool)
    keep[among] = True
    keep &= rows_of(dataset, classes)
    name, latents, preset = quantity, dataset.atlas.latents, PRESETS.get(quantity)
    recipe = {"quantity": name, "class": classes, "n_object": int(keep.sum())}
    if preset is not None and preset.column:
        values = rising_along(latents, dataset.numeric(preset.column), keep)
    elif preset is not None:
        values = combine(latents, preset.weights, rotated=True)
    elif quantity == OWN:
        name = recipe["quantity"] = combination
        values = combine(latents, weights_of(combination), rotated=True)
    else:
        values = dataset.numeric(quantity).astype(float)
    if preset is not None and preset.ends:
        recipe["ends"] = name_ends(dataset, preset.ends, values, edges)
    return track_maker(dataset).centroids(
        values, name=name, percentiles=edges, keep=keep, recipe=recipe
    )
