"""Random search over the sizes of an InfoVAE and the weight of its discrepancy.

Portillo+2020, section 3, found its Table 1 so. Each trial is a training of its own, in
OUT/search/NNN; the one that reconstructs validation spectra best becomes the model.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data.atomic import replacing
from data.json_file import write_json
from data.source import content_hash
from data.survey import Survey
from model.dense.config import preset
from model.store.storage import read_model_info
from model.training.config import SEARCH, SEARCH_CONFIG, TrainConfig, is_unfinished
from model.training.course.state import check_content
from model.training.processes import is_one_of_several

SEARCHED = ("infovae",)
FIRST, SECOND, MMD = (400.0, 2000.0), (30.0, 150.0), (1.0, 30.0)
"""Units of the two hidden layers, and lambda, from and to, uniform in the logarithm: around
Table 1 of Portillo+2020 (549 to 1663, 42 to 110, 3.02 to 21.2)."""
KEPT = ("model.safetensors", "history.csv", "README.md", "model.json")
"""What makes a trial the model; model.json last, which says that it is there."""
RANKED_BY = "fidelity_valid"


def search(config: TrainConfig, train: Callable[[TrainConfig], None]) -> None:
    """Train every trial that has not been trained, rank all, and keep the best as the model.

    Args:
        config: Settings; layers and lambda are drawn where they are left open.
        train: What trains one.

    Raises:
        ValueError: The kind of model has nothing to search, several processes were started, or the
            survey is another one than that of a trial.
    """
    if config.model not in SEARCHED:
        raise ValueError(f"--search is for --model {', '.join(SEARCHED)}, got {config.model}")
    if is_one_of_several():
        raise ValueError(
            "--search trains its small models one after the other in one process: start it as "
            "`python -m model train`, without accelerate"
        )
    (config.out / SEARCH).mkdir(parents=True, exist_ok=True)
    write_json(config.out / SEARCH_CONFIG, config.to_dict())
    content = content_hash(Survey(config.survey).reference())
    for number in range(config.search):
        folder = _folder(config, number)
        if (folder / "model.json").exists():
            told = read_model_info(folder)["training"]
            check_content(folder, told.get("content"), content)
        else:
            chosen = trial(config, number)
            sys.stderr.write(
                f"trial {number + 1} of {config.search}: layers {chosen.network.layers}, "
                f"lambda {chosen.losses.mmd:.3g}\n"
            )
            train(chosen)
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    ranked = rank(config)
    _write_table(config.out / SEARCH / "ranking.csv", ranked)
    _adopt(_folder(config, ranked[0]["trial"]), config.out)
    sys.stdout.write(as_text(ranked) + "\n")


def trial(config: TrainConfig, number: int) -> TrainConfig:
    """Return the settings of a trial, the same whenever it is asked for; number 0 is the paper's.

    Args:
        config: Of the search: what it gives of layers and lambda stays.
        number: From 0.
    """
    rng = np.random.default_rng([config.seed, number])
    first, second, mmd = (
        float(np.exp(rng.uniform(*np.log(limits)))) for limits in (FIRST, SECOND, MMD)
    )
    layers: tuple[int, ...] = (round(first), round(second))
    if number == 0:
        known = preset(config.model, config.network.latents)
        layers, mmd = known.layers, known.mmd
    folder = _folder(config, number)
    return replace(
        config,
        out=folder,
        search=0,
        resume=is_unfinished(folder),
        network=replace(config.network, layers=config.network.layers or layers),
        losses=replace(
            config.losses,
            mmd=config.losses.mmd if config.losses.mmd >= 0 else float(f"{mmd:.3g}"),
        ),
    )


def rank(config: TrainConfig) -> list[dict[str, Any]]:
    """Return what the trials came to, the best reconstruction of validation spectra first."""
    table = []
    for number in range(config.search):
        info = read_model_info(_folder(config, number))
        metrics, training = info["metrics"], info["training"]
        table.append({
            "trial": number,
            "layers": "-".join(map(str, info["config"]["layers"])),
            "lambda": training["config"]["mmd"],
            **{name: metrics[name] for name in (RANKED_BY, "noise_floor_valid", "chi2_red_valid")},
            "seconds": training["seconds"],
        })  # fmt: skip
    return sorted(table, key=lambda row: row[RANKED_BY])


def as_text(ranked: list[dict[str, Any]]) -> str:
    """Return the ranking as a Markdown table."""
    head = ["rank", *ranked[0]]
    lines = [head, ["---"] * len(head)]
    lines += [
        [str(place), *(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values())]
        for place, row in enumerate(ranked, start=1)
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _folder(config: TrainConfig, number: int) -> Path:
    return config.out / SEARCH / f"{number:03d}"


def _write_table(path: Path, ranked: list[dict[str, Any]]) -> None:
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(ranked[0]))
        writer.writeheader()
        writer.writerows(ranked)


def _adopt(best: Path, out: Path) -> None:
    """Copy the best trial to where the model is asked for."""
    for name in KEPT:
        if (best / name).exists():
            with replacing(out / name) as partial:
                shutil.copyfile(best / name, partial)
