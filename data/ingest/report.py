"""What an ingest tells: counts of the accepted and the rejected, and what the masks cost."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.grid import WaveGrid
from data.ingest.batch import Rejection
from data.ingest.file_list import FileList
from data.ingest.prepare import norm_redshifts
from data.ingest.sample_cuts import LOWEST_Z


def report_counts(rejected: Sequence[Rejection], *, n_accepted: int, found: FileList) -> None:
    """Write the table of what was accepted and what was not."""
    lines = [f"{n_accepted:>9} accepted, of {len(found.files)} files"]
    counts = Counter(item.kind for item in rejected)
    for kind, count in counts.most_common():
        example = next(item for item in rejected if item.kind == kind)
        detail = example.reason.removeprefix(kind).removeprefix(": ")
        where = example.object_id or Path(example.file).name
        lines.append(f"{count:>9} rejected, {kind} (e.g. {where}{': ' if detail else ''}{detail})")
    if found.n_repeat:
        lines.append(f"{found.n_repeat:>9} paths given more than once were read once")
    if found.n_text:
        lines.append(
            f"{found.n_text:>9} files .txt or .dat in folders not read: if they are spectra, give "
            "their names (FOLDER/*.txt)"
        )
    sys.stdout.write("\n".join(lines) + "\n")


def grid_lines(info: Mapping[str, Any], norm_range: tuple[float, float] | None) -> Iterator[str]:
    """Yield one line on each grid of a survey: what it covers, and which redshifts it can have.

    Args:
        info: What survey.json says.
        norm_range: Rest-frame wavelengths of the norm, Angstrom; None if there is none.
    """
    single = [{"name": info["instrument"], "grid": info["grid"], "n_object": info["n_object"]}] \
        if "grid" in info else []  # fmt: skip
    for part in info.get("parts", single):
        grid = WaveGrid(**part["grid"])
        line = (
            f"grid {part['name']}: {part['n_object']} spectra on {grid.n_pixel} pixels, "
            f"{grid.wave[0]:.0f}-{grid.wave[-1]:.0f} A"
        )
        if norm_range:
            low, high = norm_redshifts(grid, norm_range)
            line += (
                f"; the norm (rest {norm_range[0]:.0f}-{norm_range[1]:.0f} A) limits redshifts to "
                f"{max(low, LOWEST_Z):.2f}..{high:.2f} (--norm)"
            )
        yield line


def mask_cost(masked: Counter[str]) -> str:
    """Return one line on what the masks leave out."""
    n_pixel = max(masked[""], 1)
    bits = [(name, count) for name, count in masked.most_common() if name and count]
    told = ", ".join(f"{name} {count / n_pixel:.2%}" for name, count in bits[:6])
    return f"masks leave out of {masked['']:,} measured pixels: {told or 'none'} (--mask-bits)"


def write_rejected(rejected: Sequence[Rejection], path: Path) -> None:
    """Write a CSV table of the rejected: file, object, reason."""
    with path.open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(["file", "object_id", "reason"])
        writer.writerows([item.file, item.object_id, item.reason] for item in rejected)


def say(text: str) -> None:
    """Write a line for the user, apart from the table."""
    sys.stderr.write(text + "\n")
