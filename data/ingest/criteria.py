"""What is asked of files and objects to be accepted, the same for all of an ingest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.grid import NORM_RANGE
from data.ingest.generic.assumed import NOTHING_ASSUMED, Assumed
from data.ingest.grids import Grids
from data.ingest.pixel_mask import DEFAULT_POLICY, MaskPolicy
from data.ingest.sample_cuts import SampleCuts


@dataclass(frozen=True, kw_only=True)
class CatalogChoice:
    """The user's catalogue, and how it is read.

    Attributes:
        path: The file.
        match: How its rows are found: by identifier or by position.
        table: Name or number of the table, where the file holds several.
        columns: Pairs of standard column and column of the table.
        preferred: Whether its redshifts and classes win over those of the files.
    """

    path: Path
    match: Literal["id", "radec"]
    table: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    preferred: bool = False


@dataclass(frozen=True)
class Criteria:
    """Acceptance criteria, the same for all files.

    Attributes:
        grids: Observed-frame grids of the survey.
        catalog: The user's catalogue, or none.
        cuts: What the sample asks of its objects.
        mask: Which bits of a file's mask leave a pixel out.
        assumed: What is taken for granted where a file does not say it.
        z: Redshift of all objects, whatever their files say.
        norm: Rest-frame wavelengths whose median flux is the norm, Angstrom; None does without.
    """

    grids: Grids
    catalog: CatalogChoice | None = None
    cuts: SampleCuts = SampleCuts()
    mask: MaskPolicy = DEFAULT_POLICY
    assumed: Assumed = NOTHING_ASSUMED
    z: float | None = None
    norm: tuple[float, float] | None = NORM_RANGE
