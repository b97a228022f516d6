"""The training loop: steps, validation, checkpoints; one process or many, on any device.

`accelerate` brings devices, processes and mixed precision; start several processes with
`accelerate launch -m model train ...`. Random numbers of a step follow from (seed, step, process),
the order of the spectra from (seed, epoch), so that a resumed training repeats the interrupted one.
"""

from __future__ import annotations

import math
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, reduce
from torch import Tensor

from model.losses import slope_schedule
from model.store.checkpoints import (
    load_optimizer,
    optimizer_tensors,
    read_checkpoint,
    with_prefix,
    without_prefix,
    write_checkpoint,
)
from model.training.batches import Batch, BatchLoader
from model.training.failures import is_out_of_memory, not_finite, out_of_memory
from model.training.history import History, ProgressBar
from model.training.objective import Objective
from model.training.optimizer import MuonAdamW, hidden_matrices
from model.training.position import Position
from model.training.schedule import Clock, guidance, one_cycle
from model.training.stop_signals import stop_signals

VALID_K1 = 5.0
"""Slope of the similarity loss in validation, so that epochs compare (Liang+2023, Table 1)."""
_VALID_SEED = 2**32


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """How to train.

    Attributes:
        n_step: Optimiser steps; None = as many as `limit` allows.
        limit: Seconds; None = as long as `n_step` takes.
        learning_rate: Highest of the 1cycle.
        weight_decay: Decoupled, of all weights.
        clip: Largest norm of the gradient of the batch-mean loss.
        k1_max: Highest slope of the similarity loss.
        k1_cycles: Saw-teeth of its inverse annealing.
        valid_every: Steps between two validations.
        patience: Validations without improvement that end the training; 0 = never.
        checkpoint_seconds: Time between two checkpoints.
        seed: Of order and augmentation.
        tensorboard: Write TensorBoard files too.
    """

    n_step: int | None
    limit: float | None
    learning_rate: float
    weight_decay: float
    clip: float
    k1_max: float
    k1_cycles: int
    valid_every: int
    patience: int
    checkpoint_seconds: float
    seed: int
    tensorboard: bool = False


