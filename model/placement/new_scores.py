"""Scores of a new object, which is in neither graph nor flow of the atlas, and its reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import KDTree

from data.arrays import BoolArray, FloatArray
from data.spectra import Spectra
from model.atlas.atlas import Atlas
from model.atlas.latent_scores import LOF_NEIGHBOURS, conditions, outlier_factor_of_new
from model.atlas.scores import spectrum_scores
from model.residuals.reasons import reason_columns
from model.residuals.windows import measure_windows


class NewScores:
    """Scores one spectrum after another against an atlas; what is needed of it is prepared once."""

    def __init__(self, atlas: Atlas, tree: KDTree) -> None:
        """Take an atlas and the k-d tree of its latents."""
        self._atlas, self._tree = atlas, tree
        self._graph = atlas.neighbours.first(min(LOF_NEIGHBOURS, atlas.neighbours.k))

    def row(
        self, spectrum: Spectra, latents: FloatArray, flux: FloatArray, covered: BoolArray
    ) -> dict[str, Any]:
        """Return the scores of the atlas and the columns of reasons.

        Args:
            spectrum: Of one object.
            latents: Shape (1, n_latent).
            flux: Reconstruction on the same grid, shape (1, n_pixel).
            covered: True where the model reaches, same shape.
        """
        scores = spectrum_scores(spectrum, flux, covered)
        row: dict[str, Any] = {name: float(values[0]) for name, values in scores.items()}
        made = self.of_latents(latents) | self.conditional(latents, spectrum.z, scores["snr"])
        row |= {name: float(values[0]) for name, values in made.items()}
        usual = self._atlas.strangeness
        if usual is not None:
            windows = measure_windows(spectrum, flux, covered, usual.rest_range)
            strangeness = usual.score(
                windows, lof=np.array([row["lof"]]), double_peaks=scores["double_peaks"],
                snr=scores["snr"],
            )  # fmt: skip
            row["strangeness"] = float(strangeness[0])
        return row | reason_columns(self._atlas.explainer.reasons(spectrum, latents)[0])

    def of_latents(self, latents: FloatArray) -> dict[str, FloatArray]:
        """Return the scores of the atlas that rest on latents alone, each of shape (n_galaxy,)."""
        atlas = self._atlas
        scores = {
            "neg_log_p": -atlas.flow.log_p(latents),
            "lof": outlier_factor_of_new(latents, atlas.latents, self._graph, self._tree),
        }
        wanted = {score.column for score in atlas.scores}
        if "neg_log_p_rank" in wanted:
            scores["neg_log_p_rank"] = -atlas.flow.log_p_rank(latents)
        if "knn_distance" in wanted:
            near, _ = self._tree.query(latents.astype(np.float64), k=self._graph.k)
            scores["knn_distance"] = np.reshape(near, (-1, self._graph.k))[:, -1]
        if "isolation" in wanted:
            scores["isolation"] = atlas.forest.score(latents)
        return scores

    def conditional(
        self, latents: FloatArray, z: FloatArray, snr: FloatArray
    ) -> dict[str, FloatArray]:
        """Return the score among objects of like redshift and S/N, if the atlas has it."""
        flow = self._atlas.conditional_flow
        if flow is None:
            return {}
        return {"neg_log_p_conditional": -flow.log_p(latents, conditions(z, snr))}
