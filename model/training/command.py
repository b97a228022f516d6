"""`python -m model train`: a survey in, a model out."""

from __future__ import annotations

import math
import sys
import time
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, get_type_hints

from data.commands import setting
from data.grid import REST_RANGE, WaveGrid, linear_grid
from data.survey import Survey
from model.splits import SPLIT_RULE, split_source
from model.store.card import write_card
from model.store.checkpoints import read_checkpoint
from model.store.storage import read_model_info, save_model
from model.training.trained import Fit, fidelities

RECIPES = Path(__file__).parent / "recipes"
TRAINERS: dict[str, str] = {
    "spender": "model.training.spender",
    "pca": "model.training.pca",
}
"""Kind of model -> module whose `train_model(config, source, splits)` trains it."""
CHECKPOINT = Path("checkpoints", "last.safetensors")
GUIDE = CHECKPOINT.with_name("guide.safetensors")
MAY_CHANGE = frozenset(
    {"survey", "out", "config", "device", "resume", "tensorboard", "checkpoint_minutes"}
    | {"memory_gb", "compiled"}
)
"""Settings that may differ when a training is resumed: they do not change what is learnt."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of a training."""

    survey: Path = setting(help="survey folder to learn from", positional=True)
    out: Path = setting(help="folder of the model to make")
    config: str | None = setting(
        default=None, help="recipe: a TOML file, or fidelity, full, two-latent, ... (see README)"
    )
    model: str = setting(default="spender", choices=tuple(TRAINERS), help="kind of model")
    latents: int = setting(default=6, help="number of latents")
    minutes: float = setting(
        default=0.0, help="train so long by the clock, the schedule included; 0 = see --epochs"
    )
    epochs: int = setting(
        default=0, help="passes over the data; 0 = as --minutes says, else 100 (3000 steps or more)"
    )
    batch_size: int = setting(
        default=0, help="spectra in a step; 0 = 64 on a CPU, 512 on a GPU, less for small surveys"
    )
    device: str = setting(default="auto", choices=("auto", "cpu", "cuda"), help="where to train")
    precision: str = setting(
        default="auto", choices=("auto", "fp32", "bf16", "fp16"), help="numbers of the networks"
    )
    resume: bool = setting(default=False, help="go on where an interrupted training stopped")
    seed: int = setting(default=1, help="of weights, order and augmentation")
    object_class: str = setting(default="GALAXY", help="class to learn from (any = all)")
    similarity: float = setting(default=0.0, help="weight of the similarity loss")
    consistency: float = setting(default=0.0, help="weight of the consistency loss")
    augmented: float = setting(
        default=-1.0,
        help="share of spectra reconstructed from an augmented version of themselves; -1 = half "
        "where there are less than 5000 to learn from, else none",
    )
    k0: float = setting(default=2.5, help="contrast of the similarity loss")
    k1: float = setting(default=5.0, help="highest slope of the similarity loss")
    k1_cycles: int = setting(default=10, help="times that the slope rises from 0")
    sigma: float = setting(default=0.1, help="tolerance of the consistency loss, in latents")
    scale_free: bool = setting(default=False, help="divide distances by their scale")
    z_max: float = setting(default=0.5, help="highest redshift of augmentation")
    noise: float = setting(default=0.05, help="share of pixels augmentation makes noisier")
    mask: float = setting(default=0.05, help="share of pixels augmentation masks")
    rest_pixels: int = setting(default=7000, help="pixels of the rest frame")
    rest_scale: str = setting(
        default="linear", choices=("linear", "log"), help="spacing of the rest frame"
    )
    rest_first: float = setting(
        default=REST_RANGE[0], help="first rest-frame wavelength, Angstrom; 0 = grid's / 1.6"
    )
    rest_last: float = setting(
        default=REST_RANGE[1], help="last rest-frame wavelength, Angstrom; 0 = the grid's"
    )
    hidden: tuple[int, ...] = setting(default=(256, 512, 1024), help="decoder's hidden layers")
    activation: str = setting(
        default="leaky_relu", choices=("leaky_relu", "speculator"), help="of the decoder"
    )
    lsf_size: int = setting(default=0, help="pixels of a learnt line-spread kernel; 0 = none")
    redshift_input: bool = setting(default=False, help="feed the redshift to the encoder")
    warm_start: bool = setting(
        default=True,
        help="start with a decoder that fits the data, and lead the encoder to its latents",
    )
    start_from: str = setting(
        default="",
        help="model folder to start from: go on with it, on this survey; a survey of another "
        "instrument gets an encoder of its own, into the same latent space; where several share "
        "the decoder, only the survey's own encoder is trained",
    )
    learning_rate: float = setting(default=1e-3, help="highest of the 1cycle schedule")
    weight_decay: float = setting(default=0.0, help="decoupled, of all weights")
    clip: float = setting(default=1.0, help="largest norm of the gradient of the mean loss")
    patience: int = setting(default=0, help="validations without gain that end it; 0 = never")
    valid_every: int = setting(
        default=0, help="steps between validations; 0 = an epoch, 20 to 1000 steps"
    )
    valid_max: int = setting(default=2048, help="spectra of a validation during training")
    checkpoint_minutes: float = setting(default=2.0, help="time between checkpoints")
    window_rows: int = setting(default=16384, help="spectra shuffled together when streamed")
    memory_gb: float = setting(
        default=-1.0,
        help="keep so many GB of spectra on the device; -1 = 40 % of a GPU, 25 % of RAM",
    )
    tensorboard: bool = setting(default=False, help="write TensorBoard files")
    compiled: bool = setting(
        default=False,
        help="compile the networks; on a CPU that gains nothing",
    )

    def __post_init__(self) -> None:
        """Refuse settings that make no sense, naming each."""
        at_least = {"latents": 1, "rest_pixels": 2, "valid_max": 1, "window_rows": 1, "seed": 0}
        at_least |= dict.fromkeys(("epochs", "minutes", "batch_size", "patience", "valid_every"), 0)
        at_least |= dict.fromkeys(("similarity", "consistency", "weight_decay", "k1_cycles"), 0)
        for name, least in at_least.items():
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        for name in ("learning_rate", "clip", "sigma", "k0", "k1", "z_max"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not (self.augmented == -1 or 0 <= self.augmented <= 1):
            raise ValueError(f"augmented must lie in 0..1 or be -1, got {self.augmented}")
        for name in ("noise", "mask"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in 0..1, got {getattr(self, name)}")

    @classmethod
    def from_options(cls, **given: Any) -> Self:  # noqa: ANN401
        """Build from the options given: they come before the recipe, the recipe before defaults.

        A resumed training keeps its settings; options may repeat but not change them.
        """
        recipe = read_recipe(given["config"]) if given.get("config") else {}
        checkpoint = Path(given["out"]) / CHECKPOINT
        if not (given.get("resume") and checkpoint.is_file()):
            return cls(**{**recipe, **given})
        stored = _typed(read_checkpoint(checkpoint)[1]["config"], source=str(checkpoint))
        asked = recipe | given
        changed = sorted(
            name for name in asked if name not in MAY_CHANGE and asked[name] != stored.get(name)
        )
        if changed:
            raise ValueError(
                f"a resumed training keeps its settings; {changed[0]} was "
                f"{stored.get(changed[0])}, got {asked[changed[0]]}: leave it out or choose "
                "another --out"
            )
        return cls(**{**stored, **asked})

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-ready values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        } | {"survey": str(self.survey), "out": str(self.out)}


def rest_grid(config: TrainConfig, grid: WaveGrid) -> WaveGrid:
    """Return the rest-frame grid of the settings for spectra on `grid`."""
    first = config.rest_first or float(grid.wave[0]) / 1.6
    last = config.rest_last or float(grid.wave[-1])
    if not 0 < first < last:
        raise ValueError(f"rest_first must lie below rest_last, got {first} and {last}")
    if config.rest_scale == "linear":
        return linear_grid(first, last, config.rest_pixels)
    step = math.log10(last / first) / (config.rest_pixels - 1)
    return WaveGrid(scale="log", start=math.log10(first), step=step, n_pixel=config.rest_pixels)


def read_recipe(name: str) -> dict[str, Any]:
    """Return the settings of a recipe: a TOML file, or one of those in `model/recipes`.

    Raises:
        ValueError: There is no such recipe, or it holds what is no setting.
    """
    own = RECIPES / f"{name}.toml"
    path = own if own.is_file() and not Path(name).is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(item.stem for item in RECIPES.glob("*.toml")))
        raise ValueError(f"--config must be a TOML file or one of {known}, got {name}")
    try:
        values = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    wrong = sorted({"survey", "out", "resume", "config"} & set(values))
    if wrong:
        raise ValueError(f"{path}: {', '.join(wrong)} belong on the command line")
    return _typed(values, source=str(path))


