"""Writes SDSS and DESI files like those of the pipelines, with what a test wants changed."""

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

N_SDSS = 3840
LOGLAM0 = 3.5801


def sdss_columns(*, seed: int = 1, n_pixel: int = N_SDSS) -> dict[str, np.ndarray]:
    """A smooth galaxy-like continuum around 10, S/N about 20."""
    rng = np.random.default_rng(seed)
    loglam = LOGLAM0 + 1e-4 * np.arange(n_pixel)
    model = 10 * (10**loglam / 5500) ** -0.5
    return {
        "flux": (model + rng.normal(0, 0.5, n_pixel)).astype("f4"),
        "loglam": loglam.astype("f4"),
        "ivar": np.full(n_pixel, 4.0, "f4"),
        "and_mask": np.zeros(n_pixel, "i4"),
    }


def sdss_facts(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "PLATE": 266,
        "MJD": 51602,
        "FIBERID": 1,
        "PLUG_RA": 146.7,
        "PLUG_DEC": -1.04,
        "CLASS": "GALAXY",
        "SUBCLASS": "STARFORMING",
        "Z": 0.1,
        "Z_ERR": 1e-5,
        "ZWARNING": 0,
        "VDISP": 120.0,
        "SOURCETYPE": "GALAXY",
    }
    facts |= changes
    return {name: value for name, value in facts.items() if value is not None}


def write_sdss(
    path: Path, *, columns: dict[str, np.ndarray] | None = None, seed: int = 1, **facts: Any
) -> Path:
    """Write a spec file; a fact given as None is left out."""
    columns = sdss_columns(seed=seed) if columns is None else columns
    spectrum = fits.BinTableHDU(_table(columns), name="COADD")
    cells = {name: np.array([value]) for name, value in sdss_facts(**facts).items()}
    hdus = [fits.PrimaryHDU(), spectrum, fits.BinTableHDU(_table(cells), name="SPECOBJ")]
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_desi(
    path: Path, *, targetids: list[int], z: list[float] | None = None, seed: int = 1
) -> Path:
    """Write a coadd file and, with `z`, its redrock file beside it."""
    rng = np.random.default_rng(seed)
    n = len(targetids)
    fibers = {
        "TARGETID": np.array(targetids),
        "TARGET_RA": 150.0 + 0.1 * np.arange(n),
        "TARGET_DEC": np.full(n, 2.0),
        "OBJTYPE": np.array(["TGT"] * n),
        "COADD_FIBERSTATUS": np.zeros(n, "i4"),
    }
    hdus: list[Any] = [fits.PrimaryHDU(), fits.BinTableHDU(_table(fibers), name="FIBERMAP")]
    for arm, first, n_pixel in (("B", 3600.0, 2751), ("R", 5760.0, 2326), ("Z", 7520.0, 2881)):
        wave = first + 0.8 * np.arange(n_pixel)
        hdus += [
            fits.ImageHDU(wave, name=f"{arm}_WAVELENGTH"),
            fits.ImageHDU((5 + rng.normal(0, 0.5, (n, n_pixel))).astype("f4"), name=f"{arm}_FLUX"),
            fits.ImageHDU(np.full((n, n_pixel), 4.0, "f4"), name=f"{arm}_IVAR"),
            fits.ImageHDU(np.zeros((n, n_pixel), "i4"), name=f"{arm}_MASK"),
        ]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    if z is not None:
        rows = {
            "TARGETID": np.array(targetids),
            "Z": np.array(z),
            "ZERR": np.full(n, 1e-5),
            "ZWARN": np.zeros(n, "i4"),
            "SPECTYPE": np.array(["GALAXY"] * n),
        }
        name = path.name.replace("coadd-", "redrock-")
        redshifts = fits.BinTableHDU(_table(rows), name="REDSHIFTS")
        fits.HDUList([fits.PrimaryHDU(), redshifts]).writeto(path.with_name(name), overwrite=True)
    return path


def _table(columns: dict[str, np.ndarray]) -> np.ndarray:
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    arrays = {k: v.astype("S") if v.dtype.kind == "U" else v for k, v in arrays.items()}
    n_row = len(next(iter(arrays.values())))
    table = np.zeros(n_row, dtype=[(k, v.dtype, v.shape[1:]) for k, v in arrays.items()])
    for name, values in arrays.items():
        table[name] = values
    return table
