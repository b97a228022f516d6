"""Records of SPARCL, NOIRLab's service of SDSS, BOSS and DESI spectra, as Parquet files.

The service's own interface (`sparclclient` 1.3.1), asked for JSON: its client takes pickles, which
run whatever program they hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from data.atomic import replacing
from data.fetch.wanted import Cone, FetchConfig
from data.fetch.web import Web

SERVER = "https://astrosparcl.datalab.noirlab.edu"
FIELDS = (
    "sparcl_id", "specid", "data_release", "ra", "dec", "redshift", "redshift_err",
    "redshift_warning", "spectype", "subtype", "targetid", "plate", "mjd", "fiberid",
    "wavelength", "flux", "ivar", "mask",
)  # fmt: skip
"""What is fetched of each record, as far as its release has it."""
ALWAYS = ("sparcl_id", "data_release", "ra", "dec")
BLOCK = 500
"""Records of one request and one file."""
MOST = 24_000
"""Records that the service finds in one request."""


def fetch_records(
    config: FetchConfig, web: Web, *, told: Callable[[int], object]
) -> tuple[int, int]:
    """Write `sparcl-RELEASE-NNNNN.parquet`, 500 records each; files that are there are kept.

    Args:
        config: What is wanted.
        web: How it is asked for.
        told: Called with the number of records that are there.

    Returns:
        Records wanted, and how many of them the service did not send.

    Raises:
        ValueError: The query is not understood, or finds nothing.
    """
    api = f"{config.server or SERVER}/api"
    names = _names(web.get(f"{api}/datafields/").json(), config.release)
    by_release = _found(config, web, api, names)
    missing = 0
    for release, ids in sorted(by_release.items()):
        own = {internal: name for internal, name in names[release].items() if name in FIELDS}
        for number, start in enumerate(range(0, len(ids), BLOCK)):
            block = ids[start : start + BLOCK]
            path = config.out / f"sparcl-{release}-{number:05d}.parquet"
            missing += _fetch_block(web, api, path, block, release, own)
            told(len(block))
    return sum(map(len, by_release.values())), missing


def _names(fields: list[dict[str, Any]], release: str) -> dict[str, dict[str, str]]:
    """Return, for each data release, the service's own name of each field -> its public name."""
    names: dict[str, dict[str, str]] = {}
    for item in fields:
        names.setdefault(item["data_release"], {})[item["origdp"]] = item["newdp"]
    if release and release not in names:
        raise ValueError(f"--release must be one of {', '.join(sorted(names))}, got {release}")
    return {release: names[release]} if release else names


def _found(
    config: FetchConfig, web: Web, api: str, names: dict[str, dict[str, str]]
) -> dict[str, list[str]]:
    """Return the identifiers of the records wanted, by data release, sorted."""
    internal = {public: own for own, public in next(iter(names.values())).items()}
    constraints = {"data_release": sorted(names)} | _constraints(config)
    unknown = sorted(set(constraints) - set(internal) - set(ALWAYS))
    if unknown:
        raise ValueError(f"SPARCL has no field {', '.join(unknown)}; it has {', '.join(internal)}")
    internal = {name: internal.get(name, name) for name in (*internal, *ALWAYS)}
    search = [[internal[name], *values] for name, values in constraints.items()]
    outfields = [internal[name] for name in ALWAYS]
    answer = web.post(
        f"{api}/find/?limit={min(config.most, MOST)}",
        json={"outfields": outfields, "search": search},
    ).json()
    records, cone = pd.DataFrame(answer[1:]), Cone.of(config.cone)
    if len(records) and cone:
        positions = (records[internal[axis]].to_numpy(float) for axis in ("ra", "dec"))
        records = records[cone.holds(*positions)]
    if not len(records):
        raise ValueError("SPARCL finds nothing of that kind")
    groups = records.groupby(internal["data_release"])[internal["sparcl_id"]]
    return {str(release): sorted(map(str, ids)) for release, ids in groups}


def _constraints(config: FetchConfig) -> dict[str, list[Any]]:
    """Return what is wanted as constraints of SPARCL: field -> values, or a range."""
    if config.list:
        table = config.table()
        for name, kind in (("sparcl_id", str), ("specid", int), ("targetid", int)):
            if name in table:
                return {"specid" if kind is int else name: [kind(item) for item in table[name]]}
        raise ValueError("the list must have sparcl_id, specid or targetid")
    try:
        asked = json.loads(config.query or "{}")
        constraints = {str(name): list(values) for name, values in asked.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"--query must be a JSON object of lists: {error}") from error
    cone = Cone.of(config.cone)
    if cone:
        spans, dec = cone.box()
        constraints["dec"] = list(dec)
        constraints["ra"] = list(spans[0]) if len(spans) == 1 else [0.0, 360.0]
    return constraints


def _fetch_block(
    web: Web, api: str, path: Path, ids: list[str], release: str, own: dict[str, str]
) -> int:
    """Write one file, if it is not there; return how many records did not come."""
    if path.exists():
        known = pd.read_parquet(path, columns=["sparcl_id"])["sparcl_id"].astype(str)
        if set(known) <= set(ids):
            return len(ids) - len(known)
    url = f"{api}/spectras/"
    parameters = {"include": ",".join(own), "format": "json", "dataset_list": release}
    answer = web.post(url, params=parameters, json=ids).json()
    records = [{own.get(key, key): value for key, value in item.items()} for item in answer[1:]]
    if records:
        frame = pd.DataFrame(records).assign(data_release=release)
        with replacing(path) as partial:
            frame.to_parquet(partial, index=False)
    return len(ids) - len(records)
