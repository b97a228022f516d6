"""SPENDER beside spender 0.3 from PyPI: the same weights, the same spectra, the same run.

On a GPU where there is one. `python -m benchmarks.bench_networks 64` runs the training step with
64 spectra; it needs 12 GB with the default of 256, nearly all of it for spender.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from benchmarks.memory import forget_peak, memory
from benchmarks.pairs import time_pairs
from data.grid import INSTRUMENTS, REST_RANGE, WaveGrid, linear_grid, log_grid
from data.mock.survey import MockSurvey
from model.augment import augment
from model.device import choose_device, multiplies_bf16
from model.losses import (
    consistency_loss,
    fidelity_loss,
    normalise_rest,
    rest_weight,
    similarity_loss,
)
from model.networks.redshift import redshift
from model.networks.spender import Spender
from model.store.spender_files import read_spender_checkpoint, write_spender_checkpoint
from model.training.optimizer import MuonAdamW, hidden_matrices

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # invalid escapes in its docstrings
    import spender
    from spender.loss import LossConfig, get_losses, similarity_restframe_loss

GRID = INSTRUMENTS["sdss"]
LINEAR = linear_grid(*REST_RANGE, 7000)
SETTINGS = LossConfig(similarity_slope=5.0, restframe_sigma=1000)
N_PAIR = 5
DEVICE = choose_device("auto")
WARM_UP = 0 if DEVICE.type == "cpu" else 2
"""Pairs run first: a GPU chooses and loads its kernels then."""
HALF = multiplies_bf16(DEVICE)
"""Whether bfloat16 is worth timing here: emulated it takes minutes."""
SKIPPED = "skipped: bfloat16 takes a GPU, AVX-512 BF16 or AMX that multiplies in it"


class Sdss(spender.instrument.BaseInstrument):
    """The SDSS as spender wants it."""

    def __init__(self) -> None:
        """Give it the wavelengths of the SDSS."""
        super().__init__(torch.tensor(GRID.wave, dtype=torch.float32))


@dataclass
class Twins:
    """The same network, ours and spender's."""

    ours: Spender
    theirs: spender.SpectrumAutoencoder


def twins(rest_grid: WaveGrid = LINEAR) -> Twins:
    """Return the two networks with the same (random, seeded) weights."""
    torch.manual_seed(0)
    wave = torch.tensor(rest_grid.wave, dtype=torch.float32)
    theirs = spender.SpectrumAutoencoder(Sdss(), wave, n_latent=6).to(DEVICE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spender.pt"
        torch.save({"model": theirs.state_dict()}, path)
        return Twins(read_spender_checkpoint(path, GRID).to(DEVICE), theirs)


def trained_twins(n_step: int = 40) -> Twins:
    """Return the two networks after a short training, which spreads the latents."""
    pair, (flux, ivar, z) = twins(), batch(192)
    adam = torch.optim.Adam(pair.ours.parameters(), 1e-3)
    for rows in (torch.arange(24) + 24 * (step % 8) for step in range(n_step)):
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=HALF):
            result = pair.ours(flux[rows], z[rows])
        adam.zero_grad()
        fidelity_loss(flux[rows], ivar[rows], result.flux, result.valid).backward()
        adam.step()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spender.pt"
        write_spender_checkpoint(pair.ours, path)
        pair.theirs.load_state_dict(torch.load(path, weights_only=True)["model"])
    return pair


