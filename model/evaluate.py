"""Measures a model on a survey: the table of Liang+2023, and fidelity by class and S/N.

python -m model evaluate SURVEY MODEL      -> a table, evaluation.json, two figures
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from data.commands import setting
from data.json_file import write_json
from data.source import open_source
from data.spectra import SpectrumSource
from model.card import EVALUATION, write_card
from model.device import choose_device
from model.evaluation_figures import draw_distances, draw_example
from model.interface import SpectrumModel
from model.invariance import Invariance, measure_invariance
from model.scores import unmasked_median
from model.splits import IndexArray, split_source
from model.storage import load_model, read_model_info
from model.trained import evenly

SNR_EDGES = (0.0, 5.0, 10.0, 20.0, 40.0, np.inf)
FAINT = 20.0
"""S/N below which noise rules the fidelity."""
SNR_BINS = [f"S/N {low:g} to {high:g}" for low, high in pairwise(SNR_EDGES)]
ROWS = 256

Columns = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Settings of `python -m model evaluate`."""

    survey: Path = setting(help="survey folder to measure on", positional=True)
    model: Path = setting(help="model folder", positional=True)
    out: Path | None = setting(
        help="folder of evaluation.json and the figures (default: MODEL/evaluation)", default=None
    )
    part: str = setting(
        help="objects of the invariance and the bins: the test part, or all (a survey the model "
        "never saw)",
        default="test",
        choices=("test", "all"),
    )
    object_class: str = setting(help="class to measure on (any = all)", default="GALAXY")
    most: int = setting(help="objects of a part at most, evenly spaced", default=10_000)
    z_max: float = setting(help="redshifted copies lie at 0..z_max", default=0.5)
    k0: float = setting(help="contrast of the similarity loss", default=2.5)
    k1: float = setting(help="slope of the similarity loss", default=5.0)
    sigma: float = setting(help="tolerance of the consistency loss, in latents", default=0.1)
    seed: int = setting(help="of the redshifts and the random pairs", default=0)
    device: str = setting(
        help="where the model runs", default="auto", choices=("auto", "cpu", "cuda")
    )

    def __post_init__(self) -> None:
        """Refuse what can not be measured."""
        if self.most < 10:
            raise ValueError(f"most must be at least 10, got {self.most}")
        for name in ("z_max", "k1", "sigma"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


def evaluate(config: EvaluateConfig) -> None:
    """Measure a model, print the tables, save them as JSON and the figures as PNG."""
    source = open_source({"kind": "survey", "path": str(config.survey)})
    info = read_model_info(config.model)
    model = load_model(config.model, device=choose_device(config.device))
    result, invariance, rows = measure_model(model, source, config)
    result |= {
        "model": {"path": str(config.model), "kind": model.kind, "n_latent": model.n_latent,
                  "weights_sha256": info["weights_sha256"]},
        "survey": source.reference(),
        "seen_in_training": info["training"].get("survey") == source.reference(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("torch", "numpy")},
    }  # fmt: skip
    out = config.out or (config.model / EVALUATION).parent
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / EVALUATION.name, result)
    if config.out is None:
        write_card(config.model)
    draw_distances(invariance, out / "latent_distances.png", title=config.model.name)
    draw_example(model, source, rows, out / "reconstruction.png", z_max=config.z_max)
    sys.stdout.write(_as_text(result) + f"\nsaved in {out}\n")


def measure_model(
    model: SpectrumModel, source: SpectrumSource, config: EvaluateConfig, *, progress: bool = True
) -> tuple[dict[str, Any], Invariance, IndexArray]:
    """Measure fidelity, invariance and the losses built on latent distances.

    Returns:
        All numbers (JSON-ready), the latent distances, and the rows they are of.

    Raises:
        ValueError: Model and survey do not fit, or too few objects are left.
    """
    splits = split_source(
        source, object_class=config.object_class, rest_first=float(model.wave_rest[0])
    )
    sets = splits.sets()
    sets["all"] = np.sort(np.concatenate(list(sets.values())))
    sets = {name: evenly(rows, config.most) for name, rows in sets.items()}
    if len(sets[config.part]) < 2:
        raise ValueError(
            f"the {config.part} part has {len(sets[config.part])} objects, 2 are needed; "
            "use --part all"
        )
    parts = {name: _fidelity(model, source, rows, name, progress) for name, rows in sets.items()}
    invariance = measure_invariance(
        model, source, sets[config.part], z_max=config.z_max,
        k0=config.k0, k1=config.k1, sigma=config.sigma, seed=config.seed,
    )  # fmt: skip
    chosen = parts[config.part]
    result = {
        "fidelity": {name: _summary(part) for name, part in parts.items() if len(part["snr"])},
        "part": config.part,
        "similarity": invariance.similarity,
        "consistency": invariance.consistency,
        "ds_aug": float(invariance.moved.mean()),
        "ds_rand": float(invariance.random.mean()),
        "ratio": invariance.ratio,
        "settings": {"k0": config.k0, "k1": config.k1, "sigma": config.sigma,
                     "z_max": config.z_max, "seed": config.seed, "most": config.most},
        "by_snr": _by(chosen, np.digitize(chosen["snr"], SNR_EDGES[1:-1]), SNR_BINS),
        "by_class": _by(chosen, *_classes(source, sets[config.part])),
        "by_outlier": _by(chosen, *_outliers(source, sets[config.part], chosen["snr"])),
    }  # fmt: skip
    return result, invariance, sets[config.part]


