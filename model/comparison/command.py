"""Compares models on a survey: errors by class, zooms, sensitivity to noise, invariance.

python -m model compare SURVEY MODEL... --out FOLDER     -> a table, comparison.json, figures

What was measured of a model is kept under FOLDER/models, so that a stopped comparison goes on, and
another model costs only itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from data.atomic import replacing
from data.commands import keep_inputs, setting
from data.json_file import write_json
from data.rest_frame.preparation import PREPARATIONS
from data.source import open_source
from model.comparison.figures import draw_errors, draw_invariance, draw_noise, draw_zooms
from model.comparison.measures import Measures, measure_model
from model.comparison.sample import ALL, Sample, draw_sample
from model.dense.prepared_source import suitable
from model.device import choose_device
from model.interface import SpectrumModel
from model.splits import evenly, split_source
from model.store.storage import load_model, read_model_info

OBSERVED = "observed"


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Settings of `python -m model compare`."""

    survey: Path = setting(help="survey folder to measure on", positional=True)
    model: tuple[Path, ...] = setting(help="model folders", positional=True)
    out: Path = setting(help="folder of the results; what is there of a model is not repeated")
    part: str = setting(
        help="objects: the test part of the survey, or all (one the models never saw)",
        default="test",
        choices=("test", "all"),
    )
    pixels: str = setting(
        help="errors on the pixels observed, or on the wider rest-frame ones of a paper (objects "
        "that suit its preparation)",
        default=OBSERVED,
        choices=(OBSERVED, *PREPARATIONS),
    )
    object_class: str = setting(help="class to measure on (any = all)", default="any")
    most: int = setting(help="objects at most, evenly spaced", default=2000)
    object: tuple[str, ...] = setting(
        help="ids of the objects to draw (default: one of each class)", default=()
    )
    noise_draws: int = setting(
        help="realisations of noise at each S/N, of 8 objects; 0 = leave them out", default=32
    )
    seed: int = setting(help="of the noise, the redshifts and the random pairs", default=0)
    device: str = setting(
        help="where the models run", default="auto", choices=("auto", "cpu", "cuda")
    )

    def __post_init__(self) -> None:
        """Refuse what can not be measured."""
        if self.most < 10:
            raise ValueError(f"most must be at least 10, got {self.most}")
        if self.noise_draws < 0 or self.noise_draws == 1:
            raise ValueError(f"noise_draws must be 0, or 2 or more, got {self.noise_draws}")


def compare(config: CompareConfig) -> None:
    """Measure models, print the table, save table, numbers and figures.

    Raises:
        ValueError: Models and survey do not fit together, or results would be written into one.
    """
    written = [config.out, *(_folder(config, name) for name in _names(config.model))]
    keep_inputs(outputs=written, inputs=[config.survey, *config.model])
    source = open_source({"kind": "survey", "path": str(config.survey)})
    device = choose_device(config.device)
    models = {name: load_model(path, device=device) for name, path in _names(config.model).items()}
    rest_range = _common_range(models)
    splits = split_source(source, object_class=config.object_class, rest_first=rest_range[0])
    parts = splits.sets()
    rows = parts["test"] if config.part == "test" else np.sort(np.concatenate([*parts.values()]))
    if config.pixels != OBSERVED:
        rows, _ = suitable(source, rows, PREPARATIONS[config.pixels], progress=False)
    if len(rows) < 2:
        more = "--part all" if config.part == "test" else "a larger survey"
        raise ValueError(
            f"the {config.part} part has {len(rows)} objects, 2 are needed; use {more}"
        )
    sample = draw_sample(
        source, evenly(rows, config.most), rest_range=rest_range, objects=config.object
    )
    measured = {
        name: _measured(config, name, path, models[name], sample)
        for name, path in _names(config.model).items()
    }
    _write(config, sample, measured)


def _names(paths: tuple[Path, ...]) -> dict[str, Path]:
    """Return models by the shortest end of their path that tells them apart."""
    resolved = list(dict.fromkeys(path.resolve() for path in paths))
    depth = 2 if any(path.name == "model" for path in resolved) else 1  # of an atlas
    while len({path.parts[-depth:] for path in resolved}) < len(resolved):
        depth += 1
    return {"/".join(path.parts[-depth:]): path for path in resolved}


def _folder(config: CompareConfig, name: str) -> Path:
    """Return where what was measured of a model is kept."""
    return config.out / "models" / name.replace("/", "_")


def _common_range(models: Mapping[str, SpectrumModel]) -> tuple[float, float]:
    """Return the rest-frame wavelengths that all models have, Angstrom."""
    first = max(float(model.wave_rest[0]) for model in models.values())
    last = min(float(model.wave_rest[-1]) for model in models.values())
    if not first < last:
        raise ValueError("the models have no rest-frame wavelengths in common")
    return first, last


