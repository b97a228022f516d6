"""What real spectra have and ideal ones lack: each kind can be left out of a mock survey.

The sizes stand beside the code that uses them; they were measured on the files of 157 SDSS
objects (`benchmarks.realism` says how well mocks and real spectra agree).
"""

from __future__ import annotations

VARIETY: dict[str, tuple[str, ...]] = {
    "line-ratios": ("nitrogen", "ionisation", "hardness", "excitation", "line "),
    "gas-motions": ("gas offset", "gas vdisp", "wing"),
    "redshift-errors": ("z error",),
    "line-spread": ("line spread",),
    "calibration": ("calibration",),
    "noise-shape": ("noise shape",),
    "sky-residuals": ("residual sky",),
    "cosmic-rays": ("weak cosmic rays",),
}
"""Names of the kinds, and how the purposes of their random numbers begin."""


def silenced(without: tuple[str, ...]) -> tuple[str, ...]:
    """Return the beginnings of the purposes that are left out.

    Raises:
        ValueError: One of `without` is no kind of variety.
    """
    unknown = [name for name in without if name not in VARIETY]
    if unknown:
        raise ValueError(f"variety to leave out must be of {list(VARIETY)}, got {unknown[0]!r}")
    return tuple(start for name in without for start in VARIETY[name])
