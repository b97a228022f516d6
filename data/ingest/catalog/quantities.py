"""Quantities that a catalogue may have, and the names and ranges they are known by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A standard column and what it is recognised by.

    Attributes:
        names: Names in tables, lower case, letters and digits only, the most certain first.
        low: Lowest value possible.
        high: Highest value possible.
    """

    names: tuple[str, ...]
    low: float = -np.inf
    high: float = np.inf


QUANTITIES = {
    "object_id": Quantity(names=("objectid",)),
    "targetid": Quantity(names=("targetid",)),
    "path": Quantity(names=("path", "filepath", "file", "filename", "specfile")),
    "plate": Quantity(names=("plate", "plateid"), low=1),
    "mjd": Quantity(names=("mjd",), low=40000, high=80000),
    "fiber": Quantity(names=("fiber", "fiberid", "fibre"), low=0),
    "ra": Quantity(
        names=(
            "ra", "raj2000", "raicrs", "targetra", "plugra", "radeg", "meanfiberra", "alphaj2000",
            "rightascension",
        ),
        low=-180, high=360,
    ),
    "dec": Quantity(
        names=(
            "dec", "dej2000", "deicrs", "decl", "targetdec", "plugdec", "dedeg", "decdeg", "de",
            "meanfiberdec", "deltaj2000", "declination",
        ),
        low=-90, high=90,
    ),
    "z": Quantity(
        names=(
            "z", "redshift", "zspec", "zhp", "zbest", "zsp", "zhelio", "zredrock", "specz",
            "zspectro", "zcmb",
        ),
        low=-0.02, high=12,
    ),
    "z_err": Quantity(
        names=("zerr", "ez", "redshifterr", "redshifterror", "zerror"), low=0, high=12
    ),
    "class": Quantity(names=("class", "spectype")),
    "subclass": Quantity(names=("subclass", "subtype")),
    "zwarning": Quantity(names=("zwarning", "zwarn")),
    "log_mass": Quantity(
        names=(
            "logmass", "logmstar", "lgmtotp50", "provabgslogmstarbf", "provabgslogmstar", "logm",
            "lmass", "logmassstar", "logms", "logstellarmass",
        ),
        low=3, high=14,
    ),
    "log_ssfr": Quantity(
        names=("logssfr", "specsfrtotp50", "logspecsfr", "lssfr"), low=-20, high=-4
    ),
    "log_sfr": Quantity(names=("logsfr", "logsfrsed", "sfrtotp50", "lsfr"), low=-12, high=5),
    "sfr": Quantity(names=("sfr", "provabgsavgsfr1gyrbf"), low=0, high=1e5),
    "a_v": Quantity(names=("av", "avmag"), low=-1, high=30),
}  # fmt: skip
"""Standard column -> what MPA-JHU, GSWLC, FastSpecFit, PROVABGS, SkyServer and VizieR call it."""
