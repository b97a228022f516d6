"""Spectra that archives hand out as records: one object a row, its arrays among its facts.

SPARCL records, spectra of the Multimodal Universe and nested columns of HATS/LSDB catalogues differ
in file format and in names. A record here is a mapping from names, as the file spells them, to
numbers, texts and arrays; what is nested in `spectrum` counts as if it stood beside the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.grid import INSTRUMENTS
from data.ingest.cells import decoded, plain_text, whole_number
from data.ingest.generic.own_grid import Recorded
from data.ingest.generic.spectrum_table import spectrum_of_columns
from data.ingest.generic.units import FLUX_UNIT
from data.ingest.raw_spectrum import lattice

IDS = ("targetid", "specid", "object_id", "specobjid", "sparcl_id", "objid", "id")
"""What identifies the object of a record, the most certain first."""
ARMS = ("b", "r", "z")
"""Arms of DESI."""
ARM_LISTS = ("band", "arm", "camera", "channel")
"""Arrays that name the arm of each pixel."""
LOST_IDENTIFIER = "the first identifier of the record has no value or lost digits: another is taken"
NO_IDENTIFIER = "nothing in the record identifies its object: named after the file"
PREFIX = "spectrum_"
"""How the Multimodal Universe begins the names of arrays."""
SURVEYS = ("data_release", "spectrum_flux")
"""Names that only records of surveys in vacuum Angstrom and 1e-17 erg/s/cm2/A have."""
SURVEY_UNIT = {"BUNIT": str(FLUX_UNIT)}
WHOLE_FACTS, TEXT_FACTS = ("targetid", "plate", "mjd", "healpix"), ("survey", "program")
"""Facts kept as columns."""
MIN_PIXELS = 10
"""Shorter arrays are facts (magnitudes, say), not spectra."""


def is_record(names: set[str]) -> bool:
    """Return whether names, lower case, are those of records with spectra."""
    bare = {name.rpartition(".")[2].removeprefix(PREFIX) for name in names}
    return "flux" in bare or {"b_flux", "r_flux", "z_flux"} & bare != set()


@np.errstate(all="ignore")  # values of damaged files overflow: they get no weight
def record_spectrum(
    record: Mapping[str, Any],
    fallback: str,
    *,
    units: Mapping[str, str] | None = None,
    header: Mapping[str, Any] | None = None,
) -> Recorded:
    """Return the spectrum of a record.

    Args:
        record: Name, as the file spells it, to value; nested names as `spectrum.flux`.
        fallback: Identifier of a record that has none.
        units: Name -> unit as the file states it.
        header: Header of the file; the record's own facts come before it.

    Raises:
        ValueError: It has no spectrum, or its arrays do not belong together.
    """
    known = {key.lower() for key in record}
    values = {_bare(key): value for key, value in record.items() if value is not None}
    arrays = {
        key: np.asarray(value)
        for key, value in values.items()
        if np.ndim(value) == 1 and len(value) >= MIN_PIXELS
    }
    if not arrays:
        raise ValueError(
            "a row must be a spectrum, its flux, ivar and wavelength lists; this has none of "
            f"{MIN_PIXELS} pixels or more (a table of one pixel a row is read as CSV); it has "
            + ", ".join(list(values)[:12])
        )
    cards = {key.upper(): value for key, value in values.items() if np.ndim(value) == 0}
    arrays = _without_padding(_one_array_each(arrays, cards))
    from_survey = any(name in known for name in SURVEYS)
    if from_survey:
        cards.setdefault("AIRORVAC", "vac")
    whole = {name: whole_number(cards.get(name.upper())) for name in WHOLE_FACTS}
    facts: dict[str, Any] = {name: value for name, value in whole.items() if value is not None}
    facts |= {name: plain_text(cards[name.upper()]) for name in TEXT_FACTS if name.upper() in cards}
    name, skipped = _identifier(values)
    stated = {_bare(key): unit for key, unit in (units or {}).items()}
    spectrum = spectrum_of_columns(
        arrays,
        {key: stated.get(key, "") for key in arrays},
        dict(header or {}) | _with_warning(cards) | (SURVEY_UNIT if from_survey else {}),
        name or fallback,
    )
    told = (LOST_IDENTIFIER,) if name and skipped else () if name else (NO_IDENTIFIER,)
    remarks = spectrum.remarks + told
    return replace(spectrum, facts=facts, remarks=remarks)


def _bare(key: str) -> str:
    return key.rpartition(".")[2].lower().removeprefix(PREFIX)


def _identifier(values: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the first identifier as text, to the last digit, and whether another was no value.

    The text is empty if there is none.
    """
    skipped = False
    for name in IDS:
        if name not in values or np.ndim(values[name]) > 0:
            continue
        value = values[name]
        if not isinstance(value, str | bytes):
            exact = whole_number(value)
            value = str(exact) if exact is not None and exact > 0 else ""  # others stand for none
        text = decoded(value) if isinstance(value, bytes) else value
        text = plain_text(text.removeprefix("b'").removesuffix("'"))  # bytes printed as text
        if text and text.lower() not in ("nan", "none"):
            return text, skipped
        skipped = True
    return "", skipped


