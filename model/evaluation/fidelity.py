"""Fidelity of reconstructions beside that of noise alone, of each object and of groups."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from tqdm import tqdm

from data.arrays import FloatArray, IndexArray, IntArray
from data.parts import read_parts
from data.spectra import Spectra, SpectrumSource
from model.atlas.scores import unmasked_median
from model.interface import SpectrumModel
from model.misfit import misfit
from model.refinement.refine import refine
from model.refinement.support import Support
from model.splits import evenly

SNR_EDGES = (0.0, 5.0, 10.0, 20.0, 40.0, np.inf)
FAINT = 20.0
"""S/N below which noise dominates the fidelity."""
SNR_BINS = [f"S/N {low:g} to {high:g}" for low, high in pairwise(SNR_EDGES)]
ROWS = 256
BEST_STEPS = 12
MOST_BEST = 512
"""Faint objects for which the best latents are looked for."""

Columns = dict[str, FloatArray]
"""`fidelity`, `noise_floor`, `chi2_red` and `snr` of each object, shape (n_galaxy,)."""


def measure_rows(
    model: SpectrumModel, source: SpectrumSource, rows: IndexArray, name: str, progress: bool
) -> Columns:
    """Return fidelity, noise floor, reduced chi2 and S/N of each object."""
    columns: Columns = {
        key: np.empty(len(rows)) for key in ("fidelity", "noise_floor", "chi2_red", "snr")
    }
    starts = range(0, len(rows), ROWS)
    for start in tqdm(starts, desc=f"fidelity, {name}", disable=not progress, unit="block"):
        part = slice(start, start + ROWS)
        for places, spectra in read_parts(source, rows[part]):
            measured = measure_spectra(model, spectra, model.encode(spectra))
            for key, values in measured.items():
                columns[key][start + places] = values
    return columns


def measure_spectra(model: SpectrumModel, spectra: Spectra, latents: FloatArray) -> Columns:
    """Return the columns of some spectra, reproduced from latents of shape (n_galaxy, n_latent)."""
    flux, covered = model.reconstruct(latents, spectra.z, spectra.grid)
    fit = misfit(spectra, flux, covered)
    return {
        "fidelity": fit.fidelity,
        "noise_floor": fit.noise_floor,
        "chi2_red": fit.reduced,
        "snr": unmasked_median(spectra.flux * np.sqrt(spectra.ivar), fit.used),
    }


def by_latents(
    model: SpectrumModel, source: SpectrumSource, rows: IndexArray, encoded: Columns,
    refined: Columns | None, progress: bool,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Tell the encoder's part of the misfit from the decoder's, for faint ordinary objects.

    Args:
        model: The model.
        source: Where the spectra are.
        rows: Of the objects.
        encoded: What `measure_rows` returned for them.
        refined: The same with refined latents, if those are asked for.
        progress: Show a bar.
    """
    group, names = outlier_groups(source, rows, encoded["snr"])
    faint = evenly(np.flatnonzero(group == 0 if names else encoded["snr"] < FAINT), MOST_BEST)
    if len(faint) == 0:
        return {}
    start = np.empty((len(faint), model.n_latent), np.float32)
    read = list(read_parts(source, rows[faint]))
    for places, spectra in read:
        start[places] = model.encode(spectra)
    support = Support.of(start)
    found: Columns = {key: np.empty(len(faint)) for key in encoded}
    for places, spectra in tqdm(read, desc="best latents", disable=not progress, unit="grid"):
        best = refine(model, spectra, start[places], support, n_step=BEST_STEPS, prior=False)
        for key, values in measure_spectra(model, spectra, best.latents).items():
            found[key][places] = values
    measured = {"encoded": _some(encoded, faint)}
    if refined is not None:
        measured["refined"] = _some(refined, faint)
    measured["best latents"] = found
    return {f"S/N below {FAINT:g}, {name}": summarise(item) for name, item in measured.items()}


def _some(columns: Columns, rows: IndexArray) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def summarise(columns: Columns) -> dict[str, float]:
    """Return means over objects, the ratio of fidelity and floor, and the median reduced chi2."""
    fidelity, floor = columns["fidelity"].mean(), columns["noise_floor"].mean()
    return {
        "n": len(columns["fidelity"]),
        "fidelity": float(fidelity),
        "noise_floor": float(floor),
        "over_floor": float(fidelity / floor),
        "chi2_red_median": float(np.nanmedian(columns["chi2_red"])),
    }


def by_group(columns: Columns, group: IntArray, names: list[str]) -> dict[str, dict[str, float]]:
    """Summarise the objects of each group that has any; `group` numbers the `names`."""
    return {
        names[number]: summarise(_some(columns, np.flatnonzero(group == number)))
        for number in np.unique(group)
    }


def snr_groups(snr: FloatArray) -> tuple[IntArray, list[str]]:
    """Return the number of each object's bin of S/N, and the bins in words."""
    return np.digitize(snr, SNR_EDGES[1:-1]), SNR_BINS


def class_groups(source: SpectrumSource, rows: IndexArray) -> tuple[IntArray, list[str]]:
    """Return the number of each row's class, and the classes: class and subclass, in words."""
    catalog = source.catalog.iloc[rows]
    words = np.full(len(rows), "", dtype=object)
    for name in ("class", "subclass"):
        if name in catalog:
            words = words + " " + catalog[name].astype("string").fillna("").to_numpy(object)
    names = [" ".join(str(word).split()) or "unknown" for word in words]
    known = sorted(set(names))
    return np.array([known.index(name) for name in names]), known


def outlier_groups(
    source: SpectrumSource, rows: IndexArray, snr: FloatArray
) -> tuple[IntArray, list[str]]:
    """Tell ordinary objects, faint and bright, from the outliers injected into a mock survey."""
    if "outlier_kind" not in source.catalog:
        return np.empty(0, dtype=int), []
    injected = source.catalog["outlier_kind"].iloc[rows].astype("string").fillna("") != ""
    names = [
        f"ordinary, S/N below {FAINT:g}",
        f"ordinary, S/N above {FAINT:g}",
        "injected outliers",
    ]
    return np.where(injected, 2, np.where(snr < FAINT, 0, 1)), names