class Trainer:
    """Trains the model of an objective; `run` returns its best weights."""

    def __init__(
        self,
        objective: Objective,
        *,
        accelerator: Accelerator,
        train: BatchLoader,
        valid: BatchLoader,
        settings: TrainerSettings,
        folder: Path,
        facts: dict[str, Any],
        compiled: bool = False,
    ) -> None:
        """Prepare, and go on from the folder's checkpoint if it has one.

        Args:
            objective: Model and losses.
            accelerator: Device, precision, processes.
            train: Batches to learn from.
            valid: Batches that decide which weights are best.
            settings: How to train.
            folder: Of the model; gets history.csv and checkpoints/.
            facts: What checkpoints shall say (JSON-ready): `config`, the settings; `objects`, a
                digest of what is learnt from, and `guided`, whether there is a guide: both must
                be those of a checkpoint gone on from.
            compiled: Use `torch.compile` for the networks.
        """
        self.accelerator, self.settings, self.facts = accelerator, settings, facts
        self.train, self.valid, self.folder = train, valid, folder
        self.model = objective.model
        self.world, self.rank = accelerator.num_processes, accelerator.process_index
        self.position = Position()
        self.best: dict[str, Tensor] = {}
        objective.to(accelerator.device)
        optimizer = MuonAdamW(
            [item for item in objective.parameters() if item.requires_grad],
            hidden_matrices(objective.model),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            dtype=torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32,
        )
        self._plain = objective
        self._untried = objective.guide is not None  # a guided step takes less memory at first
        scaler_state = self._load(optimizer) if self.checkpoint.is_file() else None
        if compiled:  # the losses hold numbers that change with every step
            for network in (*objective.model.encoders.values(), objective.model.decoder):
                network.compile(dynamic=False)
        self.objective, self.optimizer = accelerator.prepare(objective, optimizer)
        if scaler_state and accelerator.scaler is not None:
            accelerator.scaler.load_state_dict(scaler_state)
        self.clock = Clock(
            n_step=settings.n_step, limit=settings.limit, before=self.position.seconds
        )

    @property
    def checkpoint(self) -> Path:
        """The file that a resumed training starts from."""
        return self.folder / "checkpoints" / "last.safetensors"

    def run(self) -> dict[str, Tensor]:
        """Train to the end and return the best weights.

        Raises:
            ValueError: A loss is not finite, or the memory does not suffice.
            KeyboardInterrupt: The user stopped it; a checkpoint was written.
        """
        main = self.accelerator.is_main_process
        if main:
            keep, board = self.position.step, self.settings.tensorboard
            history = History(self.folder, keep_to_step=keep, tensorboard=board)
        else:
            history = None
        bar = ProgressBar(shown=main, start=self.clock.progress(self.position.step))
        try:
            with stop_signals() as stopped:
                self._loop(history, bar, stopped)
        finally:
            bar.close()
            if history is not None:
                history.close()
        return self.best

    def _loop(self, history: History | None, bar: ProgressBar, stopped: threading.Event) -> None:
        position = self.position
        saved = self.clock.seconds
        while not position.done:
            for batch in self.train.epoch(position.epoch, first_batch=position.batch):
                progress, stop = self._agree(self.clock.progress(position.step), stopped.is_set())
                if progress < 1 and not stop:
                    self._step(batch, progress, bar)
                    progress, stop = self._agree(
                        self.clock.progress(position.step), stopped.is_set()
                    )
                ended = progress >= 1
                if ended or (position.step % self.settings.valid_every == 0 and position.n_summed):
                    self._validate(history, progress)
                    position.done = ended or 0 < self.settings.patience <= position.stale
                if position.done or stop or self._is_due(saved):
                    self._save()
                    saved = self.clock.seconds
                if stop and not position.done:
                    raise KeyboardInterrupt
                if position.done:
                    return
            position.epoch, position.batch = position.epoch + 1, 0

    def _step(self, batch: Batch, progress: float, bar: ProgressBar) -> None:
        """Do one optimiser step."""
        position, settings = self.position, self.settings
        rate, beta = one_cycle(progress, max_rate=settings.learning_rate)
        for group in self.optimizer.param_groups:
            group["lr"], group["betas"] = rate, (beta, group["betas"][1])
        k1 = slope_schedule(progress, settings.k1_max, settings.k1_cycles)
        self.objective.train()
        try:
            if self._untried:  # what does not fit must not fail hours later
                self._trial(batch, len(batch.z))
                self._untried = False
            losses = self._losses(batch, k1, position.step, guidance(progress))
            self.optimizer.zero_grad()
            self.accelerator.backward(losses["loss"])
            self._plain.rest(guidance(progress))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise out_of_memory(
                lambda n: self._trial(batch, n), n_spectra=len(batch.z), world=self.world
            ) from error
        norm = self.accelerator.clip_grad_norm_(self.objective.parameters(), settings.clip)
        assert norm is not None  # it is only with DeepSpeed
        values = self._mean(losses)
        scaled = self.accelerator.scaler is not None
        finite = all(map(math.isfinite, values.values())) and (scaled or math.isfinite(norm))
        if not finite:
            raise not_finite(self._plain, batch, self.train.source, step=position.step + 1)
        self.optimizer.step()
        known = float(norm) if math.isfinite(norm) else 0.0
        position.add_step({**values, "gradient_norm": known}, batch.n_global)
        speed = position.n_summed / max(self.clock.seconds - position.last_valid_seconds, 1e-9)
        bar.update(progress, {**values, "best": position.best_loss, "spectra/s": speed})

    def _losses(self, batch: Batch, k1: float, step: int, led: float = 0.0) -> dict[str, Tensor]:
        seed = np.random.SeedSequence((self.settings.seed, step, self.rank))
        generator = torch.Generator(self.accelerator.device)
        generator.manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
        return self.objective(batch, k1, generator, self.world, led)

    def _validate(self, history: History | None, progress: float) -> None:
        """Measure the validation losses at a fixed slope, note them, keep the best weights."""
        position = self.position
        sums: dict[str, float] = {}
        n_spectra = 0
        seconds = self.clock.seconds
        self.objective.eval()
        with torch.no_grad():
            for number, batch in enumerate(self.valid.in_order()):
                for name, value in self._mean(
                    self._losses(batch, VALID_K1, _VALID_SEED + number)
                ).items():
                    sums[name] = sums.get(name, 0.0) + value * batch.n_global
                n_spectra += batch.n_global
        valid = {name: value / n_spectra for name, value in sums.items()}
        if not math.isfinite(valid["loss"]):
            raise ValueError("the validation loss is not finite; lower --learning-rate")
        led = self._plain.guide is not None and guidance(progress) > 0
        if position.judge(valid["loss"], patient=led):  # led: what is to come was not yet learnt
            self.best = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in self.model.state_dict().items()
            }
        if history is not None:
            history.add(self._row(valid, progress, seconds))
        position.start_sums(self.clock.seconds)

    def _row(self, valid: dict[str, float], progress: float, seconds: float) -> dict[str, float]:
        position, settings = self.position, self.settings
        means = position.means()
        elapsed = max(seconds - position.last_valid_seconds, 1e-9)
        return {
            "step": position.step,
            "epoch": round(position.epoch + position.batch / len(self.train), 4),
            "seconds": round(seconds, 2),
            "learning_rate": one_cycle(progress, max_rate=settings.learning_rate)[0],
            "k1": slope_schedule(progress, settings.k1_max, settings.k1_cycles),
            "spectra_per_s": round(position.n_summed / elapsed, 2),
            "gradient_norm": means.pop("gradient_norm", 0.0),
            **{f"train_{name}": value for name, value in means.items()},
            **{f"valid_{name}": value for name, value in valid.items()},
        }

    def _save(self) -> None:
        """Write the checkpoint; the first process of all does."""
        self.position.seconds = self.clock.seconds
        if not self.accelerator.is_main_process:
            return
        scaler = self.accelerator.scaler
        tensors = {
            **with_prefix("model", self.model.state_dict()),
            **with_prefix("best", self.best),
            **with_prefix("optimizer", optimizer_tensors(self.optimizer)),
        }
        state = {
            "position": asdict(self.position),
            "scaler": None if scaler is None else scaler.state_dict(),
            **self.facts,
        }
        write_checkpoint(self.checkpoint, tensors, state)

    def _load(self, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
        """Take over the checkpoint; returns the state of the gradient scaler."""
        tensors, state = read_checkpoint(self.checkpoint)
        if state["objects"] != self.facts["objects"]:
            raise ValueError(
                f"{self.checkpoint} was made from other objects than this survey holds; resume "
                "with the same survey, or choose another --out"
            )
        if state.get("guided", False) != self.facts["guided"]:
            raise ValueError(
                f"the guide beside {self.checkpoint} is missing, or not its own; put "
                "guide.safetensors back, or choose another --out"
            )
        weights = without_prefix("model", tensors)
        if set(weights) != set(self.model.state_dict()):
            raise ValueError(
                f"{self.checkpoint} is of another network, or the model it started from has "
                "changed since; choose another --out"
            )
        self.model.load_state_dict(weights)
        self.best = without_prefix("best", tensors)
        load_optimizer(optimizer, without_prefix("optimizer", tensors))
        self.position = Position(**state["position"])
        if not self.position.counts:  # of an older version
            self.position.sums = {}
        return state["scaler"]

    def _is_due(self, saved: float) -> bool:
        return self.clock.seconds - saved >= self.settings.checkpoint_seconds

    def _agree(self, progress: float, stop: bool) -> tuple[float, bool]:
        """Return what the first process sees: clocks differ."""
        if self.world == 1:
            return progress, stop
        told = torch.tensor([progress, float(stop)], dtype=torch.float64)
        told = broadcast(told.to(self.accelerator.device))
        return float(told[0]), bool(told[1])

    def _mean(self, losses: dict[str, Tensor]) -> dict[str, float]:
        """Return the losses averaged over the processes."""
        stacked = torch.stack([value.detach().double() for value in losses.values()])
        if self.world > 1:
            stacked = cast(Tensor, reduce(stacked, reduction="mean"))
        return dict(zip(losses, stacked.tolist(), strict=True))

    def _trial(self, batch: Batch, n: int) -> None:
        """Do a step with `n` spectra, without changing the weights."""
        self.optimizer.zero_grad()
        generator = torch.Generator(self.accelerator.device)
        with self.accelerator.autocast():
            loss = self._plain(batch.part(slice(n)), VALID_K1, generator)["loss"]
        loss.backward()
        self.optimizer.zero_grad()