def _with_warning(cards: dict[str, Any]) -> dict[str, Any]:
    """Return facts with ZWARNING as a number.

    A ZWARN that is a truth value is one of the Multimodal Universe for DESI, whose conversion
    turned it round: true where the redshift has no warning (scripts/desi/desi.py there). Their
    SDSS has ZWARNING, true where there is one.
    """
    facts = {key: value for key, value in cards.items() if key not in ("ZWARN", "REDSHIFT_WARNING")}
    warning = cards.get("ZWARN", cards.get("REDSHIFT_WARNING"))
    if isinstance(facts.get("ZWARNING"), bool | np.bool_):
        facts["ZWARNING"] = int(facts["ZWARNING"])
    if isinstance(warning, bool | np.bool_):
        facts["ZWARNING"] = 0 if warning else 1
    elif warning is not None:
        facts["ZWARNING"] = warning
    return facts


def _one_array_each(
    arrays: dict[str, NDArray[Any]], cards: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """Return arrays of one spectrum: arms put together, wavelengths made where only ends are."""
    named = next((name for name in ARM_LISTS if name in arrays), None)
    if named is not None:
        arrays = _split(arrays, named)
    if any(f"{arm}_flux" in arrays for arm in ARMS):
        return _merged(arrays)
    ends = "LAMBDA_MIN", "LAMBDA_MAX"
    if "lambda" not in arrays and "flux" in arrays and all(end in cards for end in ends):
        low, high = (float(cards[end]) for end in ends)
        arrays = arrays | {"lambda": np.linspace(low, high, len(arrays["flux"]))}
    return arrays


def _split(arrays: dict[str, NDArray[Any]], named: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of each arm, where one array names the arm of each pixel."""
    names = np.array([plain_text(value).lower()[:1] for value in arrays[named]])
    return {
        f"{arm}_{key}": values[names == arm]
        for arm in ARMS
        for key, values in arrays.items()
        if key != named and len(values) == len(names) and (names == arm).any()
    }


def _merged(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Put DESI arms on the DESI grid, weighted by inverse variance where they overlap.

    Raises:
        ValueError: An arm lacks an array, or its wavelengths lie off the grid.
    """
    grid = INSTRUMENTS["desi"]
    weight, weighted = np.zeros((2, grid.n_pixel))
    for arm in ARMS:
        if f"{arm}_flux" not in arrays:
            continue
        own = {
            key.removeprefix(f"{arm}_"): values.astype(float)
            for key, values in arrays.items()
            if key.startswith(f"{arm}_")
        }
        wave = next((own[name] for name in ("wavelength", "wave", "lambda") if name in own), None)
        if wave is None or "ivar" not in own:
            raise ValueError(
                f"nearest to a record of DESI arms (b_flux, b_ivar, b_wavelength, ...), but arm "
                f"{arm} has only {', '.join(own)}"
            )
        if not len(wave) == len(own["flux"]) == len(own["ivar"]):
            raise ValueError(f"bad shape: the arrays of arm {arm} are not equally long")
        pixel = lattice(wave, grid)
        good = np.isfinite(own["flux"]) & np.isfinite(own["ivar"]) & (own["ivar"] > 0)
        good &= (own.get("mask", np.zeros(len(wave))) == 0) & (pixel >= 0) & (pixel < grid.n_pixel)
        weight[pixel[good]] += own["ivar"][good]
        weighted[pixel[good]] += (own["flux"] * own["ivar"])[good]
    flux = np.divide(weighted, weight, out=np.zeros_like(weighted), where=weight > 0)
    return {"wavelength": grid.wave, "flux": flux, "ivar": weight, "mask": weight == 0}


def _without_padding(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return arrays without the pixels that fill up a row: wavelengths of -1, 0 or NaN."""
    name = next((name for name in ("lambda", "wavelength", "wave") if name in arrays), None)
    if name is None:
        return arrays
    wave = arrays[name]
    real = np.isfinite(wave.astype(float)) & (wave > 0)
    if real.all():
        return arrays
    return {
        key: values[real] if len(values) == len(wave) else values for key, values in arrays.items()
    }
