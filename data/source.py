"""Open a source of spectra: a survey folder, or a mock survey made on demand.

What reads them is imported when one is opened, since that takes a second.
"""

from __future__ import annotations

import json
import os
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.json_file import read_json
from data.spectra import SpectrumSource

_CHECKSUM = 64
"""Last bytes of a file of spectra, with the checksum that ends each chunk."""


def open_source(reference: dict[str, Any]) -> SpectrumSource:
    """Open a source from what its `reference()` returned.

    Raises:
        ValueError: The reference is of an unknown kind, its survey is not there, or its mock
            survey was made by a recipe this version does not know.
    """
    kind = reference.get("kind")
    if kind == "survey":
        from data.survey import Survey

        return Survey(Path(reference["path"]))
    if kind == "joined":
        from data.joined import JoinedSource

        return JoinedSource([open_source(item) for item in reference["sources"]])
    if kind == "mock":
        return _open_mock({name: value for name, value in reference.items() if name != "kind"})
    raise ValueError(f"reference kind must be 'survey', 'mock' or 'joined', got {kind!r}")


def content_hash(reference: dict[str, Any]) -> str:
    """Return a hash that changes with what a reference leads to, without reading all spectra.

    Of a survey it is that of its catalogue, and of names, sizes and checksums of the files of its
    spectra, or of their address in an object store: a copy has the same. Other sources are what
    their reference says.
    """
    if "sources" in reference:
        content = json.dumps([content_hash(item) for item in reference["sources"]])
    elif reference["kind"] == "survey":
        content = _survey_hash(Path(reference["path"]))
    else:
        content = json.dumps(reference, sort_keys=True)
    return blake2b(content.encode(), digest_size=16).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def open_folder(path: Path) -> tuple[pd.DataFrame, SpectrumSource]:
    """Open a survey, or the survey of an atlas with the catalogue of the atlas.

    Returns:
        The catalogue, one row per object, and the source of their spectra.

    Raises:
        ValueError: The folder is neither, or what the atlas refers to is another survey now.
    """
    if not (path / "atlas.json").exists():
        from data.survey import Survey

        survey = Survey(path)
        return survey.catalog, survey
    info = read_json(path / "atlas.json", what="atlas")
    source = open_source(atlas_reference(path, info["source"]))
    catalog = pd.read_parquet(path / "catalog.parquet", page_checksum_verification=True)
    if not np.array_equal(source.ids, catalog["object_id"].astype(str).to_numpy()):
        raise ValueError(f"the survey of {path} was made again: build the atlas again too")
    return catalog, source


def atlas_reference(
    atlas: Path, reference: dict[str, Any], *, survey: Path | None = None
) -> dict[str, Any]:
    """Return the reference that an atlas has to its source, with the path where that is now.

    Args:
        atlas: Its folder.
        reference: What atlas.json says under `source`.
        survey: Where its survey is now, if not where the atlas says; not used of one that is
            joined of several.

    Raises:
        ValueError: There is no survey.
    """
    reference = dict(reference)
    if "sources" in reference:
        parts = [atlas_reference(atlas, item) for item in reference["sources"]]
        return reference | {"sources": parts}
    relative = reference.pop("relative_path", None)
    if "path" not in reference:
        return reference
    folders = [Path(reference["path"])]
    if relative:
        folders.insert(0, (atlas / relative).resolve())
    if survey:
        folders = [survey.resolve()]
    folders = list(dict.fromkeys(folders))
    for folder in folders:
        if (folder / "survey.json").exists():
            return reference | {"path": str(folder)}
    tried = ", ".join(map(str, folders))
    raise ValueError(
        f"the survey of this atlas must be at one of {tried}, and is not; move it back, or "
        f"put its new path under source.path in {atlas / 'atlas.json'}"
    )


def _survey_hash(survey: Path) -> str:
    with (survey / "catalog.parquet").open("rb") as catalog:
        digest = file_digest(catalog, "blake2b")
    digest.update(str(read_json(survey / "survey.json", what="survey").get("spectra", "")).encode())
    for folder, inner, names in os.walk(survey / "spectra.zarr"):
        inner.sort()
        for name in sorted(names):
            path = Path(folder, name)
            size = path.stat().st_size
            with path.open("rb") as file:
                file.seek(max(0, size - _CHECKSUM))
                end = file.read()
            digest.update(f"{path.relative_to(survey).as_posix()} {size} ".encode() + end)
    return digest.hexdigest()


def _open_mock(settings: dict[str, Any]) -> SpectrumSource:
    """Open a mock survey by the recipe that made it; references of recipe 1 do not name it."""
    from data.mock.survey import RECIPE, MockSurvey

    recipe = settings.pop("recipe", 1)
    if recipe != RECIPE:
        raise ValueError(
            f"the spectra are mocks of recipe {recipe}, this version makes recipe {RECIPE}; make "
            "the mock survey and the atlas again, or use the version they were made with"
        )
    return MockSurvey(**settings)
