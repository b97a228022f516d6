"""Joins a second survey to an atlas: its objects lie on the same maps, scored by the same measures.

Maps, flow and scores are those of the first survey; nothing is learnt from the second. Spectra may
be of another instrument, if the atlas's model has an encoder for it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import FloatArray
from data.joined import JoinedSource, join_catalogs
from data.json_file import write_json
from data.partial.folder import made_beside
from data.spectra import SpectrumSource
from model.atlas.atlas import Atlas
from model.atlas.encoding import encode_source, latent_columns, residual_windows
from model.atlas.neighbours import find_neighbours
from model.atlas.survey_reasons import MOST_EXPLAINED
from model.atlas.working_folder import WORK
from model.atlas.writer import portable_reference, save_catalog
from model.placement.placer import N_NEIGHBOUR, Placer
from model.residuals.reasons import reason_columns
from model.residuals.windows import Windows

SURVEY = "survey"
"""Column that tells of which survey an object is."""
ROWS_AT_ONCE = 16_384
REMADE = ("catalog.parquet", "atlas.json", "neighbours.npz", WORK)
"""Files of the joined atlas that are not copied from the first."""
PERSONAL = ("recovery", "tracks", "labels*")


def join_survey(
    atlas: Atlas, survey: SpectrumSource, out: Path, *, name: str, progress: bool = True
) -> None:
    """Write an atlas of all objects of another and those of a survey.

    Args:
        atlas: The first; it stays as it is.
        survey: Its spectra are placed.
        out: Folder of the joined atlas.
        name: What the survey is called in the column `survey`.
        progress: Show bars.

    Raises:
        ValueError: The destination exists, an object is in both, or the model does not encode the
            survey's spectra.
    """
    out = out.resolve()
    source = JoinedSource([atlas.source, survey])
    with made_beside(out) as folder:
        left_out = shutil.ignore_patterns(*REMADE, *PERSONAL)
        shutil.copytree(atlas.path, folder, ignore=left_out, dirs_exist_ok=True)
        rows = _Joined(atlas, survey, folder / WORK, progress).rows()
        shutil.rmtree(folder / WORK)
        names = atlas.catalog[SURVEY] if SURVEY in atlas.catalog else atlas.name
        catalog = join_catalogs([atlas.catalog.assign(**{SURVEY: names}), rows.assign(survey=name)])
        save_catalog(catalog, folder / "catalog.parquet")
        latents = catalog[latent_columns(atlas.latents.shape[1])].to_numpy(np.float32)
        find_neighbours(latents, k=atlas.neighbours.k, progress=progress).save(
            folder / "neighbours.npz"
        )
        note = (
            f"The {len(rows)} objects of {name} were placed in the atlas {atlas.name}, whose maps, "
            "densities and thresholds these are."
        )
        write_json(folder / "atlas.json", atlas.info | {
            "name": out.name, "n_object": len(catalog), "source": portable_reference(source, out),
            "notes": [*atlas.info.get("notes", []), note],
        })  # fmt: skip


@dataclass(frozen=True)
class _Joined:
    """Makes the catalogue rows of a survey's objects in an atlas."""

    atlas: Atlas
    survey: SpectrumSource
    work: Path
    progress: bool

    def rows(self) -> pd.DataFrame:
        """Return one row per object: columns of the survey, and all that the atlas tells of it."""
        placer = Placer(self.atlas)
        encoded = encode_source(
            self.survey, self.atlas.model, self.work / "encode", progress=self.progress,
            support=placer.support if placer.refined else None,
        )  # fmt: skip
        latents = encoded[latent_columns(self.atlas.latents.shape[1])].to_numpy(np.float32)
        columns = self._columns(encoded, latents, placer)
        columns["strangeness"] = self._strangeness(encoded, columns["lof"])
        columns |= self._reasons(latents, columns["strangeness"])
        catalog = self.survey.catalog.reset_index(drop=True)
        made = pd.concat([encoded, pd.DataFrame(columns)], axis=1)
        made = made[[name for name in made if name in self.atlas.catalog]]
        if "snr" in catalog:
            made = made.drop(columns="snr", errors="ignore")
        return pd.concat([catalog.drop(columns=[n for n in catalog if n in made]), made], axis=1)

    def _columns(
        self, encoded: pd.DataFrame, latents: FloatArray, placer: Placer
    ) -> dict[str, Any]:
        """Return scores of the latents, coordinates on maps, and what neighbours tell."""
        catalog, k = self.survey.catalog, min(N_NEIGHBOUR, len(self.atlas))
        z, snr = catalog["z"].to_numpy(float), encoded["snr"].to_numpy(float)
        norm = catalog["norm"].to_numpy(float) if "norm" in catalog else np.full(len(z), np.nan)
        columns: dict[str, list[FloatArray]] = {}
        for start in range(0, len(latents), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            found: Any = placer.tree.query(latents[some].astype(np.float64), k=k)
            distances, near = found
            made = placer.scores.of_latents(latents[some])
            made |= placer.scores.conditional(latents[some], z[some], snr[some])
            made |= placer.places(latents[some], near, distances)
            made |= placer.estimates(latents[some], norm[some], z[some])
            for name, values in made.items():
                columns.setdefault(name, []).append(values.astype(np.float32))
        return {name: np.concatenate(parts) for name, parts in columns.items()}

    def _strangeness(self, encoded: pd.DataFrame, lof: FloatArray) -> FloatArray:
        """Return the score by what is usual in the atlas; NaN where that is not known."""
        usual, start, scores = self.atlas.strangeness, 0, []
        if usual is None:
            return np.full(len(encoded), np.nan, dtype=np.float32)
        double, snr = (encoded[name].to_numpy(float) for name in ("double_peaks", "snr"))
        for path in residual_windows(self.work / "encode"):
            windows = Windows.load(path)
            some = slice(start, start := start + len(windows))
            scores.append(
                usual.score(windows, lof=lof[some], double_peaks=double[some], snr=snr[some])
            )
        return np.concatenate(scores)

    def _reasons(self, latents: FloatArray, strangeness: FloatArray) -> dict[str, Any]:
        """Return the reasons of those that would be among the strangest of the atlas."""
        known = self.atlas.catalog
        explained = known["strangeness"][known["reasons"] != ""] if "reasons" in known else []
        least = min(explained, default=np.inf)
        rows = np.flatnonzero(strangeness >= least)
        rows = np.sort(rows[np.argsort(-strangeness[rows], kind="stable")][:MOST_EXPLAINED])
        columns = {name: np.full(len(latents), blank, dtype=object)
                   for name, blank in reason_columns([]).items()}  # fmt: skip
        found = self.atlas.explainer.reasons_of(self.survey, latents, rows)
        for row, reasons in zip(rows.tolist(), found, strict=True):
            for name, value in reason_columns(reasons).items():
                columns[name][row] = value
        columns["reason_strength"] = columns["reason_strength"].astype(np.float32)
        return columns
