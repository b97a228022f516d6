"""Read files into spectra ready to store, and reasons for those rejected."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.grid import INSTRUMENTS, WaveGrid
from data.ingest.cells import number, plain_text
from data.ingest.criteria import CatalogChoice, Criteria
from data.ingest.damage import fact_problem, other_snr, snr_problem, without_impossible
from data.ingest.file_list import file_state, printable_name
from data.ingest.formats import read_file
from data.ingest.generic.resampling import resampled
from data.ingest.prepare import Prepared, pixel_shift, prepare
from data.ingest.raw_spectrum import NO_MASK, OTHER, RawSpectrum

if TYPE_CHECKING:  # importing pandas would double the time in which a reading process starts
    from data.ingest.catalog.external_catalog import Catalog

Z_DIFFERS = 0.005
"""Redshifts of file and catalogue differ if they are more than this times 1 + z apart."""
SAME_Z = 1e-5
"""Redshifts so near are one that was rounded."""
WHOLE_FACT = "right ascension, declination or redshift is a whole number: were its decimals lost?"
OTHER_SNR = (
    "contradiction: the median signal to noise of the spectrum is not that in the file's table "
    "(SN_MEDIAN_ALL)"
)
RESAMPLED = (
    "resampled onto the {} grid from wavelengths of their own; --instrument and a name of yours "
    "gives them a grid made from these"
)


@dataclass(frozen=True)
class Rejection:
    """A file or object left out; `reason` is `kind` or `kind: details`."""

    file: str
    object_id: str
    reason: str

    @property
    def kind(self) -> str:
        """The reason without its details."""
        return self.reason.split(": ")[0]


@dataclass
class FileContents:
    """What some files hold: accepted objects (catalogue rows, spectra) and rejected ones.

    `states` are those of the files before they were read (`file_list.file_state`); `masked` tells
    how many pixels of accepted spectra each bit of their masks leaves out, of how many (`""`);
    `grids` names the grid of each row.
    """

    files: list[str]
    states: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    grids: list[str] = field(default_factory=list)
    flux: list[NDArray[np.float32]] = field(default_factory=list)
    ivar: list[NDArray[np.float32]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)

    def add(self, other: FileContents) -> None:
        """Append what some of the files hold."""
        for item in fields(self):
            if item.name != "files":
                total = getattr(self, item.name)
                total += getattr(other, item.name)


def read_batch(files: list[str], criteria: Criteria) -> FileContents:
    """Read some files; a faulty one is rejected, with its error as the reason."""
    contents = FileContents(files=files)
    for name in files:
        printed = printable_name(name)
        contents.states.append(file_state(name))
        n_before = len(contents.rows) + len(contents.rejected)
        try:
            for raw in _read(name, criteria):
                _take(raw, printed, criteria, contents)
            if len(contents.rows) + len(contents.rejected) == n_before:
                raise ValueError("no object: the file's tables have no row")
        except (ValueError, OSError) as error:
            contents.rejected.append(Rejection(printed, "", plain_text(_reason(error))))
        except Exception as error:  # a hostile file may raise anything
            reason = f"unreadable: {type(error).__name__}: {error}"
            contents.rejected.append(Rejection(printed, "", plain_text(reason)))
    return contents


def _read(name: str, criteria: Criteria) -> Iterator[RawSpectrum]:
    return read_file(Path(name), criteria.mask, criteria.assumed)


def _take(raw: RawSpectrum, file: str, criteria: Criteria, contents: FileContents) -> None:
    """Add one object to the accepted or to the rejected ones."""
    facts = dict(raw.facts)
    object_id = facts["object_id"] = plain_text(facts["object_id"])
    if criteria.catalog is not None:
        facts |= _from_catalog(facts, criteria.catalog, file)
    if criteria.z is not None:
        facts["z"] = criteria.z
    problem = raw.problem or fact_problem(facts) or criteria.cuts.reason(facts)
    name = criteria.grids.target[raw.instrument]
    grid = criteria.grids.by_name[name]
    shift = pixel_shift(grid if raw.wave is not None else INSTRUMENTS[raw.instrument], grid)
    if not problem and shift is None:
        fits = f"{raw.instrument} pixels do not fit the {name} grid; leave --instrument out"
        problem = f"other grid: {fits}"
    if problem:
        contents.rejected.append(Rejection(file, object_id, problem))
        return
    try:
        raw = resampled(without_impossible(raw), grid)
        ready = _prepared(raw, grid, shift or 0, facts["z"], criteria)
    except ValueError as error:
        known = (remark for remark in raw.remarks if remark != NO_MASK)
        reason = "; ".join((str(error), *known))
        contents.rejected.append(Rejection(file, object_id, reason))
        return
    if problem := snr_problem(ready.snr) or criteria.cuts.noise_reason(ready.snr):
        contents.rejected.append(Rejection(file, object_id, problem))
        return
    contents.masked.update(raw.masked_by)
    contents.masked[""] += raw.n_measured
    measures = {"snr": ready.snr, "norm": ready.norm, "mask_fraction": ready.mask_fraction}
    seen_by = {"instrument": criteria.grids.instrument(raw.instrument), "file": file}
    contents.rows.append(facts | measures | seen_by)
    contents.grids.append(name)
    contents.remarks.update(_remarks(raw, facts, ready.snr))
    if raw.instrument == OTHER and name in INSTRUMENTS:
        contents.remarks[RESAMPLED.format(name)] += 1
    contents.flux.append(ready.flux)
    contents.ivar.append(ready.ivar)


def _prepared(
    raw: RawSpectrum, grid: WaveGrid, shift: int, z: float, criteria: Criteria
) -> Prepared:
    """Return a spectrum ready to be stored on a grid, `shift` pixels from its own.

    Raises:
        ValueError: Nothing of it lies on the grid, or nothing can normalise it.
    """
    return prepare(
        grid,
        pixel=raw.pixel + shift,
        flux=raw.flux,
        ivar=raw.ivar,
        masked=raw.masked,
        z=z,
        norm_range=criteria.norm,
    )


def _remarks(raw: RawSpectrum, facts: Mapping[str, Any], snr: float) -> tuple[str, ...]:
    """Return what to say of an accepted spectrum."""
    told = raw.remarks
    if facts.get("catalog_row", -1) < 0:
        missing = [name for name in ("ra", "dec", "zwarning") if math.isnan(number(facts[name]))]
        missing += ["class"] if not facts["class"] else []
        told += (f"not in the file: {', '.join(missing)}",) if missing else ()
    if any(number(facts[name]) % 1 == 0 for name in ("ra", "dec", "z")):
        told += (WHOLE_FACT,)
    return (*told, OTHER_SNR) if other_snr(snr, raw.stated_snr) else told


def _from_catalog(facts: dict[str, Any], choice: CatalogChoice, file: str) -> dict[str, Any]:
    """Return redshift and class as file and catalogue have them, and whether these differ."""
    catalog = open_catalog(choice)
    row = catalog.find(object_id=facts["object_id"], ra=facts["ra"], dec=facts["dec"], file=file)
    z, kind = catalog.redshift(row), catalog.kind(row)
    known_z, known_kind = bool(np.isfinite(facts["z"])), bool(facts["class"])
    differs = known_z and abs(facts["z"] - z) > Z_DIFFERS * (1 + z)
    take_z = np.isfinite(z) and (choice.preferred or not known_z)
    take_kind = bool(kind) and (choice.preferred or not known_kind)
    own = {"z": z if take_z else facts["z"], "class": facts["class"]}
    if take_z and not abs(facts["z"] - z) <= SAME_Z:  # the file's error is not that of another z
        own |= {name: catalog.number(name, row) for name in ("z_err", "zwarning")}
    if take_kind:
        own |= {"class": kind, "subclass": catalog.text("subclass", row)}
    return {
        **own,
        "catalog_row": row,
        "z_differs": bool(differs),
        "class_differs": known_kind and bool(kind) and kind != facts["class"],
    }


@cache
def open_catalog(choice: CatalogChoice) -> Catalog:
    """Return the catalogue, read once in each process."""
    from data.ingest.catalog.external_catalog import Catalog

    return Catalog(
        choice.path, match=choice.match, table=choice.table, columns=dict(choice.columns)
    )


def _reason(error: ValueError | OSError) -> str:
    if isinstance(error, OSError):
        return f"unreadable: {error.strerror or error}"
    return str(error)
