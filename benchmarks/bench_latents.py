"""All that an atlas makes of latents alone, for as many objects as asked: time and highest memory.

    python -m benchmarks latents --objects 10000000 --folder /data/latents

The latents are drawn from the demo's flow, so they crowd and spread as those of galaxies do. Every
stage leaves its result in the folder; a run that was killed goes on after the last finished one.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from benchmarks.memory import forget_peak, memory
from data.arrays import FloatArray
from model.atlas.config import MAP_SAMPLE
from model.atlas.embedding import choose_settings
from model.atlas.latent_scores import LOF_NEIGHBOURS, local_outlier_factor
from model.atlas.maps.fitting import map_maker
from model.atlas.neighbours import Neighbours, find_neighbours
from model.atlas.stage import kept, kept_array
from model.density.fit import fit_flow
from model.density.flow import LatentFlow
from model.density.network import FlowConfig
from model.isolation import fit_forest

DEMO = Path(__file__).parents[1] / "data" / "demo"
N_NEIGHBOUR = 32
SEED = 1


def main(argv: Sequence[str] = ()) -> None:
    """Print the time and the highest memory of each stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where results are kept; default: nowhere")
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 = all cores")
    options = parser.parse_args(argv)
    folder = options.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _stages(folder, options.objects, options.jobs)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def _stages(folder: Path, n_object: int, jobs: int) -> None:
    print(f"{n_object:,} latents, {psutil.cpu_count()} cores", flush=True)
    with _stage("draw"):
        latents = kept_array(folder / "latents.npy", lambda: _draw(n_object))
    with _stage("neighbours"):
        graph = kept(
            folder / "neighbours.npz",
            make=lambda: find_neighbours(latents, k=N_NEIGHBOUR, workers=jobs, progress=True),
            save=lambda made, path: made.save(path),
            load=Neighbours.load,
        )
    with _stage("local outlier factor"):
        few = graph.first(LOF_NEIGHBOURS)
        kept_array(folder / "lof.npy", lambda: local_outlier_factor(latents, few))
    with _stage("isolation forest"):
        kept_array(folder / "isolation.npy", lambda: fit_forest(latents, seed=SEED).score(latents))
    settings, _ = choose_settings(min(n_object, MAP_SAMPLE), seed=SEED)
    maker = map_maker(latents, settings, n_sample=MAP_SAMPLE, jobs=jobs)
    maps = maker.make(("pca", "umap"), graph, folder, _stage)
    with _stage("quality of the maps"):
        quality = maker.quality(maps)["umap"]
    print(f"UMAP: {quality}", flush=True)
    with _stage("flow"):
        flow = kept(
            folder / "flow.safetensors",
            make=lambda: fit_flow(latents, FlowConfig(seed=SEED), progress=True)[0],
            save=lambda made, path: made.save(path),
            load=LatentFlow.load,
        )
    with _stage("-log p"):
        kept_array(folder / "neg_log_p.npy", lambda: -flow.log_p(latents).astype(np.float32))


def _draw(n_object: int) -> FloatArray:
    return LatentFlow.load(DEMO / "flow.safetensors").sample(n_object, seed=SEED)


@contextmanager
def _stage(name: str) -> Iterator[None]:
    """Print how long a stage took, and the highest memory of this process in it."""
    forget_peak()
    start, used = time.perf_counter(), sum(psutil.Process().cpu_times()[:2])
    yield
    seconds = time.perf_counter() - start
    used = sum(psutil.Process().cpu_times()[:2]) - used
    highest = memory("VmHWM") / 1e3
    print(f"{name:24}{seconds:9.1f} s{used:9.1f} s of CPU{highest:8.2f} GB", flush=True)
