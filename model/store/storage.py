"""A model on disk: a folder with model.safetensors (weights) and model.json (everything else).

    save_model(model, path, training={...}, metrics={...}, half=False)
    load_model(path, device="cpu") -> SpectrumModel
    read_model_info(path) -> dict of model.json

A class of models is stored by the two methods of `StoredModel`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from data.atomic import replacing
from data.json_file import read_json, write_json
from data.source import sha256_of
from model.interface import SpectrumModel, StoredModel
from model.kinds import KINDS

SCHEMA_VERSION = 1


def save_model(
    model: StoredModel,
    path: Path | str,
    *,
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Write a model; a folder that is there keeps its other files (history, checkpoints).

    Args:
        model: The model.
        path: Folder of the model.
        training: How it was trained (JSON-ready: recipe, survey, seeds).
        metrics: How good it is (JSON-ready).
        half: Store the weights as float16, half the size; they are loaded as float32.

    Raises:
        ValueError: The weights are not finite, or do not fit into float16 if `half`.
        OSError: They can not be written; the disk may be full.
    """
    path = Path(path)
    config, weights = model.to_parts()
    weights = {name: np.ascontiguousarray(_stored(name, w, half)) for name, w in weights.items()}
    path.mkdir(parents=True, exist_ok=True)
    with replacing(path / "model.safetensors") as partial:
        try:
            save_file(weights, str(partial), metadata={"format": "np"})
        except SafetensorError as error:  # it also stands for what the disk refuses
            raise OSError(f"the model can not be written to {path}: {error}") from error
        digest = sha256_of(partial)
    info = {
        "schema_version": SCHEMA_VERSION,
        "kind": model.kind,
        "config": config,
        "weights_sha256": digest,
        "training": dict(training or {}),
        "metrics": dict(metrics or {}),
    }
    write_json(path / "model.json", info)


def load_model(path: Path | str, *, device: torch.device | str = "cpu") -> SpectrumModel:
    """Open a model.

    Args:
        path: Folder that `save_model` wrote.
        device: Where a network shall run.

    Raises:
        ValueError: The folder is missing, incomplete, damaged, or of an unknown kind or version.
    """
    path = Path(path)
    info = read_model_info(path)
    try:
        content = (path / "model.safetensors").read_bytes()
        weights = {key: _restored(value) for key, value in load(content).items()}
    except FileNotFoundError as error:
        raise ValueError(f"{path} is not a complete model: it has no model.safetensors") from error
    except SafetensorError as error:
        raise ValueError(f"{path / 'model.safetensors'} can not be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != info["weights_sha256"]:
        raise ValueError(
            f"{path}: model.json describes other weights than model.safetensors holds; "
            "copy both files again"
        )
    try:
        model = KINDS[info["kind"]].from_parts(info["config"], weights)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path / 'model.json'} does not fit its weights: {error}") from error
    return cast("Any", model).to(device) if hasattr(model, "to") else model


def read_model_info(path: Path | str) -> dict[str, Any]:
    """Return what model.json says: kind, config, training, metrics.

    Raises:
        ValueError: It is missing, damaged, or of an unknown kind or version.
    """
    path = Path(path)
    info = read_json(path / "model.json", what="model")
    if info.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{path} has model schema {info.get('schema_version')}, this program reads "
            f"{SCHEMA_VERSION}"
        )
    if info.get("kind") not in KINDS:
        raise ValueError(f"{path}: kind must be one of {', '.join(KINDS)}, got {info.get('kind')}")
    missing = {"config", "weights_sha256", "training", "metrics"} - set(info)
    if missing:
        raise ValueError(f"{path / 'model.json'} lacks {', '.join(sorted(missing))}")
    return info


def _stored(name: str, weight: NDArray[Any], half: bool) -> NDArray[Any]:
    """Return a weight as it goes to disk."""
    if not np.issubdtype(weight.dtype, np.floating):
        return weight
    if not np.isfinite(weight).all():
        raise ValueError(f"weights must be finite to be saved, {name} is not")
    if not half:
        return weight
    if np.abs(weight).max(initial=0) > np.finfo(np.float16).max:
        raise ValueError(f"{name} does not fit into half precision; save with half=False")
    return weight.astype(np.float16)


def _restored(weight: NDArray[Any]) -> NDArray[Any]:
    return weight.astype(np.float32) if weight.dtype == np.float16 else weight
