"""The configuration of `python -m model train`: options, recipes, and what a checkpoint keeps."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from data.commands import flat_values, from_flat_values, setting, settings_of
from data.json_file import read_json
from model.dense.config import DENSE_KINDS
from model.kinds import KINDS
from model.networks.encoder import channels_of
from model.store.checkpoints import read_checkpoint
from model.training.settings import (
    DeviceSettings,
    LossSettings,
    NetworkSettings,
    OptimizerSettings,
    ReadingSettings,
    ScheduleSettings,
    check_least,
)

RECIPES = Path(__file__).parent / "recipes"
CHECKPOINT = Path("checkpoints", "last.safetensors")
"""Where a model's folder holds what a resumed training starts from."""
STAGES = Path("instruments")
"""Where a model's folder holds, while it is trained, those of its instruments one by one."""
STAGES_CONFIG = STAGES / "config.json"
SEARCH = Path("search")
"""Where a model's folder holds the trials of a random search."""
SEARCH_CONFIG = SEARCH / "config.json"
GUIDE = CHECKPOINT.with_name("guide.safetensors")
MAY_CHANGE = frozenset(
    {"survey", "out", "config", "device", "resume", "tensorboard", "checkpoint_minutes"}
    | {"memory_gb", "compiled", "search"}
)
"""Settings that may differ when a training is resumed: they do not change what is learnt."""

OF_SPENDER = frozenset(
    {"channels", "hidden", "activation", "lsf_size", "redshift_input", "warm_start", "start_from"}
    | set(settings_of(LossSettings))
) - {"mmd"}
"""Settings of SPENDER alone."""
OF_DENSE = frozenset({"layers", "dropout", "preparation"})
"""Settings of dense networks alone."""
OF_NETWORKS = (
    frozenset({"precision", "compiled", "tensorboard"})
    | set(settings_of(ScheduleSettings))
    | set(settings_of(OptimizerSettings))
    | set(settings_of(ReadingSettings))
) - {"valid_max"}
"""Settings of all that is trained step by step."""
OF_REST_FRAME = frozenset({"rest_pixels", "rest_scale", "rest_first", "rest_last"})


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of a training."""

    survey: Path = setting(help="survey folder to learn from", positional=True)
    out: Path = setting(help="folder of the model to make")
    config: str | None = setting(
        default=None,
        help="recipe: a TOML file, or fidelity, full, two-latent, ... (docs/tasks/train.md)",
    )
    model: str = setting(default="spender", choices=tuple(KINDS), help="kind of model")
    resume: bool = setting(default=False, help="go on where an interrupted training stopped")
    seed: int = setting(default=1, help="of weights, order and augmentation")
    object_class: str = setting(default="GALAXY", help="class to learn from (any = all)")
    network: NetworkSettings = NetworkSettings()
    losses: LossSettings = LossSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    reading: ReadingSettings = ReadingSettings()
    hardware: DeviceSettings = DeviceSettings()
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
    search: int = setting(
        default=0,
        help="train so many infovae of random sizes and lambda, one after another, and keep the "
        "best; 0 = train one",
    )
    tensorboard: bool = setting(default=False, help="write TensorBoard files")

    def __post_init__(self) -> None:
        """Refuse settings that make no sense."""
        check_least(self, seed=0, search=0)
        if self.losses.scale_free and self.reading.batch_size == 1:
            raise ValueError("scale_free needs a batch_size of at least 2, got 1")

    @classmethod
    def from_options(cls, **given: Any) -> Self:  # noqa: ANN401
        """Build from the options given: they come before the recipe, the recipe before defaults.

        A resumed training keeps its settings; options may repeat but not change them.
        """
        asked = (read_recipe(given["config"]) if given.get("config") else {}) | given
        out = Path(given["out"])
        if not (given.get("resume") and is_unfinished(out)):
            return from_flat_values(cls, asked)
        stored = from_flat_values(cls, _stored_settings(out))
        kept = flat_values(stored)
        changed = sorted(
            name for name in asked if name not in MAY_CHANGE and asked[name] != kept[name]
        )
        if changed:
            raise ValueError(
                f"a resumed training keeps its settings; {changed[0]} was "
                f"{kept[changed[0]]}, got {asked[changed[0]]}: leave it out or choose "
                "another --out"
            )
        return from_flat_values(cls, kept | asked)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings by name, without their groups, as JSON-ready values."""
        values = flat_values(self) | {"survey": str(self.survey), "out": str(self.out)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }


def read_recipe(name: str) -> dict[str, Any]:
    """Return the settings of a recipe: a TOML file, or one of those in `model/training/recipes`.

    Raises:
        ValueError: There is no such recipe, or it holds what is no setting.
    """
    own = RECIPES / f"{name}.toml"
    path = own if own.is_file() and not Path(name).is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(item.stem for item in RECIPES.glob("*.toml")))
        raise ValueError(f"--config must be a TOML file or one of {known}, got {name}")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    wrong = sorted({"survey", "out", "resume", "config"} & set(values))
    if wrong:
        raise ValueError(f"{path}: {', '.join(wrong)} belong on the command line")
    return _typed(values, source=str(path))


def ignored(config: TrainConfig) -> list[str]:
    """Return the settings that differ from their defaults and do nothing for the kind of model."""
    unused = {"mmd"} if config.model != "infovae" else set()
    if config.model != "spender":
        unused |= OF_SPENDER
    if config.model not in DENSE_KINDS:
        unused |= OF_DENSE
        if config.model != "spender":
            unused |= OF_NETWORKS
    elif config.network.preparation != "free":
        unused |= OF_REST_FRAME
    plain = flat_values(TrainConfig(survey=config.survey, out=config.out))
    given = flat_values(config)
    return [name for name, value in given.items() if name in unused and value != plain[name]]


def is_unfinished(out: Path) -> bool:
    """Return whether a model's folder holds a training that can be resumed."""
    return any((out / name).is_file() for name in (CHECKPOINT, STAGES_CONFIG, SEARCH_CONFIG))


def _stored_settings(out: Path) -> dict[str, Any]:
    """Return the settings of an interrupted training.

    Checkpoints written before they held the encoder's channels tell them by their weights.
    """
    for stored in (out / SEARCH_CONFIG, out / STAGES_CONFIG):
        if stored.is_file():
            return _typed(read_json(stored, what="training"), source=str(stored))
    checkpoint = out / CHECKPOINT
    tensors, state = read_checkpoint(checkpoint)
    values = dict(state["config"])
    if "channels" not in values:
        values["channels"] = list(channels_of(tensors))
    return _typed(values, source=str(checkpoint))


def _typed(values: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """Return settings with the types of `TrainConfig`; refuses unknown names and wrong types."""
    settings = settings_of(TrainConfig)
    unknown = sorted(set(values) - set(settings))
    if unknown:
        near = get_close_matches(unknown[0], settings, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{source}: unknown setting {', '.join(unknown)}{hint}")
    typed: dict[str, Any] = {}
    for name, value in values.items():
        field, hint = settings[name]
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
        choices = field.metadata["choices"]
        if choices and value not in choices:
            raise ValueError(f"{source}: {name} must be one of {choices}, got {value!r}")
        typed[name] = value
    return typed
