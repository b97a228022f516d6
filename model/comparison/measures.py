"""What is measured of one model in a comparison, and kept in files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from data.arrays import FloatArray
from data.atomic import replacing
from data.json_file import read_json, write_json
from data.parts import read_parts
from data.rest_frame.preparation import Preparation
from data.spectra import Spectra
from model.comparison.broad_lines import measure_broad_lines
from model.comparison.noise import measure_sensitivity
from model.comparison.rest_pixels import rest_errors
from model.comparison.sample import Sample
from model.evaluation.invariance import measure_invariance
from model.interface import SpectrumModel
from model.misfit import misfit

ROWS = 256


@dataclass(frozen=True, kw_only=True)
class Measures:
    """One model, measured.

    Attributes:
        numbers: JSON-ready: `kind`, `n_latent`, `n_rest`, `error` (by class), `broad_halpha`,
            `noise`, `invariance`, and `job`, what they depend on.
        wave_rest: Rest-frame wavelengths of the model, Angstrom, shape (n_rest,).
        examples: Decoded spectra of the objects drawn, shape (n_example, n_rest).
    """

    numbers: dict[str, Any]
    wave_rest: FloatArray
    examples: FloatArray

    def save(self, folder: Path) -> None:
        """Write both files, the one that says what they are of last."""
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / "examples.npz") as partial, partial.open("wb") as file:
            np.savez(file, wave_rest=self.wave_rest, examples=self.examples)
        write_json(folder / "measures.json", self.numbers)

    @classmethod
    def load(cls, folder: Path, job: Mapping[str, Any]) -> Measures | None:
        """Return what `save` wrote for this job; None if it has not, or for another one."""
        if not (folder / "measures.json").exists():
            return None
        numbers = read_json(folder / "measures.json", what="measures of a model")
        if numbers.get("job") != job:
            return None
        with np.load(folder / "examples.npz", allow_pickle=False) as arrays:
            return cls(numbers=numbers, **{name: arrays[name] for name in arrays})


def measure_model(
    model: SpectrumModel,
    sample: Sample,
    *,
    n_draw: int,
    seed: int,
    name: str,
    progress: bool,
    pixels: Preparation | None = None,
) -> Measures:
    """Measure a model on a sample.

    Args:
        model: The model.
        sample: The objects.
        n_draw: Realisations of noise; 0 = none.
        seed: Of noise, redshifts and random pairs.
        name: Of the model, on the bar.
        progress: Show a bar.
        pixels: Rest-frame pixels that errors are of; None = those observed.
    """
    latents = np.empty((len(sample.rows), model.n_latent), np.float32)
    errors = np.empty(len(sample.rows))
    blocks = range(0, len(sample.rows), ROWS)
    for start in tqdm(blocks, desc=name, disable=not progress, unit="block"):
        for places, spectra in read_parts(sample.source, sample.rows[start : start + ROWS]):
            at = start + places
            latents[at] = model.encode(spectra)
            errors[at] = _errors(model, spectra, latents[at], sample, pixels)
    numbers: dict[str, Any] = {
        "kind": model.kind,
        "n_latent": model.n_latent,
        "n_rest": model.rest_grid.n_pixel,
        "error": {group: _summary(errors[places]) for group, places in sample.groups().items()},
    }
    numbers["broad_halpha"] = measure_broad_lines(model, sample)
    moved = measure_invariance(model, sample.source, sample.rows, seed=seed)
    numbers["invariance"] = {
        "ds_aug": float(moved.moved.mean()),
        "ds_rand": float(moved.random.mean()),
        "ratio": moved.ratio,
    }
    if n_draw:
        noise = measure_sensitivity(model, sample, latents, n_draw=n_draw, seed=seed)
        numbers["noise"] = noise.to_dict()
    return Measures(numbers=numbers, wave_rest=model.wave_rest, examples=_decoded(model, sample))


def _errors(
    model: SpectrumModel,
    spectra: Spectra,
    latents: FloatArray,
    sample: Sample,
    pixels: Preparation | None,
) -> FloatArray:
    """Return the weighted mean squared error of each spectrum, shape (n_galaxy,)."""
    low, high = sample.rest_range
    if pixels is not None:
        return rest_errors(
            model, spectra, latents, preparation=pixels, rest_range=sample.rest_range
        )
    flux, covered = model.reconstruct(latents, spectra.z, spectra.grid)
    rest = spectra.wave / (1 + spectra.z)[:, None]
    return misfit(spectra, flux, covered & (rest >= low) & (rest <= high)).reduced


def _summary(errors: FloatArray) -> dict[str, Any]:
    """Return mean, its standard error, and median of weighted squared errors a pixel."""
    errors = errors[np.isfinite(errors)]
    if not len(errors):
        return {"n": 0, "mean": None, "standard_error": None, "median": None}
    scatter = float(errors.std(ddof=1)) if len(errors) > 1 else 0.0
    return {
        "n": len(errors),
        "mean": float(errors.mean()),
        "standard_error": scatter / len(errors) ** 0.5,
        "median": float(np.median(errors)),
    }


def _decoded(model: SpectrumModel, sample: Sample) -> FloatArray:
    rows = np.array(list(sample.examples.values()), dtype=np.int64)
    rest = np.empty((len(rows), model.rest_grid.n_pixel), np.float32)
    for places, spectra in read_parts(sample.source, rows):
        rest[places] = model.decode(model.encode(spectra))
    return rest
