"""The folder of a model while it is trained: what it may hold before, and who writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.partial.folder import held
from model.training.config import (
    CHECKPOINT,
    SEARCH,
    SEARCH_CONFIG,
    STAGES,
    TrainConfig,
    is_unfinished,
)
from model.training.processes import is_first_process

LEFT = frozenset({"history.csv", "tensorboard", CHECKPOINT.parts[0], STAGES.name, SEARCH.name})
"""What a training leaves that is stopped before its first checkpoint."""


@contextmanager
def training_folder(config: TrainConfig) -> Iterator[None]:
    """Hold the folder of a model to be trained; of several processes, the first does.

    Raises:
        ValueError: Another command is writing it, or it holds what would be overwritten.
    """
    if config.out.exists() and not config.out.is_dir():
        raise ValueError(f"{config.out} is not a folder; choose another --out")
    if not is_first_process():
        yield
        return
    with held(config.out, out=config.out):
        _check(config)
        yield


def check_unsaved(out: Path) -> None:
    """Refuse to replace a model that was saved since the training began.

    That happens on file systems without locks.

    Raises:
        ValueError: There is one.
    """
    if (out / "model.json").exists():
        raise ValueError(
            f"another command has saved a model to {out} meanwhile; move that elsewhere, and "
            "repeat this command with --resume"
        )


def _check(config: TrainConfig) -> None:
    """Refuse to overwrite a model, an unfinished training, or anything else."""
    out, is_searched = config.out, (config.out / SEARCH_CONFIG).exists()
    if (out / "model.json").exists() and not (config.search and is_searched):
        raise ValueError(f"{out} holds a finished model; choose another --out")
    if is_unfinished(out):
        if not config.resume:
            what = "a search" if is_searched else "an unfinished training"
            raise ValueError(f"{out} holds {what}; add --resume to go on")
        return
    for name in sorted(path.name for path in out.iterdir()):
        if name not in LEFT and not name.startswith(".") and not name.endswith(".partial"):
            raise ValueError(
                f"{out} holds something else than a training ({name}); choose another --out"
            )
