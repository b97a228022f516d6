"""Spectra of SDSS, BOSS and eBOSS: `lite` files of the Science Archive Server.

Layout of the data model (https://www.sdss4.org/dr17/spectro/spectro_access/); SkyServer's SQL
search as `astroquery.sdss` 0.4.11 calls it, at most 500,000 rows.
"""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from data.fetch.wanted import Cone, FetchConfig, Remote, numbers_of
from data.fetch.web import Web

FILES, SEARCH = "https://data.sdss.org/sas", "https://skyserver.sdss.org"
RUNS = ("26", "103", "104", "v5_13_2")
"""Reductions of DR17: SDSS and SEGUE-1, SEGUE-2, special plates, BOSS and eBOSS; what is tried
where a list does not say which."""
FIRST_BOSS_PLATE = 3510


def wanted_files(config: FetchConfig, web: Web) -> list[Remote]:
    """Return the files that were asked for.

    Raises:
        ValueError: The list has not the columns that name a spectrum, or the query fails.
    """
    rows = _listed(config.table()) if config.list else _searched(config, web)
    return [_file(row, config) for row in rows.head(config.most).to_dict("records")]


def _listed(table: pd.DataFrame) -> pd.DataFrame:
    if "fiberid" in table and "fiber" not in table:
        table = table.rename(columns={"fiberid": "fiber"})
    if "object_id" in table and "plate" not in table:
        parts = table["object_id"].str.extract(r"^\s*(?:spec-)?(\d+)-(\d+)-(\d+)")
        table = table.assign(plate=parts[0], mjd=parts[1], fiber=parts[2])
    lacks = {"plate", "mjd", "fiber"} - set(table)
    if lacks:
        raise ValueError(
            f"the list must have plate, mjd and fiber, or object_id as plate-mjd-fiber; it lacks "
            f"{', '.join(sorted(lacks))}"
        )
    whole = {
        name: numbers_of(table, name, low=1, high=999_999).astype(np.int64)
        for name in ("plate", "mjd", "fiber")
    }
    table = table.assign(**whole)
    return table


def _searched(config: FetchConfig, web: Web) -> pd.DataFrame:
    """Ask SkyServer."""
    cone = Cone.of(config.cone)
    conditions = [f"({config.query})"] if config.query else []
    if cone:
        spans, (low, high) = cone.box()
        ra = " OR ".join(f"ra BETWEEN {first:.8f} AND {last:.8f}" for first, last in spans)
        conditions += [f"({ra})", f"dec BETWEEN {low:.8f} AND {high:.8f}"]
    top = "" if cone else f"TOP {config.most} "
    sql = (
        f"SELECT {top}plate, mjd, fiberID AS fiber, run2d, ra, dec FROM SpecObj "
        f"WHERE {' AND '.join(conditions)}"
    )
    release = config.release or "dr17"
    url = f"{config.server or SEARCH}/{release}/en/tools/search/x_results.aspx"
    answer = web.get(url, params={"cmd": sql, "format": "csv", "searchtool": "SQL"})
    text = answer.text.removeprefix("#Table1\n")  # its first line, see astroquery
    try:
        rows = pd.read_csv(io.StringIO(text), dtype={"run2d": str})
        rows = rows.astype({"plate": int, "mjd": int, "fiber": int})
    except (ValueError, KeyError) as error:
        raise ValueError(f"SkyServer did not answer with a table: {text[:300]}") from error
    if not cone:
        return rows
    return rows.loc[cone.holds(rows["ra"].to_numpy(), rows["dec"].to_numpy())]


def _file(row: dict[str, object], config: FetchConfig) -> Remote:
    plate, mjd, fiber = (int(str(row[name])) for name in ("plate", "mjd", "fiber"))
    name = f"spec-{plate:04d}-{mjd}-{fiber:04d}.fits"
    known = str(row.get("run2d") or "").strip()
    boss = plate >= FIRST_BOSS_PLATE
    runs = (known,) if known not in ("", "nan") else RUNS[::-1] if boss else RUNS
    base = f"{config.server or FILES}/{config.release or 'dr17'}/sdss/spectro/redux"
    urls = (f"{base}/{run}/spectra/lite/{plate:04d}/{name}" for run in runs)
    return Remote(f"{plate:04d}/{name}", tuple(urls))
