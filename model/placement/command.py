"""Places spectra of files in an atlas.

python -m model place ATLAS FILE... [--z Z] [--refine] [--out TABLE.csv]
python -m model place ATLAS SURVEY --join ATLAS-OF-BOTH
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.atomic import replacing
from data.columns import column
from data.commands import setting
from data.ingest.generic.assumed import NOTHING_ASSUMED, Assumed
from data.source import open_folder
from model.atlas.atlas import Atlas
from model.atlas.scores import share_above
from model.placement.files import encodable_grids, read_spectra
from model.placement.placer import Placed, Placer, place_all

SUFFIXES = (".csv", ".parquet")
FACTS = ("object_id", "file", "z", "class", "norm", "snr")
"""What the table tells of an object beside what follows from its place; `snr` is that of a survey,
of all pixels, as the atlas's column."""


@dataclass(frozen=True, kw_only=True)
class PlaceConfig:
    """Settings of `python -m model place`."""

    atlas: Path = setting(help="atlas folder", positional=True)
    file: tuple[Path, ...] = setting(
        help="files of spectra, of any format that ingest reads, or folders; with --join a survey",
        positional=True,
    )
    z: float | None = setting(help="redshift of all of them, whatever the files say", default=None)
    assumed: Assumed = NOTHING_ASSUMED
    refine: bool | None = setting(
        help="refine the latents (default: if those of the atlas are)", default=None
    )
    neighbours: int = setting(help="nearest objects of the atlas to list", default=5)
    out: Path | None = setting(help="table to write, .csv or .parquet", default=None)
    join: Path | None = setting(
        help="atlas folder to make, of all objects of the atlas and of a survey's", default=None
    )

    def __post_init__(self) -> None:
        """Refuse what can not be done."""
        if self.out is not None and self.out.suffix not in SUFFIXES:
            raise ValueError(f"--out must end in {' or '.join(SUFFIXES)}, got {self.out}")
        if not 0 <= self.neighbours <= 32:
            raise ValueError(f"neighbours must lie in 0..32, got {self.neighbours}")
        if self.join is not None and len(self.file) != 1:
            raise ValueError(f"--join takes one survey, got {len(self.file)} files")


def place(config: PlaceConfig) -> None:
    """Place spectra, tell where they are, and write the table if asked for.

    Raises:
        ValueError: The table exists, no spectrum can be placed, or the atlas is damaged.
    """
    if config.out is not None and config.out.exists():
        raise ValueError(f"{config.out} exists; choose another --out or remove it")
    atlas = Atlas(config.atlas)
    if config.join is not None:
        from model.placement.join import join_survey  # takes a while, and few join surveys

        (path,) = config.file
        join_survey(atlas, open_folder(path)[1], config.join, name=path.resolve().name)
        return
    found = read_spectra(config.file, encodable_grids(atlas), z=config.z, assumed=config.assumed)
    for item in found.rejected:
        advice = "; give it by --z" if item.kind == "no redshift" else ""
        sys.stderr.write(f"left out {item.file} {item.object_id}: {item.reason}{advice}\n")
    if not found.spectra:
        raise ValueError("no spectrum can be placed; the reasons stand above")
    placer = Placer(atlas, refined=config.refine)
    rows, placed = place_all(placer, found.spectra, found.catalog["norm"].tolist())
    facts = found.catalog[[name for name in FACTS if name in found.catalog]]
    table = pd.concat([facts, rows.drop(columns=list(facts), errors="ignore")], axis=1)
    for row in range(len(table)):
        sys.stdout.write(_as_text(placer, table.iloc[row], placed[row], config.neighbours) + "\n")
    if config.out is not None:
        _write(table, config.out)


def _as_text(placer: Placer, row: pd.Series, placed: Placed, n_neighbour: int) -> str:
    """Return what is known of one object, a subject a line."""
    atlas = placer.atlas
    lines = [f"{row['object_id']}   z = {row['z']:.5g}   ({Path(str(row['file'])).name})"]
    latents = "  ".join(f"{value:.3f}" for value in placed.latents)
    moved = f"   (refined by {row['refinement_shift']:.2f} spreads)" if placer.refined else ""
    lines.append(f"  latents     {latents}{moved}")
    places = [f"{item.label} ({row[item.x]:.3f}, {row[item.y]:.3f})" for item in atlas.embeddings]
    lines.append(f"  on maps     {'   '.join(places)}")
    for score in atlas.scores:
        if score.column in row:
            lines.append(f"  score       {_score(atlas, score.column, score.label, row)}")
    if reasons := str(row["reasons"]):
        lines.append(f"  strange     {reasons}")
    for name in placer.properties:
        value, low, high = (row[f"{name}_near{end}"] for end in ("", "_low", "_high"))
        lines.append(f"  neighbours  {column(name).title} {value:.2f} ({low:.2f} to {high:.2f})")
    ids = atlas.catalog["object_id"].astype(str)
    for near, distance in zip(placed.neighbours[:n_neighbour], placed.distances, strict=False):
        lines.append(f"  near        {ids.iloc[near]}   at {distance:.3g}")
    return "\n".join(lines)


def _score(atlas: Atlas, name: str, label: str, row: pd.Series) -> str:
    """Return a score and the share of the atlas's objects that have at least as much."""
    value: Any = row[name]
    share = share_above(atlas.catalog[name].to_numpy(np.float32), value)
    return f"{label} {value:.4g} ({100 * share:.3g} % have at least that)"


def _write(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as partial:
        if path.suffix == ".csv":
            table.to_csv(partial, index=False)
        else:
            table.to_parquet(partial, index=False)
