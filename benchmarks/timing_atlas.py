"""A large atlas to time the explorer on: made from the mock survey in minutes, then kept.

The catalogue is the mock survey's, and its spectra are made on demand, so every click does real
work with a SPENDER of full size. What would take hours is replaced: the latents are drawn from a
flow fitted to a few encoded spectra, and `umap` and `tsne` are projections of them with noise.
Above `BLOCK` objects, catalogue, latents and neighbours repeat.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from data.arrays import FloatArray
from data.json_file import read_json, write_json
from data.mock.objects import object_ids
from data.mock.survey import RECIPE, MockSurvey
from model.atlas.atlas import SCHEMA_VERSION
from model.atlas.embedding import EMBEDDINGS
from model.atlas.encoding import latent_columns
from model.atlas.latent_scores import LOF_NEIGHBOURS, local_outlier_factor
from model.atlas.neighbours import Neighbours, find_neighbours
from model.atlas.scores import SCORES
from model.atlas.writer import GROUP_ROWS, save_catalog
from model.density.fit import fit_flow
from model.density.flow import LatentFlow
from model.density.network import FlowConfig
from model.networks.config import SpenderConfig
from model.networks.spender import Spender
from model.store.storage import load_model, save_model
from model.training.guide_fit import fit_guide
from model.training.settings import LossSettings

BLOCK = 531_890
"""Objects of SDSS in Liang+2023; more are repeats of these."""
SEED = 5
N_ENCODED = 512
"""Spectra that the decoder is fitted to; the flow learns their latents."""
SPREAD = 0.15
"""Noise added to the maps, in standard deviations of the latents."""
FOLDER = Path(__file__).parent / "results" / "atlases"
"""Where atlases are kept; git ignores it."""


def timing_atlas(n_object: int) -> Path:
    """Return the folder of an atlas of `n_object` objects, made the first time."""
    path = FOLDER / f"mock-{n_object}-recipe-{RECIPE}"
    if not (path / "atlas.json").exists():
        partial = path.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        sys.stderr.write(f"making {path} (minutes, once)\n")
        _make(partial, n_object)
        partial.rename(path)
    return path


def _make(path: Path, n_object: int) -> None:
    if n_object > BLOCK:
        _make_of_blocks(path, n_object)
        return
    survey = MockSurvey(n=n_object, seed=SEED)
    model, flow = _model_and_flow(survey)
    latents = flow.sample(n_object, seed=SEED)
    graph = find_neighbours(latents, k=min(LOF_NEIGHBOURS, n_object - 1))
    columns = dict(zip(latent_columns(model.n_latent), latents.T, strict=True))
    catalog = survey.catalog.assign(**columns)
    catalog["neg_log_p"] = -flow.log_p(latents).astype(np.float32)
    catalog["lof"] = local_outlier_factor(latents, graph)
    _add_maps(catalog, flow, np.random.default_rng(SEED))
    save_catalog(catalog, path / "catalog.parquet")
    graph.save(path / "neighbours.npz")
    flow.save(path / "flow.safetensors")
    save_model(model, path / "model")
    write_json(path / "atlas.json", _info(path, survey, model, flow))


def _make_of_blocks(path: Path, n_object: int) -> None:
    """Repeat the atlas of `BLOCK` objects, a block at a time; only places on maps are new."""
    block, survey = timing_atlas(BLOCK), MockSurvey(n=n_object, seed=SEED)
    catalog = pd.read_parquet(block / "catalog.parquet")
    flow, model = LatentFlow.load(block / "flow.safetensors"), load_model(block / "model")
    assert isinstance(model, Spender)
    rng = np.random.default_rng(SEED)
    schema = pa.Schema.from_pandas(catalog, preserve_index=False)
    starts = range(0, n_object, BLOCK)
    with pq.ParquetWriter(path / "catalog.parquet", schema, compression="zstd") as writer:
        for start in tqdm(starts, desc="catalogue"):
            some = catalog.iloc[: n_object - start].copy()
            some["object_id"] = object_ids(SEED, np.arange(start, start + len(some)))
            _add_maps(some, flow, rng)
            table = pa.Table.from_pandas(some, schema=schema, preserve_index=False)
            writer.write_table(table, row_group_size=GROUP_ROWS)
    _repeat(Neighbours.load(block / "neighbours.npz"), n_object, path / "neighbours.npz")
    shutil.copy(block / "flow.safetensors", path)
    shutil.copytree(block / "model", path / "model")
    write_json(path / "atlas.json", _info(path, survey, model, flow))


def _add_maps(catalog: pd.DataFrame, flow: LatentFlow, rng: np.random.Generator) -> None:
    for number, item in enumerate(EMBEDDINGS):
        catalog[item.x], catalog[item.y] = _map(catalog, flow, number, rng)


def _model_and_flow(survey: MockSurvey) -> tuple[Spender, LatentFlow]:
    """Return a SPENDER whose decoder fits the survey, and a flow over the latents."""
    config = SpenderConfig(grids={"sdss": survey.grid})
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = Spender(config)
    rows = np.linspace(0, len(survey) - 1, min(N_ENCODED, len(survey))).astype(np.int64)
    losses = LossSettings(similarity=1.0)
    guide = fit_guide(model, survey, rows, losses=losses, seed=SEED)
    if guide is None:
        raise ValueError(f"a timing atlas needs more objects, got {len(survey)}")
    spectra = survey.read(rows.tolist())
    tensors = (torch.tensor(item) for item in (spectra.flux, spectra.ivar, spectra.z))
    latents = guide(*tensors, grid=survey.grid).numpy()
    return model, fit_flow(latents, FlowConfig(seed=SEED, max_passes=30))[0]


def _map(
    catalog: pd.DataFrame, flow: LatentFlow, number: int, rng: np.random.Generator
) -> FloatArray:
    """Return positions on a map, shape (2, n_object): a projection of the latents, with noise."""
    latents = catalog[latent_columns(len(flow.mean))].to_numpy(np.float32)
    axes = np.linalg.qr(np.random.default_rng(number).normal(size=(latents.shape[1], 2)))[0]
    plane = ((latents - flow.mean) / flow.std).astype(np.float32) @ axes.astype(np.float32)
    return (plane + rng.normal(0, SPREAD, plane.shape)).astype(np.float32).T


def _repeat(graph: Neighbours, n_object: int, path: Path) -> None:
    """Write a graph again and again: neighbours lie in the same copy, or in the one before."""
    n_block = len(graph)
    with ZipFile(path, "w") as archive:
        for name, values in (("indices", graph.indices), ("distances", graph.distances)):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {
                    "descr": values.dtype.str, "fortran_order": False,
                    "shape": (n_object, graph.k),
                }  # fmt: skip
                np.lib.format.write_array_header_1_0(file, header)
                for start in tqdm(range(0, n_object, n_block), desc=name):
                    some = values[: n_object - start]
                    if name == "indices":
                        some = some + np.int32(start)
                        some = np.where(some < n_object, some, some - np.int32(n_block))
                    file.write(some.tobytes())


def _info(path: Path, survey: MockSurvey, model: Spender, flow: LatentFlow) -> dict[str, Any]:
    weights = read_json(path / "model" / "model.json", what="model")["weights_sha256"]
    return {
        "schema_version": SCHEMA_VERSION,
        "name": f"timing atlas of {len(survey):,} mock galaxies",
        "n_object": len(survey),
        "source": json.loads(json.dumps(survey.reference())),
        "embeddings": [asdict(item) | {"settings": {}} for item in EMBEDDINGS],
        "scores": [
            score.to_dict() for score in SCORES if score.column in ("neg_log_p", "lof")
        ],
        "latent_mean": flow.mean.tolist(),
        "latent_std": flow.std.tolist(),
        "model": {"kind": model.kind, "n_latent": model.n_latent, "weights_sha256": weights},
        "seed": SEED,
        "settings": {},
        "versions": {},
        "notes": [
            "For timing alone: the model is not trained, the latents are drawn from a flow, the "
            "maps are projections of the latents with noise."
        ],
    }  # fmt: skip
