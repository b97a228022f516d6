"""Settings of a training that do nothing for its kind of model."""

from __future__ import annotations

from data.commands import flat_values, settings_of
from model.dense.config import DENSE_KINDS
from model.training.config import TrainConfig
from model.training.settings import (
    LossSettings,
    OptimizerSettings,
    ReadingSettings,
    ScheduleSettings,
)

SPENDER = frozenset(
    {"channels", "hidden", "activation", "lsf_size", "redshift_input", "warm_start", "start_from"}
    | set(settings_of(LossSettings))
) - {"mmd"}
"""Settings of SPENDER alone."""
DENSE = frozenset({"layers", "dropout", "preparation"})
"""Settings of dense networks alone."""
NETWORKS = (
    frozenset({"precision", "compiled", "tensorboard"})
    | set(settings_of(ScheduleSettings))
    | set(settings_of(OptimizerSettings))
    | set(settings_of(ReadingSettings))
) - {"valid_max"}
"""Settings of all that is trained step by step."""
REST_FRAME = frozenset({"rest_pixels", "rest_scale", "rest_first", "rest_last"})


def ignored(config: TrainConfig) -> list[str]:
    """Return the settings that differ from their defaults and are not used, in order."""
    unused = {"mmd"} if config.model != "infovae" else set()
    if config.model != "spender":
        unused |= SPENDER
    if config.model not in DENSE_KINDS:
        unused |= DENSE
        if config.model != "spender":
            unused |= NETWORKS
    elif config.network.preparation != "free":
        unused |= REST_FRAME
    plain = flat_values(TrainConfig(survey=config.survey, out=config.out))
    given = flat_values(config)
    return [name for name, value in given.items() if name in unused and value != plain[name]]