def batch(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return flux, inverse variance and redshift of mock galaxies."""
    spectra = MockSurvey(n=n, seed=1).read(slice(0, n))
    arrays = (spectra.flux, spectra.ivar, spectra.z)
    flux, ivar, z = (
        torch.tensor(np.asarray(array, dtype=np.float32), device=DEVICE) for array in arrays
    )
    return flux, ivar, z


def finished(work: Callable[[], object]) -> Callable[[], None]:
    """Return work that is over, on a GPU too, when its call returns."""

    def call() -> None:
        work()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()

    return call


def compare(
    name: str, ours: Callable[[], object], theirs: Callable[[], object], *, n: int, **options: int
) -> None:
    """Time two ways to handle `n` spectra, and print a line."""
    timing = time_pairs(finished(ours), finished(theirs), **options)
    speed = n / median(timing.ours)
    print(f"{name}: {timing.line('ours', 'spender')}; ours {speed:,.0f} spectra/s")


def bench_redshift() -> None:
    """Rest frame to observed frame, 256 spectra."""
    z = torch.linspace(0.0, 0.5, 256, device=DEVICE)
    for rest_grid in (log_grid(*REST_RANGE), LINEAR):
        pair = twins(rest_grid)
        rest = pair.ours.decode_tensor(torch.randn(256, 6, device=DEVICE)).detach()
        instrument = pair.theirs.encoder.instrument

        def ours(rest: Tensor = rest, grid: WaveGrid = rest_grid) -> Tensor:
            return redshift(rest, z, source=grid, target=GRID)[0]

        def theirs(
            rest: Tensor = rest,
            pair: Twins = pair,
            instrument: spender.instrument.BaseInstrument = instrument,
        ) -> Tensor:
            return pair.theirs.decoder.transform(rest, instrument=instrument, z=z)

        difference = (ours() - theirs()).abs().max()
        compare(
            f"redshift, {rest_grid.scale} rest grid", ours, theirs, n=256, n_pair=2 * N_PAIR + 1
        )
        print(f"  largest difference {difference:.1e}")


def _our_similarity(model: Spender, latents: Tensor) -> Tensor:
    wave = torch.tensor(model.wave_rest, dtype=torch.float32, device=DEVICE)
    weight = rest_weight(wave, amplitude=1.0, width=2**0.5 * SETTINGS.restframe_sigma)
    rest = normalise_rest(model.decode_tensor(latents), wave)
    slope = SETTINGS.similarity_slope
    return similarity_loss(latents, rest, weight, 2.5, slope, scale_free=True)


def _backward(loss: Callable[[Tensor], Tensor]) -> float:
    latents = torch.randn(256, 6, generator=torch.Generator().manual_seed(1)).to(DEVICE)
    latents.requires_grad_()
    value = loss(latents)
    value.backward()
    return value.item()


def _similarity(which: str) -> Callable[[], float]:
    pair = twins()
    if which == "ours":
        return lambda: _backward(lambda latents: _our_similarity(pair.ours, latents))

    def theirs(latents: Tensor) -> Tensor:
        loss = similarity_restframe_loss(pair.theirs, latents, config=SETTINGS)
        assert isinstance(loss, Tensor)  # a tuple only where parts are asked for
        return loss

    return lambda: _backward(theirs)


def similarity_memory(which: str) -> float:
    """Return the peak memory above that of the idle network, MB; run in a fresh process."""
    work = _similarity(which)
    if DEVICE.type == "cuda":
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    forget_peak()
    before = memory("VmRSS")
    work()
    return memory("VmHWM") - before


def bench_similarity() -> None:
    """Similarity loss of 256 spectra, decoder and gradient included."""
    ours, theirs = _similarity("ours"), _similarity("theirs")
    diagonal = 2 / (1 + np.exp(2.5))  # spender leaves out i = j and sums over one index
    print(f"similarity: values {256 * ours() - diagonal:.7g} and {theirs():.7g}")
    compare("  decoder and gradient", ours, theirs, n=256, n_pair=N_PAIR, warm_up=WARM_UP)
    peaks = []
    for which in ("ours", "theirs"):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            peaks.append(pool.submit(similarity_memory, which).result())
    print(f"  peak memory {peaks[0]:.0f} MB and {peaks[1]:.0f} MB: {peaks[1] / peaks[0]:.0f} times")


def bench_encoding() -> None:
    """Spectra to latents, 64 at a time (1024 on a GPU)."""
    n = 64 if DEVICE.type == "cpu" else 1024
    pair, (flux, _, _) = trained_twins(), batch(n)

    def theirs() -> Tensor:
        with torch.inference_mode():
            return pair.theirs.encode(flux)

    reference = theirs()
    for name, half in (("float32", False), ("bfloat16", True)):
        if half and not HALF:
            print(f"encoding, {name}: {SKIPPED}")
            continue

        def ours(half: bool = half) -> Tensor:
            with torch.inference_mode(), torch.autocast(DEVICE.type, torch.bfloat16, enabled=half):
                return pair.ours.encode_tensor(flux)

        error = (ours() - reference).square().mean(0).sqrt() / reference.std(0)
        compare(f"encoding, {name}", ours, theirs, n=n, n_pair=N_PAIR, warm_up=WARM_UP)
        print(f"  r.m.s. difference over spread of the latents: {error.max():.1e} (worst latent)")


def bench_training_step(n: int = 256) -> None:
    """Three losses, gradients and a step: of our optimiser, of spender's Adam."""
    pair, (flux, ivar, z) = twins(), batch(n)
    weight = rest_weight(torch.tensor(pair.ours.wave_rest, dtype=torch.float32, device=DEVICE))
    generator = torch.Generator(DEVICE).manual_seed(1)

    def augmented(_: object = None) -> tuple[Tensor, Tensor, Tensor]:
        return augment(flux, ivar, z, GRID, generator)

    matrices = hidden_matrices(pair.ours)
    optimizers = {
        half: MuonAdamW(
            pair.ours.parameters(),
            matrices,
            lr=1e-4,
            dtype=torch.bfloat16 if half else torch.float32,
        )
        for half in (False, True)
    }
    their_adam = torch.optim.Adam(pair.theirs.parameters(), 1e-4)

    def ours(half: bool) -> None:
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=half):
            result = pair.ours(flux, z)
            loss = fidelity_loss(flux, ivar, result.flux, result.valid)
            loss = loss + similarity_loss(result.latents, result.rest, weight)
            loss = loss + consistency_loss(
                result.latents, pair.ours.encode_tensor(augmented()[0]), scale_free=True
            )
        optimizers[half].zero_grad()
        loss.backward()
        optimizers[half].step()

    def theirs() -> None:
        losses = get_losses(
            pair.theirs,
            pair.theirs.encoder.instrument,
            (flux, ivar, z),
            aug_fct=augmented,
            loss_config=SETTINGS,
        )
        their_adam.zero_grad()
        fidelity, similarity, consistency = (torch.as_tensor(loss) for loss in losses[:3])
        (fidelity + 3 * similarity + consistency).backward()
        their_adam.step()

    for name, half in (("float32", False), ("bfloat16", True)):
        if half and not HALF:
            print(f"training step of {n}, {name}: {SKIPPED}")
            continue
        compare(
            f"training step of {n}, {name}",
            lambda half=half: ours(half),
            theirs,
            n=n,
            n_pair=N_PAIR,
            warm_up=WARM_UP,
        )


def bench_decoding() -> None:
    """One latent to one spectrum, as when a slider moves."""
    pair, latents = twins(), np.zeros((1, 6), dtype=np.float32)
    tensor = torch.tensor(latents, device=DEVICE)

    def theirs() -> Tensor:
        with torch.inference_mode():
            return pair.theirs.decode(tensor)

    compare(
        "decoding one latent", lambda: pair.ours.decode(latents), theirs, n=1, n_pair=51, warm_up=3
    )


def main(n: int = 256) -> None:
    """Run everything; `n` spectra in the training step."""
    where = f"{torch.get_num_threads()} threads"
    if DEVICE.type == "cuda":
        where = torch.cuda.get_device_name()
    print(f"{where}, torch {torch.__version__}")
    bench_redshift()
    bench_decoding()
    bench_encoding()
    bench_similarity()
    bench_training_step(n)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
