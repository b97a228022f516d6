"""What the figures of a model mean, in plain words: whether its map and scores can be read.

verdict(1.05)            -> Verdict(True, "The reconstructions reach the noise ...")
training_verdict(info)   -> the same of a saved model, by its spectra that were not learnt from
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

GOOD, FAIR, ROUGH = 1.3, 2.0, 4.0
"""Median reduced chi2 up to which reconstructions reach the noise, come near it, are rough."""
OVERFITTED = 1.5
"""Median reduced chi2 of new spectra over that of spectra learnt from, from here on."""
FEW_STEPS = 1000
_UNSEEN = ("chi2_red_test", "chi2_red_valid")


class Verdict(NamedTuple):
    """A judgement of a model.

    Attributes:
        trusted: False where map and scores should not be read.
        text: The judgement, one or two sentences.
    """

    trusted: bool
    text: str


def verdict(chi2_red: float) -> Verdict:
    """Judge reconstructions by their median reduced chi2: 1 is noise alone, NaN unknown."""
    told = f"median reduced chi2 {chi2_red:.3g}, 1 is noise alone"
    if not math.isfinite(chi2_red):
        return Verdict(False, "No spectrum could be compared with its reconstruction.")
    if chi2_red <= GOOD:
        return Verdict(True, f"The reconstructions reach the noise of most spectra ({told}).")
    if chi2_red <= FAIR:
        return Verdict(True, f"The reconstructions come near the noise of most spectra ({told}).")
    if chi2_red <= ROUGH:
        text = f"The reconstructions are rough ({told}): read differences between scores with care."
        return Verdict(True, text)
    return Verdict(
        False,
        f"The model does not draw these spectra ({told}): do not read its map and scores. Train "
        "longer or with more spectra, and look at some residuals.",
    )


def training_verdict(info: Mapping[str, Any]) -> Verdict | None:
    """Judge a saved model by what was measured at the end of its training.

    Args:
        info: What model.json says.

    Returns:
        The verdict, None where nothing was measured (an imported model).
    """
    metrics, training = info.get("metrics") or {}, info.get("training") or {}
    learnt = metrics.get("chi2_red_train")
    unseen = next((metrics[name] for name in _UNSEEN if name in metrics), learnt)
    if unseen is None:
        return None
    trusted, text = verdict(unseen)
    if learnt is not None and unseen > OVERFITTED * learnt:
        text += (
            f" Spectra it learnt from are drawn better ({learnt:.3g}): it needs more of them, or "
            "--augmented 0.5."
        )
    steps = training.get("steps")
    few = steps is not None and steps < FEW_STEPS and not training.get("started_from")
    if unseen > GOOD and few:
        text += f" It took only {steps} steps: give it more --minutes or --epochs."
    return Verdict(trusted, text)
