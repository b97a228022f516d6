"""The three rows of Liang+2023 (Table 1), equal epochs on one mock survey, and PCAs beside them.

Each row twice: as the paper trains, and by our recipe (start from the data, guide, Muon).

Redshift invariance and fidelity on mock galaxies that no model saw. What was trained stays in
benchmarks/results/recipes, and a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.__main__ import main as data_main
from model.__main__ import main as model_main

FOLDER = Path("benchmarks/results/recipes")
ROWS = {
    "fidelity": ("--similarity", 0, "--consistency", 0),
    "fidelity-similarity": ("--consistency", 0),
    "full": (),
}
"""Recipes of ours, and what makes the paper's recipe, `liang2023`, the same row of its table."""
PCAS = (6, 10)


def main(argv: Sequence[str] = ()) -> None:
    """Train, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks recipes", description=__doc__)
    parser.add_argument("--n", type=int, default=16_384, help="mock galaxies to learn from")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--most", type=int, default=2000, help="galaxies to measure on")
    given = parser.parse_args(argv)
    folder = FOLDER / f"{given.n}-{given.epochs}"
    learn, unseen = folder / "learn", folder / "unseen"
    for path, n, seed in ((learn, given.n, 1), (unseen, given.most, 2)):
        if not path.exists():
            _run(data_main, "mock", "--n", n, "--seed", seed, "--out", path)
    wanted: dict[str, list[Any]] = {}
    for name, without in ROWS.items():
        epochs = ("--epochs", given.epochs)
        wanted[f"liang2023-{name}"] = ["--config", "liang2023", *without, *epochs]
        wanted[name] = ["--config", name, *epochs]
    wanted |= {f"pca-{k}": ["--model", "pca", "--latents", k] for k in PCAS}
    print(f"{given.n} mocks, {given.epochs} epochs; measured on {given.most} others")
    print("S/N<20: fidelity over that of noise, injected outliers apart; median: reduced chi2")
    print(
        f"{'':29}{'fidelity':>9}{'of noise':>9}{'S/N<20':>8}{'median':>8}"
        f"{'ds_aug':>8}{'ds_rand':>8}{'ratio':>8}{'minutes':>8}"
    )
    for name, options in wanted.items():
        model = folder / name
        if not (model / "model.json").exists():
            _run(model_main, "train", learn, "--out", model, *options, "--resume")
        if not (model / "evaluation" / "evaluation.json").exists():
            _run(model_main, "evaluate", unseen, model, "--part", "all", "--most", given.most)
        measured = json.loads(
            (model / "evaluation" / "evaluation.json").read_text(encoding="utf-8")
        )
        training = json.loads((model / "model.json").read_text(encoding="utf-8"))["training"]
        print(_row(name, measured, seconds=training.get("seconds")), flush=True)


def _run(command: Any, *arguments: object) -> None:  # noqa: ANN401
    words = [str(word) for word in arguments]
    if command(words):
        raise RuntimeError(f"{' '.join(words)} failed; see above")


def _row(name: str, measured: dict[str, Any], *, seconds: float | None) -> str:
    whole, faint = measured["fidelity"]["all"], measured["by_outlier"]["ordinary, S/N below 20"]
    return (
        f"{name:29}{whole['fidelity']:9.4f}{whole['noise_floor']:9.4f}"
        f"{faint['over_floor']:8.3f}{faint['chi2_red_median']:8.3f}"
        f"{measured['ds_aug']:8.3f}{measured['ds_rand']:8.3f}{measured['ratio']:8.4f}"
        f"{'' if seconds is None else f'{seconds / 60:.2f}':>8}"
    )
