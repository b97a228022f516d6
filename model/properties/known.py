"""Physical properties of a galaxy from its neighbours in latent space (Liang+2023, section 6).

Spectra that look alike are of galaxies that are alike: the median of the nearest objects with a
known property is an estimate, their spread tells how sure it is. Left out one by one, the known
objects tell which number of neighbours does best, and by what factor the spread must be stretched
for the interval to hold 68.3 % of them. The decoder sees normalised spectra, so a stellar mass is
estimated over the galaxy's light, and multiplied by its own.

    known = learn_properties(catalog, latents)
    known["log_mass"].estimate(latents_of_new, light=log_light(norm, z)) -> value, low, high
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from data.arrays import FloatArray
from data.mock.cosmology import luminosity_distance
from model.properties.calibration import (
    CENTRAL,
    Calibration,
    calibrate,
    median_and_spread,
    others,
)

PROPERTIES = ("log_mass", "log_ssfr", "a_v", "metallicity", "gas_metallicity", "age", "d4000")
"""Columns of a catalogue that neighbours tell, if they are there."""
SCALE_WITH_LIGHT = frozenset({"log_mass"})
ENDINGS = ("_near", "_near_low", "_near_high")
"""What is added to the name of a property: its estimate, and the ends of the interval."""
MIN_LACKING = 0.01
"""Share of the objects that must lack a property for its estimates to be kept in an atlas."""
MIN_KNOWN = 100
"""Objects with a known value, fewer tell nothing."""
ROWS_AT_ONCE = 16_384


class Estimate(NamedTuple):
    """A property of some objects: its value, and the ends of a 68.3 % interval."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, kw_only=True)
class KnownProperty:
    """The objects with a known value.

    Attributes:
        tree: k-d tree of their latents.
        values: Of the property, over the light where it scales with that, shape (n_known,).
        scales: Whether it does.
        floor: Least spread, so that equal neighbours are not taken for certainty.
        calibration: How well neighbours tell it.
    """

    tree: KDTree
    values: FloatArray
    scales: bool
    floor: float
    calibration: Calibration

    def estimate(self, latents: FloatArray, light: FloatArray | None = None) -> Estimate:
        """Return the property of objects that are not among the known ones.

        Args:
            latents: Shape (n_galaxy, n_latent).
            light: Their `log_light`, shape (n_galaxy,); needed where the property scales with it.
        """
        k = self.calibration.n_neighbour
        _, rows = self.tree.query(np.asarray(latents, dtype=np.float64), k=k)
        return self._of(self.values[np.reshape(rows, (-1, k))], light)

    def estimate_known(self, latents: FloatArray, light: FloatArray | None = None) -> Estimate:
        """Return the property of objects of which some are known; those are left out."""
        parts = []
        for start in range(0, len(latents), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            points = latents[some].astype(np.float64)
            rows = others(self.tree, points, self.calibration.n_neighbour)
            parts.append(self._of(self.values[rows], None if light is None else light[some]))
        return Estimate(*map(np.concatenate, zip(*parts, strict=True)))

    def _of(self, around: FloatArray, light: FloatArray | None) -> Estimate:
        """Return what neighbours' values, shape (n_galaxy, k), say."""
        value, spread = median_and_spread(around, self.floor)
        half = self.calibration.stretch * spread
        if self.scales:
            if light is None:
                raise ValueError("this property scales with the light of a galaxy: give light")
            value = value + light
        return Estimate(value, value - half, value + half)


def log_light(norm: FloatArray, z: FloatArray) -> FloatArray:
    """Return log10 of a galaxy's light, norm d_L^2 (1 + z), in arbitrary units.

    Args:
        norm: Flux density at rest-frame 5300-5850 Angstrom, 1e-17 erg/s/cm2/A.
        z: Redshifts.

    Returns:
        NaN where the two give none.
    """
    distance = luminosity_distance(np.asarray(z, dtype=float))
    light = np.asarray(norm, dtype=float) * distance**2 * (1 + np.asarray(z, dtype=float))
    return np.log10(np.where(light > 0, light, np.nan))


def learn_properties(
    catalog: pd.DataFrame,
    latents: FloatArray,
    calibrations: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, KnownProperty]:
    """Return what is known of each property that enough objects have.

    Args:
        catalog: Of the objects.
        latents: Theirs, shape (n_galaxy, n_latent).
        calibrations: By property, as `Calibration.to_dict` gave them, if at hand.
    """
    light = _light_of(catalog)
    known = {}
    trees: dict[bytes, KDTree] = {}
    for name in PROPERTIES:
        if name not in catalog or not pd.api.types.is_numeric_dtype(catalog[name]):
            continue
        values, scales = catalog[name].to_numpy(float), False
        if light is not None and name in SCALE_WITH_LIGHT:
            values, scales = values - light, True
        here = np.isfinite(values)
        if here.sum() < MIN_KNOWN:
            continue
        key = np.packbits(here).tobytes()
        if key not in trees:
            trees[key] = KDTree(latents[here].astype(np.float64))
        given = (calibrations or {}).get(name)
        variance = float(np.nanvar(catalog[name].to_numpy(float)))
        known[name] = _known(trees[key], values[here], scales, variance, given)
    return known


def property_columns(
    known: Mapping[str, KnownProperty], catalog: pd.DataFrame, latents: FloatArray
) -> dict[str, FloatArray]:
    """Return what neighbours tell of all objects, of each property that some objects lack.

    Args:
        known: What `learn_properties` returned.
        catalog: Of the objects.
        latents: Theirs, shape (n_galaxy, n_latent).

    Returns:
        Columns `NAME_near`, `NAME_near_low`, `NAME_near_high`, float32, shape (n_galaxy,); known
        objects are left out of their own estimates.
    """
    columns = {}
    light = _light_of(catalog)
    for name, item in known.items():
        if np.isnan(catalog[name].to_numpy(float)).mean() < MIN_LACKING:
            continue
        parts = item.estimate_known(latents, light)
        for ending, values in zip(ENDINGS, parts, strict=True):
            columns[name + ending] = values.astype(np.float32)
    return columns


def _light_of(catalog: pd.DataFrame) -> FloatArray | None:
    if not {"norm", "z"} <= set(catalog.columns):
        return None
    return log_light(catalog["norm"].to_numpy(float), catalog["z"].to_numpy(float))


def _known(
    tree: KDTree, values: FloatArray, scales: bool, variance: float,
    given: Mapping[str, Any] | None,
) -> KnownProperty:  # fmt: skip
    floor = 1e-3 * max(float(np.subtract(*np.quantile(values, CENTRAL[::-1]))), 1e-12)
    calibration = Calibration(**given) if given else calibrate(tree, values, floor, variance)
    return KnownProperty(
        tree=tree, values=values, scales=scales, floor=floor, calibration=calibration
    )
