"""Builds an atlas, in stages that a killed run does not repeat.

Stages: encode, neighbours, flow, maps, catalogue. Each leaves its result in a folder beside the
destination; when all are there the folder takes the destination's name.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from data.arrays import FloatArray
from data.atomic import partial_folder
from data.json_file import read_json, write_json
from data.partial.folder import held
from data.source import open_source, sha256_of
from data.spectra import SpectrumSource
from data.survey import Survey
from model.atlas.atlas import CONDITIONAL_FLOW, FLOW, REASONS
from model.atlas.config import AtlasConfig
from model.atlas.embedding import EmbeddingConfig, choose_settings
from model.atlas.encoding import (
    check_redshifts,
    encode_source,
    latent_columns,
    residual_windows,
    rest_range,
)
from model.atlas.latent_scores import conditions
from model.atlas.maps.fitting import map_maker
from model.atlas.neighbours import Neighbours, find_neighbours
from model.atlas.score_record import BESIDE, score_records
from model.atlas.scores import SCORES
from model.atlas.stage import kept
from model.atlas.survey_reasons import explain_strangest
from model.atlas.survey_scores import add_survey_scores
from model.atlas.working_folder import WORK, begin, check_destination, copy_model, finish
from model.atlas.writer import portable_reference, write_catalog, write_info
from model.density.fit import fit_flow
from model.density.flow import FlowReport, LatentFlow
from model.device import choose_device
from model.interface import SpectrumModel
from model.properties.known import KnownProperty, learn_properties, property_columns
from model.refinement.refine import N_STEP
from model.refinement.support import Support, latent_support
from model.store.storage import load_model, read_model_info
from model.verdict import verdict

MIN_OBJECTS = 50
STORED_NEIGHBOURS = 32
"""Neighbours of each object kept in the atlas; t-SNE uses more while it is built."""


def build_atlas(config: AtlasConfig) -> None:
    """Build an atlas of a survey on disk; see `make_atlas`."""
    survey = Survey(config.survey)
    on_demand = survey.info.get("provenance", {}).get("source")
    make_atlas(open_source(on_demand) if config.compact and on_demand else survey, config)


def make_atlas(source: SpectrumSource, config: AtlasConfig, *, progress: bool = True) -> None:
    """Encode a source and lay out all that the explorer shows.

    Args:
        source: The spectra; `config.survey` is not looked at.
        config: Settings.
        progress: Show what is being done.

    Raises:
        ValueError: The destination exists, there are fewer than 50 objects, or model and
            spectra do not fit together, or an object has no redshift.
    """
    out = config.out.resolve()
    if len(source) < MIN_OBJECTS:
        raise ValueError(f"an atlas needs at least {MIN_OBJECTS} objects, got {len(source)}")
    check_redshifts(source)
    folder = partial_folder(out)
    with held(folder, out=out):
        check_destination(out)
        begin(folder, source, read_model_info(config.model), config)
        copy_model(config.model, folder / "model", half=config.compact)
        model = load_model(folder / "model", device=choose_device(config.device))
        _Builder(source, model, read_model_info(folder / "model"), config, folder, progress).run()
        finish(folder, out)


@dataclass(frozen=True)
class _Builder:
    """The stages, and what they share."""

    source: SpectrumSource
    model: SpectrumModel
    model_info: dict[str, Any]
    config: AtlasConfig
    folder: Path
    progress: bool

    @property
    def _blocks(self) -> Path:
        """Where finished blocks of the encoding are."""
        return self.folder / WORK / "encode"

    def run(self) -> None:
        """Run every stage that has not left its result yet."""
        n_fitted = min(len(self.source), self.config.map_sample)
        settings, notes = choose_settings(n_fitted, seed=self.config.seed)
        with self._stage("encode"):
            support = self._support() if self.config.refine else None
            encoded = encode_source(
                self.source, self.model, self._blocks, support=support, jobs=self.config.jobs,
                scheduler=self.config.scheduler, progress=self.progress,
            )  # fmt: skip
        latents = encoded[latent_columns(self.model.n_latent)].to_numpy(np.float32)
        with self._stage("neighbours"):
            neighbours = self._neighbours(latents, settings.k if n_fitted == len(latents) else 0)
        with self._stage("flow"):
            flow, report = self._flow(latents)
            encoded["neg_log_p"] = -flow.log_p(latents).astype(np.float32)
            encoded["neg_log_p_rank"] = -flow.log_p_rank(latents).astype(np.float32)
            if self.config.flow.flow_conditional:
                encoded["neg_log_p_conditional"] = self._conditional(encoded, latents)
        maker = map_maker(latents, settings, n_sample=self.config.map_sample, jobs=self.config.jobs)
        maps = maker.make(self.config.map_names, neighbours, self.folder / WORK, self._stage)
        with self._stage("quality of the maps"):
            quality = maker.quality(maps)
        if maker.sampled:
            notes.append(
                f"UMAP and t-SNE are fitted to {n_fitted} objects, the others placed among them."
            )
        with self._stage("catalogue"):
            add_survey_scores(
                encoded, latents, neighbours, self.folder, residual_windows(self._blocks),
                rest_range=rest_range(self.model), seed=self.config.seed,
            )  # fmt: skip
            strangeness = encoded["strangeness"].to_numpy(float)
            reasons = explain_strangest(self.source, self.model, latents, strangeness)
            reasons.explainer.save(self.folder / REASONS)
            known = learn_properties(self.source.catalog, latents)
            told = pd.DataFrame(property_columns(known, self.source.catalog, latents))
            encoded = pd.concat([encoded, reasons.columns, told], axis=1)
            replaced = write_catalog(self.source, encoded, maps, self.folder / "catalog.parquet")
            if replaced:
                notes.append(f"Columns of the survey replaced by the atlas: {', '.join(replaced)}.")
            self._write_info(settings, notes, flow, report, support, known, quality)
            neighbours.first(min(STORED_NEIGHBOURS, neighbours.k)).save(
                self.folder / "neighbours.npz"
            )
        if self.progress:
            sys.stderr.write(
                f"{verdict(float(np.nanmedian(encoded['chi2_red'].to_numpy()))).text}\n"
            )

    def _support(self) -> Support:
        """Return where the survey's latents lie, before any is refined."""
        return kept(
            self.folder / WORK / "support.json",
            make=lambda: latent_support(self.model, self.source),
            save=lambda support, path: write_json(path, support.to_dict()),
            load=lambda path: Support.from_dict(read_json(path, what="support of latents")),
        )

    def _neighbours(self, latents: FloatArray, for_maps: int) -> Neighbours:
        """Return the graph, of as many neighbours as the atlas keeps, or its maps want."""
        k = min(len(latents) - 1, max(for_maps, STORED_NEIGHBOURS))
        return kept(
            self.folder / WORK / "neighbours.npz",
            make=lambda: find_neighbours(
                latents, k=k, workers=self.config.jobs, progress=self.progress
            ),
            save=lambda graph, path: graph.save(path),
            load=Neighbours.load,
        )

    def _flow(
        self, latents: FloatArray, name: str = FLOW, given: FloatArray | None = None
    ) -> tuple[LatentFlow, FlowReport]:
        """Return a flow and how its training went, conditional if anything is given."""
        record = self.folder / WORK / f"{name}.json"

        def make() -> tuple[LatentFlow, FlowReport]:
            config = self.config.flow.config(seed=self.config.seed)
            return fit_flow(latents, config, given=given, progress=self.progress)

        def save(made: tuple[LatentFlow, FlowReport], path: Path) -> None:
            made[0].save(path)
            write_json(record, asdict(made[1]))

        def load(path: Path) -> tuple[LatentFlow, FlowReport]:
            return LatentFlow.load(path), FlowReport(**read_json(record, what="flow report"))

        return kept(self.folder / name, make=make, save=save, load=load)

    def _conditional(self, encoded: pd.DataFrame, latents: FloatArray) -> FloatArray:
        """Return -log p of latents among objects of the same redshift and S/N."""
        z = self.source.catalog["z"].to_numpy(float)
        given = conditions(z, encoded["snr"].to_numpy(float))
        flow, _ = self._flow(latents, CONDITIONAL_FLOW, given)
        return -flow.log_p(latents, given).astype(np.float32)

    def _write_info(
        self, settings: EmbeddingConfig, notes: list[str], flow: LatentFlow, report: FlowReport,
        support: Support | None, known: dict[str, KnownProperty],
        quality: dict[str, dict[str, Any]],
    ) -> None:  # fmt: skip
        about: dict[str, Any] = {
            "name": self.config.name or self.config.out.resolve().name,
            "n_object": len(self.source),
            "source": portable_reference(self.source, self.config.out.resolve()),
            "model": {
                "kind": self.model.kind,
                "n_latent": self.model.n_latent,
                "weights_sha256": self.model_info["weights_sha256"],
            },
            "flow": asdict(flow.config) | asdict(report),
            "seed": self.config.seed,
            "notes": notes,
        }
        about["checksums"] = {
            path.name: sha256_of(path) for path in sorted(self.folder.glob("*.safetensors"))
        }
        about["properties"] = {name: item.calibration.to_dict() for name, item in known.items()}
        path = self.folder / "catalog.parquet"
        columns = pq.read_schema(path).names
        scores = [score for score in SCORES if score.column in columns]
        needed = [
            *(score.column for score in scores),
            *(name for name in BESIDE if name in columns),
        ]
        records = score_records(pd.read_parquet(path, columns=list(dict.fromkeys(needed))), scores)
        about["score_records"] = {name: record.to_dict() for name, record in records.items()}
        if support is not None:
            about["refinement"] = {"support": support.to_dict(), "steps": N_STEP}
        write_info(self.folder / "atlas.json", about, settings, flow, scores, quality)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        """Say how long a stage took."""
        start = time.perf_counter()
        yield
        if self.progress:
            sys.stderr.write(f"{name}: {time.perf_counter() - start:.1f} s\n")
