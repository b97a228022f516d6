"""Explains why objects of an atlas, or beside it, are strange.

explainer = Explainer.load(path, model)      # of an atlas: atlas.explainer
explainer.reasons(spectra, latents)[0]       # the reasons of the first, strongest first
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from data.arrays import FloatArray, IntArray
from data.json_file import read_json, write_json
from data.parts import read_parts
from data.spectra import Spectra, SpectrumSource
from model.interface import SpectrumModel
from model.residuals.evidence import Evidence, join_evidence, measure_evidence
from model.residuals.reasons import Reason, UsualEvidence, explain, usual_evidence
from model.residuals.redshift_scan import Templates, features_of, make_templates

N_ARCHETYPE = 8
"""Galaxies of the survey that serve as templates of all."""
MOST_DECODED = 500
"""Objects among which they are chosen."""
SAMPLE = 600
"""Ordinary objects that tell what is usual."""
CALM = 0.95
"""Share of the objects, the least strange, of which the sample is drawn."""
ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Explainer:
    """What an explanation rests on.

    Attributes:
        model: Reconstructs.
        archetypes: Latents of galaxies that serve as templates, shape (n_archetype, n_latent).
        usual: What is usual in the survey.
    """

    model: SpectrumModel
    archetypes: FloatArray
    usual: UsualEvidence

    @cached_property
    def templates(self) -> Templates:
        """Features of the archetypes, and of stars."""
        return make_templates(self.model.rest_grid, self.model.decode(self.archetypes))

    def evidence(self, spectra: Spectra, latents: FloatArray) -> Evidence:
        """Return what speaks for each cause.

        Args:
            spectra: Observed spectra.
            latents: Their latents, shape (n_galaxy, n_latent).
        """
        flux, covered = self.model.reconstruct(latents, spectra.z, spectra.grid)
        return measure_evidence(spectra, flux, covered.astype(bool), self.templates)

    def reasons_of_one(self, spectra: Spectra, model: FloatArray) -> list[Reason]:
        """Return the reasons of an object that is reconstructed already.

        Args:
            spectra: The observed spectrum.
            model: Its reconstruction, NaN where the model does not reach, shape (n_pixel,).
        """
        covered = np.isfinite(model)[None]
        flux = np.where(covered, model[None], 0).astype(np.float32)
        return explain(measure_evidence(spectra, flux, covered, self.templates), self.usual)[0]

    def reasons(self, spectra: Spectra, latents: FloatArray) -> list[list[Reason]]:
        """Return the reasons of each object, strongest first; those of one do not depend on others.

        Args:
            spectra: Observed spectra.
            latents: Their latents, shape (n_galaxy, n_latent).
        """
        return explain(self.evidence(spectra, latents), self.usual)

    def reasons_of(
        self, source: SpectrumSource, latents: FloatArray, rows: Sequence[int] | IntArray
    ) -> list[list[Reason]]:
        """Return the reasons of some rows of a source, a block at a time.

        Args:
            source: Of the atlas.
            latents: Of all its objects, shape (n_galaxy, n_latent).
            rows: Of the objects.
        """
        rows = np.asarray(rows, dtype=np.int64)
        found: list[list[Reason]] = [[] for _ in rows]
        for places in _blocks(np.arange(len(rows))):
            for within, spectra in read_parts(source, rows[places]):
                at = places[within]
                reasons = self.reasons(spectra, latents[rows[at]])
                for place, one in zip(at.tolist(), reasons, strict=True):
                    found[place] = one
        return found

    def save(self, path: Path) -> None:
        """Write a JSON file."""
        write_json(path, {
            "archetypes": np.asarray(self.archetypes, dtype=float).tolist(),
            "limits": self.usual.limits,
            "peak_share": np.asarray(self.usual.peak_share, dtype=float).round(5).tolist(),
        })  # fmt: skip

    @classmethod
    def load(cls, path: Path, model: SpectrumModel) -> Explainer:
        """Read what `save` wrote.

        Raises:
            ValueError: The file is missing, or not of this kind.
        """
        stored = read_json(path, what="atlas's reasons")
        try:
            usual = UsualEvidence.unknown().updated(
                stored["limits"], np.array(stored["peak_share"], dtype=float)
            )
            archetypes = np.array(stored["archetypes"], dtype=np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged: {error!r}") from error
        return cls(model, archetypes, usual)


def new_explainer(model: SpectrumModel, latents: FloatArray) -> Explainer:
    """Return an explainer that knows the galaxies of a survey, but not what is usual.

    Args:
        model: Of the atlas.
        latents: Of its objects, shape (n_galaxy, n_latent).
    """
    from sklearn.cluster import KMeans  # takes a second

    chosen = latents[_evenly(len(latents), MOST_DECODED)]
    features = features_of(model.rest_grid, rest := model.decode(chosen), np.ones_like(rest)).values
    features = features / np.maximum(np.linalg.norm(features, axis=1), 1e-9)[:, None]
    n = min(N_ARCHETYPE, max(1, len(chosen) // 10))
    clusters = KMeans(n, n_init="auto", random_state=0).fit(features)
    nearest = np.unique(clusters.transform(features).argmin(axis=0))
    return Explainer(model, chosen[nearest].astype(np.float32), UsualEvidence.unknown())


def fit_explainer(
    model: SpectrumModel, source: SpectrumSource, latents: FloatArray, strangeness: FloatArray
) -> Explainer:
    """Learn what is usual from ordinary objects of a survey.

    Args:
        model: Of the atlas.
        source: Gives the spectra.
        latents: Of all objects, shape (n_galaxy, n_latent).
        strangeness: Of all objects, shape (n_galaxy,); NaN is left out.
    """
    explainer = new_explainer(model, latents)
    known = np.flatnonzero(np.isfinite(strangeness))
    if len(known) == 0:
        return explainer
    calm = known[strangeness[known] <= np.quantile(strangeness[known], CALM)]
    rows = calm[_evenly(len(calm), SAMPLE)]
    evidence = join_evidence([
        explainer.evidence(spectra, latents[block[within]])
        for block in _blocks(rows)
        for within, spectra in read_parts(source, block)
    ])  # fmt: skip
    return Explainer(model, explainer.archetypes, usual_evidence(evidence))


def _blocks(rows: IntArray) -> list[IntArray]:
    return [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]


def _evenly(n: int, most: int) -> IntArray:
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))
