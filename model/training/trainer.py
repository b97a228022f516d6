"""The training loop: steps, validation, checkpoints; one process or many, on any device.

`accelerate` brings devices, processes and mixed precision; start several processes with
`accelerate launch -m model train ...`. Random numbers of a step follow from (seed, step, process),
the order of the spectra from (seed, epoch), so that a resumed training repeats the interrupted one.
"""

from __future__ import annotations

import math
import threading
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from model.batches.batch import Batch
from model.batches.loader import BatchLoader
from model.losses import SLOPE
from model.training.any_objective import AnyObjective
from model.training.config import CHECKPOINT, TrainConfig
from model.training.course.history import History, ProgressBar, validation_row
from model.training.course.schedule import FLAT_VALIDATIONS, Clock, guidance, learning_rate
from model.training.course.state import TrainingState
from model.training.course.stop_signals import stop_signals
from model.training.failures import is_out_of_memory, not_finite, out_of_memory
from model.training.optimizer import make_optimizer
from model.training.processes import agree, mean_over_processes

_VALID_SEED = 2**32


class Trainer:
    """Trains the model of an objective; `train` returns its best weights."""

    def __init__(
        self,
        objective: AnyObjective,
        *,
        config: TrainConfig,
        accelerator: Accelerator,
        train_batches: BatchLoader,
        valid_batches: BatchLoader,
        n_step: int | None,
        limit: float | None,
        facts: dict[str, Any],
    ) -> None:
        """Prepare, and go on from the folder's checkpoint if it has one.

        Args:
            objective: Model and losses.
            config: Settings; `schedule.valid_every` must be settled.
            accelerator: Device, precision, processes.
            train_batches: Batches to learn from.
            valid_batches: Batches that decide which weights are best.
            n_step: Optimiser steps; None = as many as `limit` allows.
            limit: Seconds; None = as long as `n_step` takes.
            facts: What checkpoints shall say; see `TrainingState`.
        """
        self.accelerator, self.config = accelerator, config
        self.train_batches, self.valid_batches = train_batches, valid_batches
        objective.to(accelerator.device)
        optimizer = make_optimizer(
            objective.model,
            config.optimizer,
            dtype=torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32,
        )
        path = config.out / CHECKPOINT
        self.state = TrainingState(objective.model, optimizer, path=path, facts=facts)
        scaler_state = self.state.load() if path.is_file() else None
        self._plain = objective
        self._untried = objective.guide is not None  # a guided step takes less memory at first
        if config.hardware.compiled:  # the losses hold numbers that change with every step
            for network in objective.model.networks():
                network.compile(dynamic=False)
        self.objective, self.optimizer = accelerator.prepare(objective, optimizer)
        if scaler_state and accelerator.scaler is not None:
            accelerator.scaler.load_state_dict(scaler_state)
        self.clock = Clock(n_step=n_step, limit=limit, before=self.state.position.seconds)

    def train(self) -> dict[str, Tensor]:
        """Train to the end and return the best weights.

        Raises:
            ValueError: A loss is not finite, or the memory does not suffice.
            KeyboardInterrupt: The user stopped it; a checkpoint was written.
        """
        main, step = self.accelerator.is_main_process, self.state.position.step
        history = None
        if main:
            history = History(
                self.config.out, keep_to_step=step, tensorboard=self.config.tensorboard
            )
        bar = ProgressBar(visible=main, start=self.clock.progress(step))
        try:
            with stop_signals() as stopped:
                self._loop(history, bar, stopped)
        finally:
            bar.close()
            if history is not None:
                history.close()
        return self.state.best

    def _loop(self, history: History | None, bar: ProgressBar, stopped: threading.Event) -> None:
        position, schedule = self.state.position, self.config.schedule
        saved = self.clock.seconds
        while not position.done:
            for batch in self.train_batches.epoch(position.epoch, first_batch=position.batch):
                progress, stop = self._progress(stopped)
                if progress < 1 and not stop:
                    self._step(batch, progress, bar)
                    progress, stop = self._progress(stopped)
                ended = progress >= 1
                if ended or (position.step % schedule.valid_every == 0 and position.n_summed):
                    self._validate(history, progress)
                    position.done = ended or 0 < schedule.patience <= position.stale
                due = self.clock.seconds - saved >= schedule.checkpoint_minutes * 60
                if position.done or stop or due:
                    self._save()
                    saved = self.clock.seconds
                if stop and not position.done:
                    raise KeyboardInterrupt
                if position.done:
                    return
            position.epoch, position.batch = position.epoch + 1, 0

    def _progress(self, stopped: threading.Event) -> tuple[float, bool]:
        """Return the share of the training that is done, and whether to stop."""
        done = self.clock.progress(self.state.position.step)
        return agree(self.accelerator, done, stopped.is_set())

    def _step(self, batch: Batch, progress: float, bar: ProgressBar) -> None:
        """Do one optimiser step."""
        position, settings = self.state.position, self.config.optimizer
        rate, beta = self._rate(progress)
        for group in self.optimizer.param_groups:
            group["lr"], group["betas"] = rate, (beta, group["betas"][1])
        losses = self._gradients(batch, progress)
        most = settings.clip or math.inf
        norm = self.accelerator.clip_grad_norm_(self.objective.parameters(), most)
        assert norm is not None  # it is only with DeepSpeed
        values = mean_over_processes(self.accelerator, losses)
        scaled = self.accelerator.scaler is not None
        finite = all(map(math.isfinite, values.values())) and (scaled or math.isfinite(norm))
        if not finite:
            source = self.train_batches.source
            raise not_finite(self._plain, batch, source, step=position.step + 1)
        self.optimizer.step()
        known = float(norm) if math.isfinite(norm) else 0.0
        position.add_step({**values, "gradient_norm": known}, batch.n_global)
        speed = position.n_summed / max(self.clock.seconds - position.last_valid_seconds, 1e-9)
        bar.update(progress, {**values, "best": position.best_loss, "spectra/s": speed})

    def _rate(self, progress: float) -> tuple[float, float]:
        """Return learning rate and Adam's beta1 of the next step."""
        settings, drops = self.config.optimizer, self.state.position.drops
        return learning_rate(
            settings.rate_schedule, progress, drops, max_rate=settings.learning_rate
        )

    def _gradients(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Compute the losses and their gradients.

        Raises:
            ValueError: The memory does not suffice.
        """
        k1, led = self.config.losses.slope(progress), guidance(progress)
        self.objective.train()
        try:
            if self._untried:  # fail now, not hours later, if an unguided step does not fit
                self._trial(batch, len(batch.z))
                self._untried = False
            losses = self._losses(batch, k1, self.state.position.step, led)
            self.optimizer.zero_grad()
            self.accelerator.backward(losses["loss"])
            self._plain.clear_decoder_gradients(led)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise out_of_memory(
                lambda n: self._trial(batch, n),
                n_spectra=len(batch.z),
                world=self.accelerator.num_processes,
            ) from error
        return losses

    def _losses(self, batch: Batch, k1: float, step: int, led: float = 0.0) -> dict[str, Tensor]:
        """Compute the losses with the random numbers of a step and this process."""
        rank = self.accelerator.process_index
        seed = np.random.SeedSequence((self.config.seed, step, rank))
        generator = torch.Generator(self.accelerator.device)
        generator.manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
        return self.objective(batch, k1, generator, self.accelerator.num_processes, led)

    def _trial(self, batch: Batch, n: int) -> None:
        """Do a step with `n` spectra, without changing the weights."""
        self.optimizer.zero_grad()
        generator = torch.Generator(self.accelerator.device)
        with self.accelerator.autocast():
            loss = self._plain(batch.part(slice(n)), SLOPE, generator)["loss"]
        loss.backward()
        self.optimizer.zero_grad()

    def _validate(self, history: History | None, progress: float) -> None:
        """Measure the validation losses, note them, keep the best weights.

        The slope of the similarity loss is fixed, so that epochs compare (Liang+2023, Table 1).
        """
        position = self.state.position
        sums: dict[str, float] = {}
        n_spectra = 0
        seconds = self.clock.seconds
        self.objective.eval()
        compiled = self.config.hardware.compiled  # for the sizes of training; others take minutes
        as_written = torch.compiler.set_stance("force_eager") if compiled else nullcontext()
        with torch.no_grad(), as_written:
            for number, batch in enumerate(self.valid_batches.in_order()):
                losses = self._losses(batch, self.config.losses.k1, _VALID_SEED + number)
                for name, value in mean_over_processes(self.accelerator, losses).items():
                    sums[name] = sums.get(name, 0.0) + value * batch.n_global
                n_spectra += batch.n_global
        valid = {name: value / n_spectra for name, value in sums.items()}
        if not math.isfinite(valid["loss"]):
            raise ValueError("the validation loss is not finite; lower --learning-rate")
        led = self._plain.guide is not None and guidance(progress) > 0
        if position.judge(valid["loss"], patient=led):  # guided: the losses improve later
            self.state.keep_best()
        elif position.stale and position.stale % FLAT_VALIDATIONS == 0:
            position.drops += 1
        if history is not None:
            row = validation_row(position, valid, seconds=seconds, n_batch=len(self.train_batches))
            rate, k1 = self._rate(progress)[0], self.config.losses.slope(progress)
            history.add({**row, "learning_rate": rate, "k1": k1})
        position.start_sums(self.clock.seconds)

    def _save(self) -> None:
        """Write the checkpoint; the first process of all does."""
        self.state.position.seconds = self.clock.seconds
        if self.accelerator.is_main_process:
            scaler = self.accelerator.scaler
            self.state.save(None if scaler is None else scaler.state_dict())
