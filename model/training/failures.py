"""Errors of a training step, with what the user can do about them."""

from __future__ import annotations

from collections.abc import Callable

import torch

from data.spectra import SpectrumSource
from model.batches.batch import Batch
from model.training.any_objective import AnyObjective


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether an error of torch means that the memory of the device did not suffice."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def out_of_memory(trial: Callable[[int], None], *, n_spectra: int, world: int) -> ValueError:
    """Find by halving the batch that fits, and return the error that names it.

    Args:
        trial: Does a step with so many spectra.
        n_spectra: Spectra of one process that did not fit.
        world: Number of processes.
    """
    fits = n_spectra // 2
    while fits and not _fits(trial, fits):
        fits //= 2
    asked = n_spectra * world
    if not fits:
        return ValueError(
            f"out of memory with a batch of {asked} spectra, and of {world} too; close other "
            "programs, choose --precision bf16, or another --device"
        )
    return ValueError(
        f"out of memory with a batch of {asked} spectra; --batch-size {fits * world} fits"
    )


def _fits(trial: Callable[[int], None], n_spectra: int) -> bool:
    try:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        trial(n_spectra)
    except RuntimeError as error:
        if is_out_of_memory(error):
            return False
        raise
    return True


def not_finite(
    objective: AnyObjective, batch: Batch, source: SpectrumSource, *, step: int
) -> ValueError:
    """Return the error that names the objects whose spectra make the loss not finite.

    Args:
        objective: Model and losses, with the weights before the step.
        batch: Spectra of the step.
        source: Where they come from.
        step: Number of the step.
    """
    bad = [
        str(source.catalog["object_id"].iloc[int(batch.rows[index])])
        for index in range(len(batch.rows))
        if not _is_finite(objective, batch.part(slice(index, index + 1)))
    ]
    if bad and len(bad) < len(batch.rows):
        return ValueError(
            f"the loss is not finite at step {step}; these objects make it so: "
            f"{', '.join(bad[:20])}{' ...' if len(bad) > 20 else ''}; remove them from the survey"
        )
    return ValueError(
        f"the loss is not finite at step {step} and no single object is at fault "
        f"(batch: {', '.join(bad[:5]) or 'all finite'}); lower --learning-rate or use "
        "--precision fp32, then go on from the last checkpoint with --resume"
    )


def _is_finite(objective: AnyObjective, one: Batch) -> bool:
    with torch.no_grad():
        return bool(objective.misfit_each(one).isfinite().all())
