"""The model card: README.md beside the weights, for whoever is given the folder.

write_card(path)    # after training, and again when `evaluate` has measured more
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.atomic import replacing
from data.grid import NORM_RANGE
from data.json_file import read_json
from model.store.storage import read_model_info
from model.verdict import training_verdict

EVALUATION = Path("evaluation", "evaluation.json")
CARD = "README.md"
GROUPS = ("by_snr", "by_outlier", "by_latents")
_PARTS = ("train", "valid", "test", "all")


def write_card(path: Path) -> None:
    """Write the card of the model in `path` from its model.json and, if there, its evaluation.

    Raises:
        ValueError: The folder holds no model, or its evaluation is damaged.
    """
    info = read_model_info(path)
    measured = {}
    if (path / EVALUATION).exists():
        measured = read_json(path / EVALUATION, what="evaluation")
        if measured.get("model", {}).get("weights_sha256") != info["weights_sha256"]:
            measured = {}  # of weights that were here before
    training = info["training"]
    lines = [f"# {info['kind'].upper()} of galaxy spectra", ""]
    if judged := training_verdict(info):
        lines += [judged.text, ""]
    lines += _table(("what", "value"), _facts(info, training))
    if measured:
        lines += ["", "## Measured", "", *_evaluation(measured)]
    elif info["metrics"]:
        metrics = {name: f"{value:.4g}" for name, value in info["metrics"].items()}
        lines += ["", "## Measured at the end of training", "", *_table(("what", "value"), metrics)]
    lines += ["", "## Use", "", *_use(info)]
    with replacing(path / CARD) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _facts(info: Mapping[str, Any], training: Mapping[str, Any]) -> dict[str, str]:
    config = training.get("config", {})
    made_by = {
        name: value
        for name, value in training.get("provenance", {}).items()
        if not isinstance(value, (dict, list))
    }
    seconds = training.get("seconds")
    split = training.get("split", {})
    imported = training.get("imported", {})
    facts = {
        "latents": info["config"].get("n_latent"),
        "recipe": config.get("config"),
        "started from": _before(training.get("started_from", {})),
        "losses": not imported
        and f"fidelity 1, similarity {config.get('similarity', 0):g}, "
        f"consistency {config.get('consistency', 0):g}"
        + (", distances scale-free" if config.get("scale_free") else ""),
        "imported from": _inline(imported),
        "survey": _inline(made_by),
        "objects": ", ".join(f"{split[name]} {name}" for name in _PARTS if name in split),
        "seed": training.get("seed"),
        "trained for": f"{seconds / 60:.0f} minutes" if seconds else None,
        "date": training.get("date"),
        "made with": _inline(training.get("versions", {})),
        "weights (SHA-256)": info["weights_sha256"],
    }
    return {name: str(value) for name, value in facts.items() if value not in (None, "", {}, False)}


def _before(started: Mapping[str, Any]) -> str:
    if not started:
        return ""
    minutes = started["seconds"] / 60
    return f"a model trained for {minutes:.0f} minutes (recipe {started['config'] or 'none'})"


def _evaluation(measured: Mapping[str, Any]) -> list[str]:
    fidelity, names = measured["fidelity"], ("n", "fidelity", "noise_floor", "chi2_red_median")
    head = "| | objects | fidelity | of noise alone | median reduced chi2 |"
    rows = [head, "|---|---:|---:|---:|---:|"]
    for group in (fidelity, *(measured.get(name, {}) for name in GROUPS)):
        for name, row in group.items():
            rows.append(f"| {name} | " + " | ".join(f"{row[key]:.4g}" for key in names) + " |")
    rows += [
        "",
        f"Redshift invariance (Liang+2023, Table 1; {measured['part']} part): "
        f"<ds_aug> {measured['ds_aug']:.3g}, <ds_rand> {measured['ds_rand']:.3g}, "
        f"ratio {measured['ratio']:.3f}; similarity {measured['similarity']:.3g}, "
        f"consistency {measured['consistency']:.3g}.",
        *_refined(measured),
        f"S/N bins are of the {measured['part']} part. Measured {measured['date']}.",
    ]
    return rows


def _refined(measured: Mapping[str, Any]) -> list[str]:
    """Return what refined latents give, if that was measured."""
    if "refined" not in measured:
        return []
    refined, part = measured["refined"], measured["part"]
    return [
        f"With refined latents ({part} part): "
        f"fidelity {refined['fidelity'][part]['fidelity']:.4g}, "
        f"<ds_aug> {refined['ds_aug']:.3g}, <ds_rand> {refined['ds_rand']:.3g}, "
        f"ratio {refined['ratio']:.3f}."
    ]


def _use(info: Mapping[str, Any]) -> list[str]:
    lines = [
        "```python",
        "from model.store.storage import load_model",
        "",
        "model = load_model(FOLDER)",
        "latents = model.encode(spectra)  # data.spectra.Spectra on the grid it was trained on",
        "rest = model.decode(latents)  # on model.wave_rest, vacuum Angstrom",
        "```",
        "",
        f"Flux is {_norm(info['training'])}; the redshift is known.",
    ]
    if info["training"].get("provenance", {}).get("source", {}).get("kind") == "mock":
        lines.append(
            "It learnt from mock galaxies only: take its latents of real spectra as a first look, "
            "and train on your own survey for results."
        )
    return lines


def _norm(training: Mapping[str, Any]) -> str:
    """Return how the spectra of a training were normalised."""
    stated = training.get("normalisation")
    stated = stated if isinstance(stated, Mapping) else {}
    if stated.get("statistic") == "none":
        return "as observed, not normalised"
    low, high = stated.get("rest_range", NORM_RANGE)
    return f"divided by its median over rest-frame {low:.0f}-{high:.0f} Angstrom"


def _table(head: tuple[str, str], rows: Mapping[str, str]) -> list[str]:
    cells = [f"| {name} | {value} |".replace("\n", " ") for name, value in rows.items()]
    return [f"| {head[0]} | {head[1]} |", "|---|---|", *cells]


def _inline(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_inline(item)}" for name, item in value.items())
    return str(value)
