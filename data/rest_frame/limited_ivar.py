"""A floor of the errors of pixels, so that none counts for more than some signal-to-noise.

limited_ivar(flux, ivar, 50.0) -> ivar
"""

from __future__ import annotations

from typing import Any, TypeVar

Values = TypeVar("Values", bound=Any)


def limited_ivar(flux: Values, ivar: Values, max_snr: float) -> Values:
    """Return inverse variances at which no pixel's S/N is above `max_snr`; 0 leaves them as is.

    The brightest lines of a survey have thousands of times the weight of its continua, and rule a
    mean over spectra; no calibration is as good as their S/N (Portillo+2020, section 3: 50).

    Args:
        flux: NumPy array or tensor, finite.
        ivar: 0 where masked, same shape.
        max_snr: The limit; pixels below it keep their inverse variance.
    """
    if not max_snr:
        return ivar
    return ivar / ((flux * ivar**0.5 / max_snr) ** 2).clip(min=1)
