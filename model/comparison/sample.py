"""The objects that models are compared on, their classes, and the examples that are drawn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import FloatArray, IndexArray
from data.lines.classes import CLASSES, QSO, broad_halpha, line_classes
from data.lines.indices import measure
from data.lines.stellar import without_stars
from data.parts import read_parts
from data.spectra import SpectrumSource
from model.atlas.scores import unmasked_median

ALL, UNKNOWN = "all", "not classified"
EXAMPLE_SNR = 90.0
"""Percentile of S/N, among its class, of the object that is drawn."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What every model is measured on.

    Attributes:
        source: Where the spectra are.
        rows: The objects, shape (n,).
        classes: Class of each by its lines, of `CLASSES` or `UNKNOWN`, shape (n,).
        snr: Median S/N per pixel of each, shape (n,).
        rest_range: Rest-frame wavelengths that all models have, Angstrom.
        examples: Objects that are drawn: title -> row.
    """

    source: SpectrumSource
    rows: IndexArray
    classes: NDArray[Any]
    snr: FloatArray
    rest_range: tuple[float, float]
    examples: dict[str, int]

    def groups(self) -> dict[str, IndexArray]:
        """Return positions in `rows` of all objects, and of those of each class there is."""
        groups = {ALL: np.arange(len(self.rows))}
        groups |= {name: np.flatnonzero(self.classes == name) for name in (*CLASSES, UNKNOWN)}
        return {name: places for name, places in groups.items() if len(places)}

    def digest(self) -> str:
        """Return a hash of all that the measures of a model depend on."""
        text = f"{self.source.reference()} {self.rest_range} {self.examples}"
        return hashlib.sha256(text.encode() + self.rows.tobytes()).hexdigest()


def draw_sample(
    source: SpectrumSource,
    rows: IndexArray,
    *,
    rest_range: tuple[float, float],
    objects: tuple[str, ...] = (),
) -> Sample:
    """Read the objects once and class them by their lines.

    Args:
        source: Where the spectra are.
        rows: The objects to compare on.
        rest_range: Rest-frame wavelengths that all models have, Angstrom.
        objects: Ids of the objects to draw; none = one of each class.

    Raises:
        ValueError: An id is not in the survey.
    """
    classes, snr = np.full(len(rows), "", dtype=object), np.empty(len(rows))
    for places, spectra in read_parts(source, rows):
        measured = measure(spectra.wave / (1 + spectra.z)[:, None], spectra.flux, spectra.ivar)
        broad = broad_halpha(measured)
        if "class" in source.catalog:
            broad |= source.catalog["class"].iloc[rows[places]].to_numpy() == QSO
        classes[places] = line_classes(without_stars(measured), broad)
        signal = spectra.flux * np.sqrt(spectra.ivar)
        snr[places] = unmasked_median(signal, spectra.ivar > 0)
    classes[classes == ""] = UNKNOWN
    examples = _chosen(source, objects) if objects else _typical(rows, classes, snr)
    return Sample(
        source=source, rows=rows, classes=classes, snr=snr, rest_range=rest_range,
        examples=examples,
    )  # fmt: skip


def _typical(rows: IndexArray, classes: NDArray[Any], snr: FloatArray) -> dict[str, int]:
    """Return an object of each class, at a high S/N of its class."""
    found = {}
    for name in CLASSES:
        places = np.flatnonzero((classes == name) & np.isfinite(snr))
        if len(places):
            away = np.abs(snr[places] - np.percentile(snr[places], EXAMPLE_SNR))
            found[name] = int(rows[places[away.argmin()]])
    return found


def _chosen(source: SpectrumSource, objects: tuple[str, ...]) -> dict[str, int]:
    ids = source.ids.astype(str)
    missing = sorted(set(objects) - set(ids))
    if missing:
        raise ValueError(f"the survey has no object {', '.join(missing)}")
    return {name: int(np.flatnonzero(ids == name)[0]) for name in objects}
