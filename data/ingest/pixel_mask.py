"""Which bits of a file's pixel mask leave a pixel out, for every survey.

The pipelines flag far more than bad pixels: a bit may say of a whole fibre that one of its columns
was doubtful. The default leaves out pixels whose residuals to the pipeline's own model are larger
than those of unflagged ones, and those with bits too rare to tell. Measured on 158 SDSS and BOSS
galaxies, as robust scatter in units of the stated noise (unflagged pixels 1.14): BADTRACE 1.14,
BADFLAT 1.02 and MANYBADCOLUMNS 1.20 (1.16 where it stands alone) are used; NEARBADPIXEL 1.31,
BRIGHTSKY 1.31 and BADSKYCHI 1.55 are not. The bits that are used had taken 6 % of all pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.arrays import BoolArray, IntArray

SDSS_BITS = {
    "NOPLUG": 0, "BADTRACE": 1, "BADFLAT": 2, "BADARC": 3, "MANYBADCOLUMNS": 4, "MANYREJECTED": 5,
    "LARGESHIFT": 6, "BADSKYFIBER": 7, "NEARWHOPPER": 8, "WHOPPER": 9, "SMEARIMAGE": 10,
    "SMEARHIGHSN": 11, "SMEARMEDSN": 12, "NEARBADPIXEL": 16, "LOWFLAT": 17, "FULLREJECT": 18,
    "PARTIALREJECT": 19, "SCATTEREDLIGHT": 20, "CROSSTALK": 21, "NOSKY": 22, "BRIGHTSKY": 23,
    "NODATA": 24, "COMBINEREJ": 25, "BADFLUXFACTOR": 26, "BADSKYCHI": 27, "REDMONSTER": 28,
}  # fmt: skip
"""SPPIXMASK of SDSS, BOSS, eBOSS and SDSS-V."""
DESI_BITS = {
    "SOMEBADPIX": 0, "ALLBADPIX": 1, "COSMIC": 2, "LOWFLAT": 3, "BADFIBERFLAT": 4, "BRIGHTSKY": 5,
    "BADSKY": 6, "BAD2DFIT": 7, "NODATA": 8, "BADFIBER": 9,
}  # fmt: skip
"""Spectral pixel mask (specmask) of DESI."""
USED = ("BADTRACE", "BADFLAT", "MANYBADCOLUMNS", "SMEARIMAGE", "SMEARHIGHSN", "SMEARMEDSN")
"""Bits of whole SDSS fibres whose pixels are as good as others; the last three tell of guiding."""
ALL = -1
"""Every bit, named or not."""


@dataclass(frozen=True)
class MaskPolicy:
    """The bits that leave a pixel out.

    Attributes:
        sdss: Bits of SDSS, BOSS and SDSS-V masks.
        desi: Bits of DESI masks.
    """

    sdss: int
    desi: int

    def masked(self, values: IntArray, *, desi: bool = False) -> BoolArray:
        """Return which pixels are left out, of mask values of the same shape."""
        return (np.asarray(values).astype(np.int64) & (self.desi if desi else self.sdss)) != 0

    def cost(self, values: IntArray, *, desi: bool = False) -> dict[str, int]:
        """Return bit -> how many of some pixels it leaves out."""
        values = np.asarray(values).astype(np.int64)
        known = DESI_BITS if desi else SDSS_BITS
        present = int(np.bitwise_or.reduce(values)) & (self.desi if desi else self.sdss)
        return {
            name: int(np.count_nonzero(values >> bit & 1))
            for name, bit in known.items()
            if present >> bit & 1
        }


def mask_policy(names: Sequence[str]) -> MaskPolicy:
    """Return the policy that a user asked for.

    Args:
        names: `default`, `all` or `none`, or the names of bits.

    Raises:
        ValueError: No survey has a bit of that name.
    """
    words = tuple(name.upper() for name in names)
    if words == ("DEFAULT",):
        used = sum(1 << SDSS_BITS[name] for name in USED)
        return MaskPolicy(sdss=ALL & ~used, desi=ALL)
    if words == ("ALL",):
        return MaskPolicy(sdss=ALL, desi=ALL)
    if words == ("NONE",):
        return MaskPolicy(sdss=0, desi=0)
    unknown = [word for word in words if word not in SDSS_BITS and word not in DESI_BITS]
    if unknown or not words:
        raise ValueError(
            f"--mask-bits takes default, all, none or names of bits, got {' '.join(unknown)!r}; "
            f"SDSS has {', '.join(SDSS_BITS)}; DESI has {', '.join(DESI_BITS)}"
        )
    return MaskPolicy(
        sdss=sum(1 << SDSS_BITS[word] for word in set(words) if word in SDSS_BITS),
        desi=sum(1 << DESI_BITS[word] for word in set(words) if word in DESI_BITS),
    )


DEFAULT_POLICY = mask_policy(("default",))
