"""Print a table of what a survey holds."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.commands import setting
from data.spectra import Part
from data.survey import Survey

PERCENTILES = (0, 5, 50, 95, 100)
IDENTIFIERS = ("plate", "mjd", "fiber", "targetid")
"""Numeric columns that are identifiers: their percentiles mean nothing."""


@dataclass(frozen=True, kw_only=True)
class InfoConfig:
    """Settings of `python -m data info`."""

    survey: Path = setting(help="survey folder", positional=True)


def info(config: InfoConfig) -> None:
    """Write the table.

    Raises:
        ValueError: The folder is no survey.
    """
    survey = Survey(config.survey)
    lines = [*_facts(survey), "", *_classes(survey.catalog), "", *_numbers(survey.catalog)]
    sys.stdout.write("\n".join(lines) + "\n")


def masked_shares(survey: Survey, part: Part) -> pd.Series:
    """Return the share of spectra of a part masked at each pixel, index = wavelength (Angstrom)."""
    masked = np.zeros(part.grid.n_pixel)
    for start in range(part.start, part.stop, survey.chunk_rows):
        rows = slice(start, min(start + survey.chunk_rows, part.stop))
        masked += (survey.read(rows).ivar == 0).sum(axis=0)
    return pd.Series(masked / (part.stop - part.start), index=part.grid.wave)


def _facts(survey: Survey) -> Iterator[str]:
    size = sum(path.stat().st_size for path in survey.path.rglob("*") if path.is_file())
    yield f"survey       {survey.path}"
    yield f"objects      {len(survey)}, {size / 1e6:.1f} MB on disk"
    yield f"instrument   {survey.info.get('instrument', 'unknown')}"
    for part in survey.parts:
        grid, wave = part.grid, part.grid.wave
        unit = "dex" if grid.scale == "log" else "A"
        masked = masked_shares(survey, part)
        of = f"{part.name}: " if len(survey.parts) > 1 else ""
        yield (
            f"wavelengths  {of}{wave[0]:.1f} to {wave[-1]:.1f} A (vacuum, observed), "
            f"{grid.n_pixel} pixels of {grid.step:g} {unit}"
        )
        yield (
            f"masked       {of}{masked.mean():.1%} of all pixels; "
            f"{float((masked == 1).mean()):.1%} of the grid in all spectra"
        )
    provenance = survey.info.get("provenance", {})
    if "date" in provenance:
        yield f"made         {provenance['date']} from {', '.join(provenance.get('inputs', []))}"
    for reason, count in provenance.get("rejected", {}).items():
        yield f"rejected     {count} {reason}"


def _classes(catalog: pd.DataFrame) -> Iterator[str]:
    for name in ("class", "instrument"):
        if name in catalog:
            counts = Counter(catalog[name].fillna("").replace("", "unknown"))
            listed = ", ".join(f"{count} {value}" for value, count in counts.most_common(10))
            yield f"{name:<12} {listed}"


def _numbers(catalog: pd.DataFrame) -> Iterator[str]:
    """Yield one line for each numeric column: how many values, and percentiles."""
    heads = "".join(f"{f'{percent}%':>13}" for percent in PERCENTILES)
    yield f"{'column':<16}{'values':>9}{heads}"
    for name in catalog.select_dtypes("number").columns.difference(IDENTIFIERS, sort=False):
        values = catalog[name].to_numpy(float)
        values = values[np.isfinite(values)]
        cells = "".join(f"{value:>13.6g}" for value in np.percentile(values, PERCENTILES)) \
            if len(values) else ""  # fmt: skip
        yield f"{name:<16}{len(values):>9}{cells}"
