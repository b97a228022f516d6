"""Limits on the plane of Baldwin, Phillips and Terlevich: log [O III]/Hβ against log [N II]/Hα."""

from __future__ import annotations

from data.arrays import FloatArray


def kauffmann(log_nii: FloatArray) -> FloatArray:
    """Return log [O III]/Hβ of the empirical star-forming limit (Kauffmann+2003, equation 1)."""
    return 0.61 / (log_nii - 0.05) + 1.3


def kewley(log_nii: FloatArray) -> FloatArray:
    """Return log [O III]/Hβ of the extreme starburst limit (Kewley+2001, equation 5)."""
    return 0.61 / (log_nii - 0.47) + 1.19
