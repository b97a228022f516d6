"""Measures a model on a survey: the table of Liang+2023, and fidelity by class and S/N.

python -m model evaluate SURVEY MODEL      -> a table, evaluation.json, two figures
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import IndexArray
from data.commands import keep_inputs, setting
from data.json_file import write_json
from data.source import open_source
from data.spectra import SpectrumSource
from model.augment import Z_MAX
from model.device import choose_device
from model.evaluation.fidelity import (
    Columns,
    by_group,
    by_latents,
    class_groups,
    measure_rows,
    outlier_groups,
    snr_groups,
    summarise,
)
from model.evaluation.figures import draw_distances, draw_example
from model.evaluation.invariance import Invariance, measure_invariance
from model.interface import SpectrumModel
from model.losses import CONTRAST, SLOPE, TOLERANCE
from model.refinement.refining_model import RefiningModel
from model.refinement.support import latent_support
from model.similarity_weight import similarity_weight
from model.splits import evenly, split_source
from model.store.card import EVALUATION, write_card
from model.store.storage import load_model, read_model_info


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Settings of `python -m model evaluate`."""

    survey: Path = setting(help="survey folder to measure on", positional=True)
    model: Path = setting(help="model folder", positional=True)
    out: Path | None = setting(
        help="folder of evaluation.json and the figures (default: MODEL/evaluation); needed for "
        "a model inside an atlas, which stays as it was built",
        default=None,
    )
    part: str = setting(
        help="objects of the invariance and the bins: the test part, or all (a survey the model "
        "never saw)",
        default="test",
        choices=("test", "all"),
    )
    object_class: str = setting(help="class to measure on (any = all)", default="GALAXY")
    refine: bool = setting(
        help="measure refined latents too, beside those that the encoder gives", default=False
    )
    most: int = setting(help="objects of a part at most, evenly spaced", default=10_000)
    z_max: float = setting(help="redshifted copies lie at 0..z_max", default=Z_MAX)
    k0: float = setting(
        help="contrast of the similarity loss; 0 = that of the model's training, as are the "
        "weight of its pixels and whether it is scale-free",
        default=0.0,
    )
    k1: float = setting(
        help="slope of the similarity loss; 0 = that of the model's training", default=0.0
    )
    sigma: float = setting(help="tolerance of the consistency loss, in latents", default=TOLERANCE)
    seed: int = setting(help="of the redshifts and the random pairs", default=0)
    device: str = setting(
        help="where the model runs", default="auto", choices=("auto", "cpu", "cuda")
    )

    def __post_init__(self) -> None:
        """Refuse what can not be measured."""
        if self.most < 10:
            raise ValueError(f"most must be at least 10, got {self.most}")
        for name in ("z_max", "sigma"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("k0", "k1"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


def evaluate(config: EvaluateConfig) -> None:
    """Measure a model, print the tables, save them as JSON and the figures as PNG.

    Raises:
        ValueError: Model and survey do not fit, or there is no place for the results.
    """
    out = _output_folder(config)
    keep_inputs(outputs=[out], inputs=[config.survey, config.model])
    source = open_source({"kind": "survey", "path": str(config.survey)})
    info = read_model_info(config.model)
    model = load_model(config.model, device=choose_device(config.device))
    trained = info["training"].get("config", {})
    result, invariance, rows = measure_model(model, source, config, trained)
    result |= {
        "model": {"path": str(config.model), "kind": model.kind, "n_latent": model.n_latent,
                  "weights_sha256": info["weights_sha256"]},
        "survey": source.reference(),
        "seen_in_training": info["training"].get("survey") == source.reference(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("torch", "numpy")},
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / EVALUATION.name, result)
    if config.out is None:
        write_card(config.model)
    draw_distances(invariance, out / "latent_distances.png", title=config.model.name)
    draw_example(model, source, rows, out / "reconstruction.png", z_max=config.z_max)
    sys.stdout.write(_as_text(result) + f"\nsaved in {out}\n")


def _output_folder(config: EvaluateConfig) -> Path:
    """Return where results go; a model that belongs to an atlas is not written to.

    Raises:
        ValueError: The model's folder must not or can not be changed, and no other is given.
    """
    if config.out is not None:
        return config.out
    model = config.model.resolve()
    if (model.parent / "atlas.json").exists():
        raise ValueError(
            f"{config.model} is part of an atlas, which stays as it was built; give --out FOLDER "
            "for the results"
        )
    if model.is_dir() and not os.access(model, os.W_OK):
        raise ValueError(f"{config.model} can not be written to; give --out FOLDER for the results")
    return (config.model / EVALUATION).parent


def measure_model(
    model: SpectrumModel, source: SpectrumSource, config: EvaluateConfig,
    trained: Mapping[str, Any] | None = None, *, progress: bool = True,
) -> tuple[dict[str, Any], Invariance, IndexArray]:  # fmt: skip
    """Measure fidelity, invariance and the losses built on latent distances.

    Args:
        model: The model.
        source: Where the spectra are.
        config: Settings.
        trained: Settings of its training, as model.json has them; what is missing is the paper's.
        progress: Show bars.

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
        more = "--part all" if config.part == "test" else "--object-class any"
        raise ValueError(
            f"the {config.part} part has {len(sets[config.part])} objects, 2 are needed (left out: "
            f"{splits.left_out}); use {more}"
        )
    parts = {name: measure_rows(model, source, rows, name, progress) for name, rows in sets.items()}
    rows, chosen = sets[config.part], parts[config.part]
    similarity = _similarity(config, trained or {})
    kind = similarity["similarity_weight"]
    learnt = splits.train if len(splits.train) else rows
    measure = partial(
        measure_invariance, k0=similarity["k0"], k1=similarity["k1"],
        weight=similarity_weight(kind, model.rest_grid, source, learnt),
        scale_free=similarity["scale_free"], z_max=config.z_max, sigma=config.sigma,
        seed=config.seed, progress=progress,
    )  # fmt: skip
    invariance = measure(model, source, rows)
    result = _table(invariance, parts) | {
        "part": config.part,
        "settings": {**similarity, "sigma": config.sigma,
                     "z_max": config.z_max, "seed": config.seed, "most": config.most},
        "by_snr": by_group(chosen, *snr_groups(chosen["snr"])),
        "by_class": by_group(chosen, *class_groups(source, rows)),
        "by_outlier": by_group(chosen, *outlier_groups(source, rows, chosen["snr"])),
    }  # fmt: skip
    refined = None
    if config.refine:
        refining = RefiningModel(model, latent_support(model, source, rows))
        refined = measure_rows(refining, source, rows, f"{config.part}, refined", progress)
        part = {config.part: refined}
        result["refined"] = _table(measure(refining, source, rows), part)
    result["by_latents"] = by_latents(model, source, rows, chosen, refined, progress)
    return result, invariance, rows


def _similarity(config: EvaluateConfig, trained: Mapping[str, Any]) -> dict[str, Any]:
    """Return contrast, slope, weight and scale of the similarity loss, as the training had them."""
    return {
        "k0": config.k0 or trained.get("k0", CONTRAST),
        "k1": config.k1 or trained.get("k1", SLOPE),
        "similarity_weight": trained.get("similarity_weight", "gaussian"),
        "scale_free": trained.get("scale_free", False),
    }


def _table(invariance: Invariance, parts: dict[str, Columns]) -> dict[str, Any]:
    """Return a row of Table 1 of Liang+2023."""
    return {
        "fidelity": {name: summarise(part) for name, part in parts.items() if len(part["snr"])},
        "similarity": invariance.similarity,
        "consistency": invariance.consistency,
        "ds_aug": float(invariance.moved.mean()),
        "ds_rand": float(invariance.random.mean()),
        "ratio": invariance.ratio,
    }


def _as_text(result: dict[str, Any]) -> str:
    """Return the tables as text: Table 1 of Liang+2023 first."""
    names = [name for name in ("train", "valid", "test", "all") if name in result["fidelity"]]
    head = ["", *(f"L_fid({name})" for name in names)]
    head += ["L_sim", "L_c", "<ds_aug>", "<ds_rand>", "ratio"]
    rows = [head, _cells("encoded", names, result)]
    if "refined" in result:
        rows.append(_cells("refined", names, result["refined"]))
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    lines = ["".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
             for row in rows]  # fmt: skip
    lines += ["", f"{'':28}{'n':>8}{'fidelity':>11}{'floor':>9}{'ratio':>8}{'chi2_red':>10}"]
    for group in ("fidelity", "by_snr", "by_class", "by_outlier", "by_latents"):
        for name, row in result[group].items():
            lines.append(
                f"{name:28.28}{row['n']:8d}{row['fidelity']:11.4f}{row['noise_floor']:9.4f}"
                f"{row['over_floor']:8.3f}{row['chi2_red_median']:10.3f}"
            )
    lines += [
        "",
        f"L_sim, L_c, ds and the bins are of the {result['part']} part; "
        "floor = fidelity of noise alone, ratio = fidelity / floor.",
        "Best latents are searched for each spectrum: what is left then is the decoder's part.",
    ]
    return "\n".join(lines)


def _cells(label: str, names: list[str], table: dict[str, Any]) -> list[str]:
    """Return a line of Table 1, cell by cell; empty where nothing was measured."""
    cells = [label]
    for name in names:
        part = table["fidelity"].get(name)
        cells.append(f"{part['fidelity']:.4f}" if part else "")
    cells += [f"{table[name]:.4f}" for name in ("similarity", "consistency", "ds_aug", "ds_rand")]
    return [*cells, f"{100 * table['ratio']:.1f}%"]
