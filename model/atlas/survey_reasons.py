"""Why the strangest objects of a survey are strange: columns of its catalogue."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binom

from data.arrays import FloatArray, IntArray
from data.spectra import SpectrumSource
from model.atlas.explainer import Explainer, fit_explainer
from model.interface import SpectrumModel
from model.residuals.reasons import Reason, reason_columns

EXPLAINED, MOST_EXPLAINED = 0.02, 10_000
"""Share of the objects that are explained in advance, the strangest, and their number at most."""
TOP = 0.01
"""Share of the objects among which shared origins are looked for."""
ORIGINS = ("plate", "mjd", "fiber", "tile", "petal", "night", "healpix")
"""Columns that say where and when a spectrum was taken."""
RARE = 1e-4
"""Probability, over all values of a column, below which an origin is suspect."""


class Origin(NamedTuple):
    """Where suspiciously many strange objects come from."""

    column: str
    value: str
    n_top: int
    n_all: int


class SurveyReasons(NamedTuple):
    """What was found.

    Attributes:
        explainer: For all other objects.
        columns: `reason` (the cause of the first), `reason_strength`, `suggested_class` and
            `reasons` (all, as text); empty for objects not explained, one row an object.
        origins: What the strangest share.
    """

    explainer: Explainer
    columns: pd.DataFrame
    origins: list[Origin]


def explain_strangest(
    source: SpectrumSource, model: SpectrumModel, latents: FloatArray, strangeness: FloatArray
) -> SurveyReasons:
    """Explain the strangest objects of a survey.

    Args:
        source: Gives spectra and catalogue.
        model: Of the atlas.
        latents: Of all objects, shape (n_galaxy, n_latent).
        strangeness: Of all objects, shape (n_galaxy,).
    """
    values = strangeness
    explainer = fit_explainer(model, source, latents, values)
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
    n = min(MOST_EXPLAINED, max(20, round(EXPLAINED * len(order))), len(order))
    origins = shared_origins(source.catalog, order[: max(1, round(TOP * len(order)))])
    rows = order[:n]
    found = explainer.reasons_of(source, latents, rows)
    blank = reason_columns([])
    columns = {name: np.full(len(values), value, dtype=object) for name, value in blank.items()}
    for row, reasons in zip(rows.tolist(), found, strict=True):
        for name, value in reason_columns(
            reasons + of_origin(source.catalog, row, origins)
        ).items():
            columns[name][row] = value
    frame = pd.DataFrame(columns).astype({"reason_strength": np.float32})
    return SurveyReasons(explainer, frame, origins)


def shared_origins(catalog: pd.DataFrame, top: IntArray) -> list[Origin]:
    """Return values of `ORIGINS` that are much commoner among the strangest (as plate 2208).

    Binomial probability of so many by chance, times the number of values, below `RARE`.

    Args:
        catalog: Of all objects.
        top: Rows of the strangest.
    """
    found = []
    for column in ORIGINS:
        if column not in catalog:
            continue
        codes, names = pd.factorize(catalog[column])
        if len(names) < 2:
            continue
        everywhere = np.bincount(codes[codes >= 0], minlength=len(names))
        among = np.bincount(codes[top][codes[top] >= 0], minlength=len(names))
        chance = binom.sf(among - 1, len(top), everywhere / len(catalog)) * len(names)
        for at in np.flatnonzero((among >= 3) & (chance < RARE)):
            found.append(Origin(column, str(names[at]), int(among[at]), int(everywhere[at])))
    return found


def of_origin(catalog: pd.DataFrame, row: int, origins: list[Origin]) -> list[Reason]:
    """Return the shared origins of one object as reasons."""
    return [
        Reason(
            "shared origin",
            f"{item.column} {item.value}: {item.n_top} of its {item.n_all} objects are among the "
            "strangest, a fault of calibration?",
            1.0, f"Plate {item.value}" if item.column == "plate" else "",
        )
        for item in origins
        if str(catalog[item.column].iloc[row]) == item.value
    ]  # fmt: skip
