"""The stacked spectra of groups of objects, brought to a common scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from data.arrays import FloatArray
from data.export.spreadsheet import as_text
from explorer.export.export import Exported
from explorer.plots.groups import Groups
from explorer.state.dataset import Dataset
from model.tracks.population import Population, read_populations

STORED, WHOLE, WINDOW, PHYSICAL = "as stored", "all of it", "a window", "physical flux"
"""What spectra are divided by before they are stacked; physical flux is not."""
UNITS = {
    STORED: "flux / norm", WHOLE: "flux / its median", WINDOW: "flux / its median there",
    PHYSICAL: "flux [1e-17 erg/s/cm²/Å]",
}  # fmt: skip


@dataclass(frozen=True)
class Scaling:
    """How spectra are brought to a common scale.

    Attributes:
        kind: `STORED`, `WHOLE`, `WINDOW` or `PHYSICAL`.
        window: As typed, Angstrom: `4000-4100`.
    """

    kind: str = STORED
    window: str = ""

    def limits(self, dataset: Dataset) -> tuple[float, float] | None:
        """Return the rest-frame window, Angstrom; None where spectra are not divided.

        Raises:
            ValueError: What was typed is no window.
        """
        if self.kind == WHOLE:
            return dataset.rest_range
        if self.kind != WINDOW:
            return None
        try:
            low, high = (float(word) for word in self.window.split("-"))
        except ValueError:
            low, high = 0.0, 0.0
        if not low < high:
            raise ValueError(f"a window is two wavelengths, as in 4000-4100; got {self.window!r}")
        return low, high


def stacks(dataset: Dataset, groups: Groups, scaling: Scaling) -> list[Population] | str:
    """Return the stacked spectra of the groups, or why there are none; slow."""
    rows, atlas = groups.rows, dataset.atlas
    norms = atlas.catalog["norm"].to_numpy(float) if scaling.kind == PHYSICAL else None
    if not all(len(these) for these in rows.values()):
        return []
    try:
        read = read_populations(
            atlas.source, atlas.model, rows,
            window=scaling.limits(dataset), norms=norms,
        )  # fmt: skip
    except (ValueError, OSError) as error:
        return f"No spectra: {error}"
    return [read[name] for name in rows]


def stacks_csv(names: Sequence[str], populations: Sequence[Population]) -> Exported:
    """Return stacked spectra as a table: a row for each rest-frame wavelength."""
    columns: dict[str, FloatArray] = {"wave_rest": populations[0].stack.wave}
    for name, item in zip(names, populations, strict=True):
        low, middle, high = item.quantiles
        columns |= {
            f"{name} mean": item.stack.flux, f"{name} mean_err": item.stack.error,
            f"{name} median": middle, f"{name} median_err": item.median_error,
            f"{name} p16": low, f"{name} p84": high, f"{name} count": item.stack.count,
        }  # fmt: skip
    table = pd.DataFrame(columns).rename(columns=as_text)
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.7g")
    return Exported("stacks.csv", "text/csv", text.encode())
