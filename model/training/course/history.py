"""What a training reports: history.csv, a progress bar, TensorBoard."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data.atomic import replacing
from model.training.course.position import Position

LOSSES = (
    "loss", "fidelity", "similarity", "consistency", "misfit", "divergence", "discrepancy",
)  # fmt: skip
"""Of SPENDER and of dense autoencoders; the cells of losses that a model has not are empty."""
COLUMNS = (
    "step",
    "epoch",
    "seconds",
    "learning_rate",
    "k1",
    "spectra_per_s",
    "gradient_norm",
    "train_guide",
    *(f"{part}_{name}" for part in ("train", "valid") for name in LOSSES),
)

Row = dict[str, float]


def validation_row(position: Position, valid: Row, *, seconds: float, n_batch: int) -> Row:
    """Return what a validation finds, as a row of the history.

    Args:
        position: Where the training is.
        valid: Means of the validation losses, by name.
        seconds: Training time before it.
        n_batch: Batches of an epoch.
    """
    means = position.means()
    elapsed = max(seconds - position.last_valid_seconds, 1e-9)
    return {
        "step": position.step,
        "epoch": round(position.epoch + position.batch / n_batch, 4),
        "seconds": round(seconds, 2),
        "spectra_per_s": round(position.n_summed / elapsed, 2),
        "gradient_norm": means.pop("gradient_norm", 0.0),
        **{f"train_{name}": value for name, value in means.items()},
        **{f"valid_{name}": value for name, value in valid.items()},
    }


class History:
    """One row for each validation, in history.csv and, if wanted, TensorBoard.

    A resumed training drops the rows after its checkpoint, which it makes again.
    """

    def __init__(self, folder: Path, *, keep_to_step: int, tensorboard: bool) -> None:
        """Open the history.

        Args:
            folder: The model's folder.
            keep_to_step: Rows of later steps are dropped.
            tensorboard: Write to `folder`/tensorboard too.
        """
        self._path = folder / "history.csv"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row for row in read_history(self._path) if row["step"] <= keep_to_step]
        with (
            replacing(self._path) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        self._board: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=keep_to_step + 1)

    def add(self, row: Row) -> None:
        """Append a row."""
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)
        if self._board is not None:
            for name, value in row.items():
                self._board.add_scalar(name.replace("_", "/", 1), value, int(row["step"]))

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._board is not None:
            self._board.close()


def read_history(path: Path) -> list[Row]:
    """Return the rows of a history.csv; none if there is no such file. Absent values are left out.

    A last line that a kill cut short is left out too.
    """
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        lines = [line for line in file if line.endswith("\n")]
    return [
        {name: float(value) for name, value in row.items() if value}
        for row in csv.DictReader(lines)
    ]


class ProgressBar:
    """Live progress of a training: share done, time left, losses, spectra per second."""

    def __init__(self, *, visible: bool, start: float = 0.0) -> None:
        """Start the bar.

        Args:
            visible: False in all processes but the first.
            start: Share done by earlier runs.
        """
        self._bar = tqdm(
            total=1.0,
            initial=start,
            miniters=0,
            desc="train",
            disable=not visible,
            file=sys.stderr,
            mininterval=0.5 if sys.stderr.isatty() else 30,
            bar_format="{desc} {percentage:5.1f}%|{bar:20}| {elapsed}<{remaining}{postfix}",
        )

    def update(self, progress: float, values: dict[str, float]) -> None:
        """Move to a share of the training, with what to show beside it."""
        self._bar.set_postfix(
            {name: f"{value:.4g}" for name, value in values.items()}, refresh=False
        )
        self._bar.update(progress - self._bar.n)

    def close(self) -> None:
        """End the bar."""
        self._bar.close()