def _fidelity(
    model: SpectrumModel, source: SpectrumSource, rows: IndexArray, name: str, progress: bool
) -> Columns:
    """Return fidelity, noise floor, reduced chi2 and S/N of each object."""
    columns = {key: np.empty(len(rows)) for key in ("fidelity", "noise_floor", "chi2_red", "snr")}
    starts = range(0, len(rows), ROWS)
    for start in tqdm(starts, desc=f"fidelity, {name}", disable=not progress, unit="block"):
        part = slice(start, start + ROWS)
        spectra = source.read(rows[part].tolist())
        flux, covered = model.reconstruct(model.encode(spectra), spectra.z, source.grid)
        good = (spectra.ivar > 0) & covered.astype(bool)
        chi2 = (good * spectra.ivar * (spectra.flux - flux) ** 2).sum(axis=1, dtype=float)
        used = good.sum(axis=1)
        columns["fidelity"][part] = 0.5 * chi2 / source.grid.n_pixel
        columns["noise_floor"][part] = 0.5 * used / source.grid.n_pixel
        columns["chi2_red"][part] = chi2 / np.maximum(used, 1)
        columns["snr"][part] = unmasked_median(spectra.flux * np.sqrt(spectra.ivar), good)
    return columns


def _summary(columns: Columns) -> dict[str, float]:
    fidelity, floor = columns["fidelity"].mean(), columns["noise_floor"].mean()
    return {
        "n": len(columns["fidelity"]),
        "fidelity": float(fidelity),
        "noise_floor": float(floor),
        "over_floor": float(fidelity / floor),
        "chi2_red_median": float(np.median(columns["chi2_red"])),
    }


def _by(
    columns: Columns, group: NDArray[np.integer], names: list[str]
) -> dict[str, dict[str, float]]:
    """Summarise the objects of each group that has any; `group` numbers the `names`."""
    return {
        names[number]: _summary({key: values[group == number] for key, values in columns.items()})
        for number in np.unique(group)
    }


def _classes(source: SpectrumSource, rows: IndexArray) -> tuple[NDArray[np.integer], list[str]]:
    """Return the number of each row's class, and the classes: class and subclass, in words."""
    catalog = source.catalog.iloc[rows]
    words = np.full(len(rows), "", dtype=object)
    for name in ("class", "subclass"):
        if name in catalog:
            words = words + " " + catalog[name].astype("string").fillna("").to_numpy(object)
    names = [" ".join(str(word).split()) or "unknown" for word in words]
    known = sorted(set(names))
    return np.array([known.index(name) for name in names]), known


def _outliers(
    source: SpectrumSource, rows: IndexArray, snr: NDArray[np.float64]
) -> tuple[NDArray[np.integer], list[str]]:
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


def _as_text(result: dict[str, Any]) -> str:
    """Return the tables as text: Table 1 of Liang+2023 first."""
    names = [name for name in ("train", "valid", "test", "all") if name in result["fidelity"]]
    head = [f"L_fid({name})" for name in names]
    head += ["L_sim", "L_c", "<ds_aug>", "<ds_rand>", "ratio"]
    values = [f"{result['fidelity'][name]['fidelity']:.4f}" for name in names]
    values += [f"{result[name]:.4f}" for name in ("similarity", "consistency", "ds_aug", "ds_rand")]
    values += [f"{100 * result['ratio']:.1f}%"]
    widths = [max(len(a), len(b)) + 2 for a, b in zip(head, values, strict=True)]
    lines = ["".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
             for row in (head, values)]  # fmt: skip
    lines += ["", f"{'':28}{'n':>8}{'fidelity':>11}{'floor':>9}{'ratio':>8}{'chi2_red':>10}"]
    for group in ("fidelity", "by_snr", "by_class", "by_outlier"):
        for name, row in result[group].items():
            lines.append(
                f"{name:28.28}{row['n']:8d}{row['fidelity']:11.4f}{row['noise_floor']:9.4f}"
                f"{row['over_floor']:8.3f}{row['chi2_red_median']:10.3f}"
            )
    lines += ["", f"L_sim, L_c, ds and the bins are of the {result['part']} part; "
              "floor = fidelity of noise alone, ratio = fidelity / floor."]  # fmt: skip
    return "\n".join(lines)
