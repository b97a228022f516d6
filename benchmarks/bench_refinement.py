"""Refining latents beside encoding them: SDSS spectra of the mock survey, the demo's model."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.pairs import time_pairs
from data.mock.survey import MockSurvey
from model.refinement.refine import refine
from model.refinement.support import Support
from model.store.storage import load_model

MODEL = Path(__file__).parents[1] / "data" / "demo" / "model"
N_GALAXY = 512


def main() -> None:
    """Print how many times the encoding a refinement takes."""
    model = load_model(MODEL)
    spectra = MockSurvey(n=N_GALAXY, seed=1).read(slice(0, N_GALAXY))
    latents = model.encode(spectra)
    support = Support.of(latents)
    pairs = time_pairs(
        lambda: model.encode(spectra), lambda: refine(model, spectra, latents, support), n_pair=5
    )
    print(f"{torch.get_num_threads()} threads, {N_GALAXY} spectra")
    print(f"refinement takes {pairs.speedup:.1f} times as long as encoding")
    print(f"  {pairs.line('encoding', 'refinement')}")


if __name__ == "__main__":
    main()
