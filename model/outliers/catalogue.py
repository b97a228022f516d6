"""Writes the strangest objects as a table to publish (Liang+2023, Table 2), with figures.

python -m model outliers ATLAS [--catalog labels.csv]   -> outliers.csv, .vot, .tex, PNGs
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.table import Column, Table

from data.arrays import IndexArray
from data.atomic import replacing
from data.columns import column
from data.commands import keep_inputs, setting
from model.atlas.atlas import Atlas
from model.atlas.cuts import paper_cuts
from model.outliers import figures
from model.outliers.families import Family, find_families
from model.outliers.recovery import ranked_rows
from model.outliers.truth import read_truth

FACTS = ("object_id", "ra", "dec", "z", "snr")
UNKNOWN = "Unknown"
CSV, VOTABLE, LATEX = TABLES = ("outliers.csv", "outliers.vot", "outliers.tex")


@dataclass(frozen=True, kw_only=True)
class OutliersConfig:
    """Settings of `python -m model outliers`."""

    atlas: Path = setting(help="atlas folder, from `python -m model atlas`", positional=True)
    out: Path = setting(help="folder of the tables and the figures")
    score: str = setting(help="column to rank by (default: the atlas's first score)", default="")
    n: int = setting(help="objects listed (Liang+2023: 100)", default=100)
    cuts: bool = setting(
        help="leave out the strongest line emitters (Liang+2023, section 5.2)",
        default=False,
    )
    catalog: Path | None = setting(
        help="table with object_id and kind, or class as the explorer's labels (CSV): its classes "
        "replace the suggested ones",
        default=None,
    )

    def __post_init__(self) -> None:
        """Refuse an empty list."""
        if self.n < 1:
            raise ValueError(f"n must be at least 1, got {self.n}")


def write_outliers(config: OutliersConfig) -> None:
    """Write the tables and the figures, print the counts.

    Raises:
        ValueError: The atlas has no such score, or a table would replace the one of classes.
    """
    keep_inputs(outputs=[config.out / name for name in TABLES], inputs=[config.catalog])
    atlas = Atlas(config.atlas)
    rows, table = strangest(
        atlas, score=config.score, n=config.n, cuts=config.cuts, labels=config.catalog
    )
    families = find_families(atlas, rows)
    table["family"] = _family_names(rows, families)
    config.out.mkdir(parents=True, exist_ok=True)
    with replacing(config.out / CSV) as partial:
        table.to_csv(partial, index=False)
    with replacing(config.out / VOTABLE) as partial:
        _as_astropy(table, short=False).write(str(partial), format="votable", overwrite=True)
    with replacing(config.out / LATEX) as partial, partial.open("w", encoding="utf-8") as file:
        _as_astropy(table, short=True).write(file, format="ascii.latex")
    counts = table["class"].value_counts()
    title = f"{atlas.name}: {len(table)} strangest"
    figures.draw_counts(counts, config.out / "outliers.png", title=title)
    figures.draw_sheet(atlas, table, rows, config.out / "contact-sheet.png")
    figures.draw_families(families, config.out / "families.png", title=title)
    figures.draw_scores(atlas, config.out / "scores.png")
    figures.draw_density(atlas, config.out / "density.png")
    lines = [f"{name:28.28}{number:6d}" for name, number in counts.items()]
    sys.stdout.write("\n".join([*lines, f"saved in {config.out}", ""]))


def strangest(
    atlas: Atlas, *, score: str = "", n: int = 100, cuts: bool = False, labels: Path | None = None
) -> tuple[IndexArray, pd.DataFrame]:
    """Return the strangest objects with position, scores, class and reasons.

    Args:
        atlas: The atlas.
        score: Column to rank by; empty = the first score.
        n: Objects at most.
        cuts: Apply `model.atlas.cuts.paper_cuts`.
        labels: Table of classes; without one, or where it says nothing, the suggested class
            stands with a question mark.

    Returns:
        Their catalogue rows, and the table.

    Raises:
        ValueError: The atlas has no such score.
    """
    known = {item.column: item for item in atlas.scores}
    score = score or next(iter(known))
    if score not in known:
        raise ValueError(f"--score must be one of {', '.join(known)}, got {score!r}")
    catalog = atlas.catalog
    sign = 1.0 if known[score].higher_is_stranger else -1.0
    values = sign * catalog[score].to_numpy(float)
    if cuts:
        values = np.where(paper_cuts(catalog), values, np.nan)
    rows = ranked_rows(values)[: min(n, int(np.isfinite(values).sum()))].astype(np.int64)
    names = [name for name in dict.fromkeys([*FACTS, score, *known]) if name in catalog]
    table = catalog[names].iloc[rows].reset_index(drop=True)
    suggested = _words(catalog, "suggested_class", rows)
    said = read_truth(catalog, table=labels).kinds[rows] if labels else np.full(len(rows), "")
    guesses = [f"{guess}?" if guess else UNKNOWN for guess in suggested]
    table["class"] = [own or guess for own, guess in zip(said, guesses, strict=True)]
    table["reasons"] = _words(catalog, "reasons", rows)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return rows, table


def _family_names(rows: IndexArray, families: list[Family]) -> list[str]:
    """Return the number of each row's family, `artefact` before it where it is one."""
    names = {
        row: f"artefact {number}" if family.artefact else str(number)
        for number, family in enumerate(families, start=1)
        for row in family.rows.tolist()
    }
    return [names.get(row, "") for row in rows.tolist()]


def _words(catalog: pd.DataFrame, name: str, rows: np.ndarray) -> list[str]:
    if name not in catalog:
        return [""] * len(rows)
    return catalog[name].iloc[rows].fillna("").astype(str).tolist()


def _as_astropy(table: pd.DataFrame, *, short: bool) -> Table:
    """Return a table with units and UCDs; `short` has the columns of Liang+2023, Table 2."""
    names = [str(name) for name in table]
    if short:
        score = next(name for name in names if name not in ("rank", *FACTS))
        names = [name for name in ("object_id", "ra", "dec", score, "class") if name in names]
    made = Table()
    for name in names:
        about, values = column(name), table[name].to_numpy()
        is_number = values.dtype.kind in "iuf"
        made[name] = Column(
            values if is_number else values.astype(str),
            unit=about.unit or None,
            format=(".5f" if name in ("ra", "dec") else ".4g")
            if values.dtype.kind == "f"
            else None,
            meta={"ucd": about.ucd} if about.ucd else None,
        )
    return made
