"""Families of outliers: objects whose reconstructions fail alike.

Two objects are alike where the unusual parts of their residuals have the same shape, compared at
the same rest wavelengths or at the same observed ones. A family whose sharp features lie at the
same observed wavelengths is the instrument's or the sky's: an artefact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.ndimage import median_filter
from scipy.spatial.distance import squareform

from data.arrays import FloatArray, IndexArray
from data.parts import wave_range
from model.atlas.atlas import Atlas
from model.atlas.encoding import rest_range
from model.residuals.windows import Windows, measure_windows, window_waves

NOISE = 3.0
"""Windows within so many sigma of the usual say nothing about the shape."""
ALIKE = 0.5
"""Cosine between the shapes of two objects, on average over a family, at least."""
MARGIN = 0.1
"""By so much more alike in sharp features at observed wavelengths is an artefact."""
SHARP = 15
"""Windows of the running median that sharp features are told from."""
FEWEST = 3
"""Members of a family at least."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Objects whose residuals are alike.

    Attributes:
        rows: Catalogue rows, in the order of the list.
        observed: They are alike at observed wavelengths rather than at rest ones.
        artefact: So are their sharp features alone.
        wave: Windows, Angstrom, of observed or of rest wavelengths.
        residual: Mean residual of the members over its error, NaN where fewer than two have data.
        likeness: Mean cosine between the shapes of two members.
    """

    rows: IndexArray
    observed: bool
    artefact: bool
    wave: FloatArray
    residual: FloatArray
    likeness: float


def find_families(atlas: Atlas, rows: IndexArray) -> list[Family]:
    """Return families among some objects, the largest first.

    Shapes are the residuals beyond 3 sigma, by their square root, so that no single line rules;
    objects are joined by average linkage while the mean cosine is 0.5 or more.

    Args:
        atlas: The atlas.
        rows: Catalogue rows; those without an unusual window belong to no family.
    """
    if len(rows) < FEWEST:
        return []
    residuals = _residuals(atlas, rows)
    shapes = [_shapes(residual) for residual in residuals]
    cosine: list[FloatArray] = [shape @ shape.T for shape in shapes]
    alike = np.maximum(*cosine)
    distance = squareform(1 - alike.clip(-1, 1), checks=False)
    labels = fcluster(linkage(distance, "average"), 1 - ALIKE, criterion="distance")
    waves = (window_waves(rest_range(atlas.model)), window_waves(wave_range(atlas.source)))
    sharp = [_shapes(residual - _smooth(residual)) for residual in residuals]
    sharp_cosine: list[FloatArray] = [shape @ shape.T for shape in sharp]
    make = partial(_family, rows, residuals, cosine, sharp_cosine, waves)
    found = [make(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    found = [family for family in found if len(family.rows) >= FEWEST and family.likeness > 0]
    return sorted(found, key=lambda family: -len(family.rows))


def _family(
    rows: IndexArray,
    residuals: tuple[FloatArray, FloatArray],
    cosine: list[FloatArray],
    sharp: list[FloatArray],
    waves: tuple[FloatArray, FloatArray],
    members: IndexArray,
) -> Family:
    alike = [_mean_of_pairs(part, members) for part in cosine]
    frame = int(alike[1] > alike[0])
    sharp_rest, sharp_observed = (_mean_of_pairs(part, members) for part in sharp)
    residual = residuals[frame][members]
    known = np.isfinite(residual)
    count = known.sum(axis=0)
    mean = np.where(known, residual, 0).sum(axis=0) / np.sqrt(np.maximum(count, 1))
    return Family(
        rows=rows[members],
        observed=frame == 1,
        artefact=frame == 1 and sharp_observed > sharp_rest + MARGIN,
        wave=waves[frame],
        residual=np.where(count >= min(2, len(members)), mean, np.nan),
        likeness=alike[frame],
    )


def _mean_of_pairs(cosine: FloatArray, members: IndexArray) -> float:
    """Return the mean over pairs of different members, 0 for a single one."""
    inside = cosine[np.ix_(members, members)]
    n_pair = len(members) * (len(members) - 1)
    return float((inside.sum() - np.trace(inside)) / n_pair) if n_pair else 0.0


def _residuals(atlas: Atlas, rows: IndexArray) -> tuple[FloatArray, FloatArray]:
    """Return residuals in windows of the rest frame and of the observed one, in order of rows.

    They are in units of noise and of what the survey tolerates (`model.residuals.patterns`).
    """
    parts: list[tuple[IndexArray, Windows, Windows]] = []
    for places, spectra, model, inside in atlas.reconstructions(rows):
        rest = measure_windows(spectra, model, inside, rest_range(atlas.model))
        still = replace(spectra, z=np.zeros_like(spectra.z))
        observed = measure_windows(still, model, inside, wave_range(atlas.source))
        parts.append((places, rest, observed))
    order = np.argsort(np.concatenate([places for places, _, _ in parts]))
    rest = Windows.concatenate([part for _, part, _ in parts]).take(order)
    observed = Windows.concatenate([part for _, _, part in parts]).take(order)
    if atlas.strangeness is None:  # of an atlas from before there was such a score
        return rest.residual, observed.residual
    patterns = atlas.strangeness.patterns
    tolerance = np.nanmedian(patterns.tolerance)
    return (
        patterns.standardise(rest),
        observed.residual / np.sqrt(1 + (tolerance * observed.model) ** 2),
    )


def _smooth(residual: FloatArray) -> FloatArray:
    """Return the running median over windows, gaps as 0."""
    return median_filter(np.nan_to_num(residual), (1, SHARP))


def _shapes(residual: FloatArray) -> FloatArray:
    """Return unit vectors of what is beyond the noise, 0 where nothing is."""
    size = np.nan_to_num(np.abs(residual.astype(float)))
    shape = np.sign(np.nan_to_num(residual)) * np.sqrt((size - NOISE).clip(0))
    return shape / np.linalg.norm(shape, axis=1, keepdims=True).clip(1e-9)
