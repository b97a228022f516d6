"""Spectra that a user brings to the page: read by the readers of ingest, placed in the atlas."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from data.ingest.apart import ApartReader
from data.ingest.batch import Rejection
from data.ingest.cells import plain_text
from data.ingest.file_list import COMPANIONS, PLATE_COMPANIONS
from data.ingest.generic.assumed import Assumed
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest
from model.atlas.scores import share_above
from model.networks.spender import Spender
from model.placement.files import FoundSpectra, encodable_grids, read_spectra
from model.placement.placer import Placer

MOST_FILES, MOST_BYTES = 20, 100_000_000
"""Files of one drop, and bytes of all of them."""
MOST_GUESTS = 40
"""Objects placed of one drop."""
MOST_TRIALS = 12
"""Redshifts tried of each object."""
SECONDS = 60.0
"""How long the placing of a drop may take."""
_HINT = re.compile(r"\s*\(--[^()]*\)")
"""What a reason says of options of the command line."""
_ADVICE = {
    "no redshift": "type one above and press Enter: the file is placed again",
    "norm range not covered": "rest-frame 5300-5850 Å scale a spectrum and must be observed: is "
    "the redshift right?",
    "norm not positive": "is the redshift right, and is it a galaxy?",
    "no errors": "add a column of errors; without noise nothing can be said of a residual",
}
"""Kind of rejection -> what one can do."""
_OTHER_PIXELS = re.compile(r"other grid: (\w+) pixels")


@dataclass(frozen=True)
class Upload:
    """A file that came from the browser."""

    name: str
    content: bytes


@dataclass
class Arrivals:
    """What became of a drop: objects placed, and what was left out, one line each."""

    guests: list[Guest] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def redshifts(text: str) -> tuple[float, ...]:
    """Return the redshifts that a user typed: `0.087`, or several as `0.08, 0.09 0.1`.

    Raises:
        ValueError: There is something else, or too many.
    """
    words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        values = (np.nan,)
    if not all(-0.01 <= value < 10 for value in values):
        raise ValueError(f"redshifts are numbers from -0.01 to 10, as in 0.08, 0.09; got {text!r}")
    if len(values) > MOST_TRIALS:
        raise ValueError(f"at most {MOST_TRIALS} redshifts are tried, got {len(values)}")
    return values


def place_uploads(
    dataset: Dataset,
    uploads: Sequence[Upload],
    *,
    trials: tuple[float, ...],
    air: bool,
    wave_unit: str = "",
) -> Arrivals:
    """Read files and place their objects; slow. What can not be read or placed is told.

    Nothing is left on disk: the files are read from a folder that is deleted again.

    Args:
        dataset: The atlas.
        uploads: Files as they came.
        trials: Redshifts to place each object at; empty = that of its file.
        air: Whether wavelengths are in air where a file does not say it.
        wave_unit: Unit of wavelengths where a file states none (`Assumed`).
    """
    end = time.monotonic() + SECONDS
    arrivals, grids = Arrivals(), encodable_grids(dataset.atlas)
    assumed = Assumed(air=air, wave_unit=wave_unit)
    placing = _Placing(dataset, arrivals, end)
    with tempfile.TemporaryDirectory(prefix="latent-space-") as folder, ApartReader() as reader:
        for path, name in _written(uploads, Path(folder)):
            if time.monotonic() > end:
                arrivals.left_out.append(f"{name}: no time left ({SECONDS:g} s); bring fewer")
                continue
            try:
                for z in trials or (None,):
                    found = read_spectra([path], grids, z=z, assumed=assumed, read=reader.read)
                    placing.take(found, name)
            except (ValueError, OSError) as error:
                arrivals.left_out.append(f"{name}: {plain_text(error)}")
    return arrivals


class _Placing:
    """Places what was read, one object after the other, as long as there is time."""

    def __init__(self, dataset: Dataset, arrivals: Arrivals, end: float) -> None:
        self._dataset, self._arrivals, self._end = dataset, arrivals, end
        self._placer, self._lock = shared_placer(dataset)

    def take(self, found: FoundSpectra, name: str) -> None:
        arrivals = self._arrivals
        lines = (_told(item, name, self._dataset) for item in found.rejected)
        arrivals.left_out += [told for told in lines if told not in arrivals.left_out]
        for at, spectrum in enumerate(found.spectra):
            facts = dict(found.catalog.iloc[at])
            if len(arrivals.guests) >= MOST_GUESTS or time.monotonic() > self._end:
                arrivals.left_out.append(
                    f"{name}: only its first {at} objects are shown; place more with "
                    "python -m model place"
                )
                return
            try:
                with self._lock:
                    placed = self._placer.place(spectrum, norm=float(facts["norm"]))
            except (ValueError, ArithmeticError) as error:
                arrivals.left_out.append(f"{name} {facts['object_id']}: {plain_text(error)}")
                continue
            arrivals.guests.append(
                Guest(
                    name=str(facts["object_id"]) or name, file=name, facts=facts | {"file": name},
                    spectra=spectrum, placed=placed, shares=_shares(self._dataset, placed.row),
                )
            )  # fmt: skip


def shared_placer(dataset: Dataset) -> tuple[Placer, Lock]:
    """Return the placer of all sessions on an atlas, and the lock to hold while it works."""

    def make() -> tuple[Placer, Lock]:
        return Placer(dataset.atlas), Lock()

    return dataset.keep(("placer",), make)


def _shares(dataset: Dataset, row: Mapping[str, Any]) -> dict[str, float]:
    """Return the share of the atlas's objects that have at least as much of each score."""
    return {
        name: share_above(dataset.numeric(name), row[name])
        for name in dataset.scores
        if name in row
    }


def _told(item: Rejection, name: str, dataset: Dataset) -> str:
    """Return a rejection as a line of text for the page."""
    told = " ".join(filter(None, [name, item.object_id if item.object_id not in name else ""]))
    if pixels := _OTHER_PIXELS.match(item.reason):
        return f"{told}: {_other_instrument(pixels.group(1).upper(), dataset)}"
    advice = _ADVICE.get(item.kind, "")
    reason = item.kind if advice else _HINT.sub("", item.reason)
    return f"{told}: {reason}" + (f"; {advice}" if advice else "")


def _other_instrument(brought: str, dataset: Dataset) -> str:
    """Say that the model has no encoder for the pixels of an instrument."""
    model = dataset.atlas.model
    known = model.config.grids if isinstance(model, Spender) else None
    names = known or [part.name for part in dataset.atlas.source.parts]
    own = " and ".join(name.upper() for name in names)
    return (
        f"a spectrum of {brought}, but the model of this atlas encodes the pixels of {own} only: "
        f"it is not placed. Open an atlas whose model was trained on {brought} spectra, or on both"
    )


def _written(uploads: Sequence[Upload], folder: Path) -> list[tuple[Path, str]]:
    """Write files into a folder under names that can do no harm; return those to read.

    Files of redshifts (redrock, spZbest) are found beside their spectra.
    """
    written = []
    for number, upload in enumerate(uploads):
        harmless = re.sub(r"[^A-Za-z0-9._+-]", "_", upload.name).lstrip(".")[-100:] or "file"
        path = folder / harmless
        if path.exists():
            path = folder / f"{number}" / harmless
            path.parent.mkdir()
        path.write_bytes(upload.content)
        written.append((path, plain_text(upload.name)[:100]))
    companions = (*COMPANIONS, *PLATE_COMPANIONS)
    spectra = [pair for pair in written if not pair[0].name.startswith(companions)]
    return spectra or written
