"""The atlas: what the explorer opens. Latents, maps, scores, flow and model in one folder.

python -m model atlas SURVEY MODEL --out ATLAS
atlas = Atlas("ATLAS"); atlas.catalog, atlas.embeddings, atlas.scores, atlas.source ...
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray, IndexArray
from data.json_file import read_json
from data.parts import read_parts
from data.source import atlas_reference, open_source, sha256_of
from data.spectra import Spectra, SpectrumSource
from model.atlas.embedding import Embedding
from model.atlas.encoding import latent_columns
from model.atlas.explainer import Explainer, new_explainer
from model.atlas.neighbours import Neighbours
from model.atlas.scores import Score
from model.atlas.strangeness import Strangeness
from model.density.flow import LatentFlow
from model.interface import SpectrumModel
from model.isolation import IsolationForest, fit_forest
from model.store.catalog import REBUILD, check_columns, read_catalog, read_column
from model.store.mapped import MANY, map_catalog
from model.store.storage import load_model

T = TypeVar("T")

MOST_LATENTS = 1000
MOST_COMPARED = 1_000_000
"""Objects, evenly spaced, whose ids are compared with those of the survey."""
CATALOG = "catalog.parquet"
REASONS = "reasons.json"
FOREST = "isolation.npz"
FLOW, CONDITIONAL_FLOW = "flow.safetensors", "flow-conditional.safetensors"
SCHEMA_VERSION = 1
"""Version of the files of an atlas, in atlas.json."""


class Atlas:
    """An atlas on disk. The catalogue is read at once, the rest when first asked for.

    Attributes:
        path: Its folder.
        info: What atlas.json says.
        catalog: One row per object: the survey's columns, latents, maps, scores.
        embeddings: The maps, and which columns hold them.
        scores: The outlier scores, and what they mean.
    """

    def __init__(self, path: Path | str, *, survey: Path | str | None = None) -> None:
        """Open an atlas.

        Args:
            path: Its folder.
            survey: Where its survey is now, if not where the atlas says.

        Raises:
            ValueError: The folder is missing, incomplete, damaged or of another version.
        """
        self.path = Path(path)
        self._survey = None if survey is None else Path(survey)
        self.info: dict[str, Any] = read_json(self.path / "atlas.json", what="atlas")
        if self.info.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(
                f"{self.path} has atlas schema {self.info.get('schema_version')}, this program "
                f"reads {SCHEMA_VERSION}; build it again: python -m model atlas"
            )
        try:
            self.embeddings = tuple(_read(Embedding, item) for item in self.info["embeddings"])
            self.scores = tuple(_read(Score, item) for item in self.info["scores"])
            self._checksums = dict(self.info.get("checksums", {}))
            n_latent = int(self.info["model"]["n_latent"])
            self._n_object = int(self.info["n_object"])
            if not 0 < n_latent <= MOST_LATENTS:
                raise ValueError(f"n_latent must lie in 1..{MOST_LATENTS}, got {n_latent}")
            self._latent_columns = latent_columns(n_latent)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{self.path / 'atlas.json'} is damaged: {error!r}") from error
        self.catalog = self._read_catalog()

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.catalog)

    @property
    def name(self) -> str:
        """What the atlas is called."""
        return str(self.info.get("name") or self.path.name)

    @cached_property
    def latents(self) -> FloatArray:
        """Latents, float32, shape (n_galaxy, n_latent)."""
        latents = np.empty((len(self), len(self._latent_columns)), dtype=np.float32)
        is_mapped = len(self) >= MANY  # what is copied from there would be in memory twice
        for number, name in enumerate(self._latent_columns):
            path = self.path / CATALOG
            latents[:, number] = read_column(path, name) if is_mapped else self.catalog[name]
        return latents

    @cached_property
    def model(self) -> SpectrumModel:
        """The model, from the atlas's own copy.

        Raises:
            ValueError: The copy is damaged, or not the model the latents were made with.
        """
        made_with = self.info["model"].get("weights_sha256")
        copy = read_json(self.path / "model" / "model.json", what="model")
        if copy.get("weights_sha256") != made_with:
            raise ValueError(
                f"{self.path / 'model'} is not the model that this atlas was made with (weights "
                f"{str(copy.get('weights_sha256'))[:12]}, expected {str(made_with)[:12]}); build "
                "the atlas again: python -m model atlas"
            )
        model = load_model(self.path / "model")
        if model.n_latent != len(self._latent_columns):
            raise ValueError(
                f"{self.path / 'model'} has {model.n_latent} latents, the catalogue "
                f"{len(self._latent_columns)}; build the atlas again: python -m model atlas"
            )
        return model

    @cached_property
    def source(self) -> SpectrumSource:
        """The spectra, row for row those of the catalogue.

        Raises:
            ValueError: The survey is not where it was, or is another one now.
        """
        source = open_source(atlas_reference(self.path, self.info["source"], survey=self._survey))
        rows = np.linspace(0, len(self) - 1, min(len(self), MOST_COMPARED), dtype=np.int64)
        own = self.catalog["object_id"].iloc[rows].astype(str)
        if len(source) != len(self) or not np.array_equal(source.ids_of(rows), own):
            raise ValueError(
                f"the survey has {len(source)} objects, the atlas {len(self)}, and their ids must "
                "agree row for row; the survey was made again: build the atlas again too"
            )
        return source

    def reconstructions(
        self, rows: NDArray[Any] | list[int]
    ) -> Iterator[tuple[IndexArray, Spectra, FloatArray, BoolArray]]:
        """Yield the spectra of some rows with their reconstructions, grid by grid.

        Args:
            rows: Row numbers in any order.

        Yields:
            Positions in `rows`; their spectra; the model's flux on the same grid, and True where
            its rest range reaches, both of shape (n_galaxy, n_pixel).
        """
        rows = np.asarray(rows, dtype=np.int64)
        for places, spectra in read_parts(self.source, rows):
            latents = self.latents[rows[places]]
            yield places, spectra, *self.model.reconstruct(latents, spectra.z, spectra.grid)

    @cached_property
    def neighbours(self) -> Neighbours:
        """The nearest neighbours of every object in latent space."""
        neighbours = Neighbours.load(self.path / "neighbours.npz")
        if len(neighbours) != len(self):
            raise ValueError(
                f"{self.path / 'neighbours.npz'} is of {len(neighbours)} objects, the catalogue "
                f"of {len(self)}; build the atlas again: python -m model atlas"
            )
        return neighbours

    @cached_property
    def flow(self) -> LatentFlow:
        """The density of the latents."""
        return LatentFlow.load(self._checked(FLOW))

    @cached_property
    def conditional_flow(self) -> LatentFlow | None:
        """The density of the latents at a redshift and S/N; None in an atlas without one."""
        path = self._checked(CONDITIONAL_FLOW)
        return LatentFlow.load(path) if path.exists() else None

    @cached_property
    def strangeness(self) -> Strangeness | None:
        """What is usual in the survey; None in an atlas from before there was such a score."""
        path = self._checked("strangeness.safetensors")
        return Strangeness.load(path) if path.exists() else None

    @cached_property
    def forest(self) -> IsolationForest:
        """The isolation forest; an atlas from before forests were kept grows it again."""
        path = self.path / FOREST
        if path.exists():
            return IsolationForest.load(path)
        return fit_forest(self.latents, seed=int(self.info.get("seed", 0)))

    @cached_property
    def explainer(self) -> Explainer:
        """Tells why objects are strange; an older atlas has the limits of mock galaxies."""
        path = self.path / REASONS
        if path.exists():
            return Explainer.load(path, self.model)
        return new_explainer(self.model, self.latents)

    def _checked(self, name: str) -> Path:
        """Return the path of a file, which must be as it was written; older atlases do not tell.

        Raises:
            ValueError: It is another one.
        """
        path, expected = self.path / name, self._checksums.get(name)
        if expected and path.exists() and sha256_of(path) != expected:
            raise ValueError(f"{path} is damaged: its SHA-256 is not that in atlas.json; {REBUILD}")
        return path

    def _read_catalog(self) -> pd.DataFrame:
        path = self.path / CATALOG
        axes = [axis for item in self.embeddings for axis in (item.x, item.y)]
        scores = [score.column for score in self.scores]
        finite, others = ["z", *self._latent_columns], [*axes, *scores]
        check = partial(check_columns, path=path, finite=finite, others=others)
        if self._n_object >= MANY:
            needed = [*finite, *others]
            try:
                return map_catalog(path, n_object=self._n_object, needed=needed, check=check)
            except OSError as error:
                logging.getLogger(__name__).warning(
                    "%s is read into memory: its columns can not be written (%s)", path, error
                )
        catalog = read_catalog(path, n_object=self._n_object)
        check(catalog)
        return catalog


def _read(cls: type[T], values: Any) -> T:  # noqa: ANN401 - of JSON
    """Build a dataclass from the entries it knows; an atlas may say more than this one reads.

    Raises:
        TypeError: It is no object, or an entry has another type, or is missing.
    """
    if not isinstance(values, dict):
        raise TypeError(f"{cls.__name__} must be an object, got {values!r:.40}")
    types = {item.name: item.type for item in fields(cls)}  # type: ignore[arg-type]
    entries = {key: value for key, value in values.items() if key in types}
    for key, value in entries.items():
        if type(value).__name__ != types[key]:
            raise TypeError(f"{key} must be {types[key]}, got {value!r:.40}")
    return cls(**entries)