def _measured(
    config: CompareConfig, name: str, path: Path, model: SpectrumModel, sample: Sample
) -> Measures:
    """Return what is kept of a model, or measure it now."""
    job = {
        "weights_sha256": read_model_info(path)["weights_sha256"],
        "sample": sample.digest(),
        "noise_draws": config.noise_draws,
        "seed": config.seed,
    } | ({} if config.pixels == OBSERVED else {"pixels": config.pixels})
    folder = _folder(config, name)
    kept = Measures.load(folder, job)
    if kept is None:
        kept = measure_model(
            model, sample, n_draw=config.noise_draws, seed=config.seed, name=name, progress=True,
            pixels=PREPARATIONS.get(config.pixels),
        )  # fmt: skip
        kept.numbers["job"] = job
        kept.save(folder)
    return kept


def _write(config: CompareConfig, sample: Sample, measured: Mapping[str, Measures]) -> None:
    """Write the table, the numbers and the figures of all models."""
    out = config.out
    write_json(out / "comparison.json", {
        "survey": sample.source.reference(),
        "part": config.part,
        "n_object": len(sample.rows),
        "classes": {name: len(places) for name, places in sample.groups().items()},
        "rest_range": sample.rest_range,
        "pixels": config.pixels,
        "models": {name: item.numbers for name, item in measured.items()},
        "runs": runs(measured),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("torch", "numpy")},
    })  # fmt: skip
    table = as_text(sample, measured, pixels=config.pixels)
    with replacing(out / "comparison.md") as partial:
        partial.write_text(table + "\n", encoding="utf-8")
    draw_errors(measured, out / "errors.png")
    draw_invariance(measured, out / "invariance.png")
    if config.noise_draws:
        draw_noise(measured, out / "noise.png")
    ids = sample.source.ids
    for number, (title, row) in enumerate(sample.examples.items()):
        one = sample.source.read([row])
        name = ids[row]
        shown = title if title == name else f"{title} {name}"
        file = out / f"zooms_{''.join(c if c.isalnum() else '-' for c in title)}.png"
        draw_zooms(measured, shown, number, one, file)
    sys.stdout.write(f"{table}\n\nsaved in {os.fspath(out)}\n")


def runs(measured: Mapping[str, Measures]) -> list[dict[str, Any]]:
    """Return the error of models of one kind and size, as mean of their runs (Melchior, Table 1).

    Returns:
        For each kind, number of latents and of rest-frame pixels: `n_run`, and mean and standard
        deviation of the runs' mean errors over all objects.
    """
    by_size: dict[tuple[str, int, int], list[float]] = {}
    for item in measured.values():
        size = (item.numbers["kind"], item.numbers["n_latent"], item.numbers["n_rest"])
        by_size.setdefault(size, []).append(item.numbers["error"][ALL]["mean"])
    return [
        {"kind": kind, "n_latent": n_latent, "n_rest": n_rest, "n_run": len(errors),
         "mean": float(np.mean(errors)),
         "deviation": float(np.std(errors, ddof=1)) if len(errors) > 1 else None}
        for (kind, n_latent, n_rest), errors in sorted(by_size.items())
    ]  # fmt: skip


def as_text(sample: Sample, measured: Mapping[str, Measures], *, pixels: str = OBSERVED) -> str:
    """Return the table in Markdown: a row for each model."""
    groups = sample.groups()
    head = ["model", "kind", "latents", *(f"{g} ({len(p)})" for g, p in groups.items()),
            "broad Hα", "ds_aug / ds_rand"]  # fmt: skip
    lines = [head, ["---"] * len(head)]
    for name, item in measured.items():
        numbers = item.numbers
        errors = [numbers["error"][group] for group in groups]
        broad = numbers.get("broad_halpha", {}).get("median")
        lines.append([
            name, numbers["kind"], str(numbers["n_latent"]),
            *("" if error["mean"] is None else f"{error['mean']:.3f} ({error['median']:.3f})"
              for error in errors),
            "" if broad is None else f"{broad:.2f}",
            f"{100 * numbers['invariance']['ratio']:.1f} %",
        ])  # fmt: skip
    low, high = sample.rest_range
    where = "" if pixels == OBSERVED else f" on the pixels of {pixels}"
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + (
        f"\n\nMean (median) weighted squared error a pixel{where} ((x - x')^2 / sigma^2; noise "
        f"alone: 1) over rest-frame {low:.0f}-{high:.0f} Angstrom, by class (objects); width of "
        "broad H-alpha in the model over that in the spectrum, median; distance of latents to "
        "those of a redshifted copy over that to a random other."
    )