def _typed(values: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """Return settings with the types of `TrainConfig`; refuses unknown names and wrong types."""
    hints = get_type_hints(TrainConfig)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        near = get_close_matches(unknown[0], hints, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{source}: unknown setting {', '.join(unknown)}{hint}")
    choices = {item.name: item.metadata["choices"] for item in fields(TrainConfig)}
    typed: dict[str, Any] = {}
    for name, value in values.items():
        hint = hints[name]
        if hint is Path:
            value = Path(value)
        elif hint == tuple[int, ...]:
            if not isinstance(value, list) or any(type(item) is not int for item in value):
                raise ValueError(f"{source}: {name} must be a list of int, got {value!r}")
            value = tuple(value)
        elif hint is float and type(value) is int:
            value = float(value)
        elif hint in (int, float, bool, str) and type(value) is not hint:
            raise ValueError(f"{source}: {name} must be {hint.__name__}, got {value!r}")
        if choices[name] and value not in choices[name]:
            raise ValueError(f"{source}: {name} must be one of {choices[name]}, got {value!r}")
        typed[name] = value
    return typed


def started_from(path: str) -> dict[str, Any]:
    """Return what is known of the model a training starts from; empty without one."""
    if not path:
        return {}
    training = read_model_info(path)["training"]
    config = training.get("config", {})
    return {name: config.get(name) for name in ("config", "similarity", "consistency")} | {
        "seconds": training.get("seconds", 0.0)
    }


def train(config: TrainConfig) -> None:
    """Learn a model from a survey and save it.

    Raises:
        ValueError: The survey or a setting does not suit, or the training failed.
    """
    if (config.out / "model.json").exists():
        raise ValueError(f"{config.out} holds a finished model; choose another --out")
    if (config.out / CHECKPOINT).exists() and not config.resume:
        raise ValueError(f"{config.out} holds an unfinished training; add --resume to go on")
    if config.out.exists() and not config.out.is_dir():
        raise ValueError(f"{config.out} is not a folder; choose another --out")
    source = Survey(config.survey)
    first = rest_grid(config, source.grid).wave[0]
    splits = split_source(source, object_class=config.object_class, rest_first=first)
    fit: Fit = import_module(TRAINERS[config.model]).train_model
    start = time.monotonic()
    trained = fit(config, source, splits)
    if trained is None:  # another process saves
        return
    training = {
        "config": config.to_dict(),
        "seed": config.seed,
        "survey": source.reference(),
        "provenance": source.info.get("provenance", {}),
        "started_from": started_from(config.start_from),
        "split": {"rule": SPLIT_RULE, **{name: len(rows) for name, rows in splits.sets().items()}},
        "left_out": splits.left_out,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("torch", "accelerate", "numpy", "zarr")},
        "seconds": round(trained.seconds or time.monotonic() - start, 1),
        **trained.facts,
    }
    metrics = fidelities(trained.model, source, splits, limit=config.valid_max)
    save_model(trained.model, config.out, training=training, metrics=metrics)
    write_card(config.out)
    shown = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    sys.stderr.write(f"{config.out}: {shown}\n")
