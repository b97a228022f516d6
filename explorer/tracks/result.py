"""What is shown of a track: decoded spectra, observed stacks, trends, its position on a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from astropy.table import Table

from data.arrays import FloatArray
from explorer.export.export import Exported
from explorer.spectrum.feature_table import FEATURES
from explorer.state.dataset import Dataset
from explorer.state.plane import Plane
from model.tracks.knots import ENOUGH
from model.tracks.maker import TrackMaker
from model.tracks.stack import Stack
from model.tracks.track import Track
from model.tracks.trends import measured_trends, observed_trends, stack_members, trends

MOST_STACKED = 50
"""Objects of a knot whose spectra are read and averaged."""
NEAR = 15
"""Members of a knot whose median position is where it is drawn on a map."""
BACKGROUND = 1500
"""Objects behind the track on the diagnostic planes."""
DIAGNOSTICS = ("log_nii_halpha", "log_oiii_hbeta", "d4000", "hdelta_a")


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A track and its decoded spectra.

    Attributes:
        track: The track.
        spectra: Decoded rest-frame spectra, shape (n_knot, n_rest).
        trends: Measured on them, one row a knot (`model.tracks.trends.trends`).
    """

    track: Track
    spectra: FloatArray
    trends: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What was observed along a track.

    Attributes:
        track: The track.
        stacks: Mean observed spectrum of the objects behind each knot.
        trends: Measured on them, with errors (`*_err`).
    """

    track: Track
    stacks: list[Stack]
    trends: pd.DataFrame


def track_maker(dataset: Dataset) -> TrackMaker:
    """Return the maker of tracks that all sessions on an atlas share; slow the first time."""
    atlas = dataset.atlas
    return dataset.keep(
        ("track maker",),
        lambda: TrackMaker(
            latents=atlas.latents, ids=dataset.ids, neighbours=atlas.neighbours,
            places=dataset.latent_places,
        ),
    )  # fmt: skip


def decode(dataset: Dataset, track: Track) -> Decoded:
    """Decode and measure a track."""
    model = dataset.atlas.model
    spectra = model.decode(track.latents)
    return Decoded(track=track, spectra=spectra, trends=measured_trends(model.wave_rest, spectra))


def observe(dataset: Dataset, track: Track) -> Observed:
    """Stack what was observed of the objects that a knot is made of; slow.

    Of the objects around it (in its bin) the nearest `MOST_STACKED`; where there are fewer than
    `ENOUGH`, so that the knot is extrapolated, those that are nearest.

    Raises:
        ValueError: None of a knot's objects is in this atlas.
    """
    atlas = dataset.atlas
    members = [
        rows[: max(int(n_around), ENOUGH)]
        for rows, n_around in zip(track_maker(dataset).rows(track), track.support, strict=True)
    ]
    stacks = stack_members(atlas.source, atlas.model, members, most=MOST_STACKED)
    measured = observed_trends(stacks)
    light = [replace(stack, without_one=None) for stack in stacks]  # they take most of the memory
    return Observed(track=track, stacks=light, trends=measured)


def positions(dataset: Dataset, track: Track, plane: Plane) -> FloatArray:
    """Return where to draw a track on a map, shape (n_knot, 2); NaN where nothing is near.

    On the map it was drawn on, that is the path drawn; elsewhere the median position of the
    objects behind each knot.
    """
    if track.positions is not None and track.recipe.get("embedding") == plane.key:
        return track.positions.astype(float)
    found = np.full((len(track), 2), np.nan)
    for knot, rows in enumerate(track_maker(dataset).rows(track)):
        near = rows[:NEAR]
        near = near[np.isfinite(plane.x[near]) & np.isfinite(plane.y[near])]
        if len(near):
            found[knot] = np.median(plane.x[near]), np.median(plane.y[near])
    return found


def knot_text(track: Track, knot: int, observed: Observed | None) -> str:
    """Return one line about a knot: what it is made of, and what was averaged of that."""
    lost, n_around = int(track.extrapolated.sum()), int(track.support[knot])
    where = "in its bin" if track.recipe.get("kind") == "centroids" else "around it"
    text = f"Knot {knot + 1} of {len(track)}: {n_around:,} objects {where}"
    text += ", extrapolated" if track.extrapolated[knot] else ""
    if observed is not None:
        n_stacked = observed.stacks[knot].n_object
        if n_stacked == n_around:
            text += "; the observed spectrum is the mean of all of them"
        else:
            text += f"; the observed spectrum is the mean of the {n_stacked} nearest to the knot"
    text += f". {lost} of {len(track)} knots are extrapolated." if lost else "."
    ends = track.recipe.get("ends")
    return f"{text} {ends}" if isinstance(ends, str) else text


def background(dataset: Dataset) -> pd.DataFrame:
    """Return the diagnostics of a sample of the atlas, decoded; slow the first time."""

    def make() -> pd.DataFrame:
        latents = dataset.atlas.latents
        sample = latents[:: max(1, len(latents) // BACKGROUND)]
        return trends(dataset.atlas.model, sample)

    return dataset.keep(("diagnostics",), make)


def as_csv(decoded: Decoded, observed: Observed | None) -> Exported:
    """Return a table of the track: a row for each knot."""
    track = decoded.track
    columns: dict[str, Any] = {
        "knot": np.arange(1, len(track) + 1), "support": track.support,
        "extrapolated": track.extrapolated,
    }  # fmt: skip
    columns |= {f"latent_{n}": track.latents[:, n] for n in range(track.latents.shape[1])}
    wanted = [*FEATURES, *DIAGNOSTICS]
    columns |= {f"decoded_{name}": decoded.trends[name] for name in dict.fromkeys(wanted)}
    if observed is not None:
        for name in dict.fromkeys(wanted):
            columns[f"observed_{name}"] = observed.trends[name]
            if f"{name}_err" in observed.trends:
                columns[f"observed_{name}_err"] = observed.trends[f"{name}_err"]
    text = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")
    return Exported(_file_name(track, "csv"), "text/csv", text.encode())


def as_fits(decoded: Decoded, observed: Observed | None, *, wave: FloatArray) -> Exported:
    """Return the spectra of the track as a FITS table: a row a knot, vectors of wavelength."""
    track = decoded.track
    columns: Mapping[str, Any] = {
        "knot": np.arange(1, len(track) + 1, dtype=np.int32),
        "support": track.support.astype(np.int32),
        "extrapolated": track.extrapolated,
        "wave": np.tile(wave, (len(track), 1)),
        "decoded": decoded.spectra.astype(np.float32),
    }
    table: Any = Table(dict(columns))
    if observed is not None:
        table["observed"] = np.stack([stack.flux for stack in observed.stacks]).astype(np.float32)
        table["error"] = np.stack([stack.error for stack in observed.stacks]).astype(np.float32)
    table["wave"].unit = "Angstrom"
    buffer = BytesIO()
    table.write(buffer, format="fits")
    return Exported(_file_name(track, "fits"), "application/fits", buffer.getvalue())


def _file_name(track: Track, ending: str) -> str:
    plain = "".join(char if char.isalnum() else "-" for char in track.name)[:60].strip("-")
    return f"track-{plain or 'unnamed'}.{ending}"
