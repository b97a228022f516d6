"""What is compared between mock and real galaxies, from the lines measured on their spectra."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from benchmarks.realism.published import kauffmann, kewley
from benchmarks.realism.samples import Sample
from data.arrays import BoolArray, FloatArray, IntArray

RATIOS = {
    "n2": "log [N II]/Hα", "o3": "log [O III]/Hβ", "s2": "log [S II]/Hα", "o1": "log [O I]/Hα",
    "o2": "log [O II]/Hβ", "ne3": "log [Ne III]/Hβ", "decrement": "log Hα/Hβ",
}  # fmt: skip
"""Line ratios compared, with their labels."""
OTHERS = {
    "d4000": "D4000", "hdelta_a": "HδA [Å]", "log_ew": "log EW(Hα) [Å]", "sigma": "σ(gas) [km/s]",
    "colour": "4200 - 6100 Å [mag]", "log_snr": "log S/N per pixel",
}  # fmt: skip
"""Other quantities compared."""


def quantities(sample: Sample, lines: pd.DataFrame) -> pd.DataFrame:
    """Return `RATIOS`, `OTHERS`, and `four`: whether the four lines of the BPT plane are seen.

    Args:
        sample: The galaxies.
        lines: What `benchmarks.realism.emission.measure_lines` found.

    Returns:
        One row a galaxy; a ratio is NaN where one of its lines is below 3 sigma.
    """
    flux = {name[5:]: lines[name] for name in lines if name.startswith("flux_")}
    seen = {name: flux[name] > 3 * lines[f"err_{name}"] for name in flux}
    flux["sii"], seen["sii"] = flux["sii"] + flux["sii6731"], seen["sii"] & seen["sii6731"]
    pairs = {
        "n2": ("nii", "halpha"), "o3": ("oiii", "hbeta"), "s2": ("sii", "halpha"),
        "o1": ("oi", "halpha"), "o2": ("oii", "hbeta"), "ne3": ("neiii", "hbeta"),
        "decrement": ("halpha", "hbeta"),
    }  # fmt: skip
    table: dict[str, Any] = {
        name: np.log10((flux[above] / flux[below]).where(seen[above] & seen[below]))
        for name, (above, below) in pairs.items()
    }
    table["four"] = seen["halpha"] & seen["hbeta"] & seen["nii"] & seen["oiii"]
    table |= {name: lines[name] for name in ("d4000", "hdelta_a")}
    table["sigma"] = lines["sigma"].where(table["four"] & (flux["halpha"] > 15 * lines.err_halpha))
    table["log_ew"] = np.log10(lines["ew_halpha"].where(lines["ew_halpha"] > 0.3))
    table["halpha_snr"] = flux["halpha"] / lines["err_halpha"]
    table["nii_snr"] = flux["nii"] / lines["err_nii"]
    table["colour"], table["log_snr"] = _colour(sample), np.log10(sample.catalog["snr"])
    return pd.DataFrame(table)


def _colour(sample: Sample) -> FloatArray:
    """Return the ratio of two bands of the continuum, mag."""
    rest = sample.wave / (1 + sample.z[:, None])
    bands = []
    for low, high in ((4150, 4250), (6000, 6200)):
        inside = (rest > low) & (rest < high) & (sample.ivar > 0)
        some = inside.sum(axis=1) > 20
        total = np.where(inside, sample.flux, 0).sum(axis=1) / inside.sum(axis=1).clip(1)
        bands.append(np.where(some & (total > 0), total, np.nan))
    return -2.5 * np.log10(bands[0] / bands[1])


def above_kauffmann(table: pd.DataFrame) -> BoolArray:
    """Return which galaxies lie above the envelope of star formation."""
    return (table["o3"] > kauffmann(table["n2"].to_numpy())).to_numpy()


def class_shares(table: pd.DataFrame) -> dict[str, float]:
    """Return the parts of the classes of Brinchmann+2004 (sec. 3) among galaxies.

    With S/N > 3 in the four lines: star-forming below the curve of Kauffmann+2003, AGN above that
    of Kewley+2001, composite between. Others: low S/N LINER where [N II] and H-alpha have S/N > 3
    and their ratio is above 0.6, low S/N star-forming where H-alpha has S/N > 2.
    """
    n2, o3 = table["n2"].to_numpy(), table["o3"].to_numpy()
    four = table["four"].to_numpy()
    agn, below = four & (o3 > kewley(n2)), four & (o3 <= kauffmann(n2))
    halpha, nii = table["halpha_snr"].to_numpy(), table["nii_snr"].to_numpy()
    liner = ~four & (nii > 3) & (halpha > 3) & (n2 > np.log10(0.6))
    weak = ~four & ~liner & (halpha > 2)
    parts = {
        "star-forming": below, "low S/N star-forming": weak, "composite": four & ~agn & ~below,
        "AGN": agn, "low S/N LINER": liner, "unclassified": ~four & ~liner & ~weak,
    }  # fmt: skip
    return {name: float(np.mean(part)) for name, part in parts.items()}


def alike(real: pd.DataFrame, mock: pd.DataFrame, n_each: int = 8) -> IntArray:
    """Return mock rows most like each real galaxy in strength of H-alpha, age and S/N.

    The real galaxies at hand were not drawn as a survey draws them: they are rich in emission
    lines. What is compared at equal selection must not depend on that.
    """
    columns = ["log_ew", "d4000", "log_snr"]
    scale = real[columns].to_numpy(dtype=float)
    scale = np.nanstd(scale, axis=0, ddof=1)
    both = [table[columns].fillna(-0.6).to_numpy() / scale for table in (real, mock)]
    good = np.flatnonzero(np.isfinite(both[1]).all(axis=1))
    wanted = both[0][np.isfinite(both[0]).all(axis=1)]
    return good[KDTree(both[1][good]).query(wanted, n_each)[1].ravel()]
