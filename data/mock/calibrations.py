"""Mean line ratios of star-forming regions as functions of the oxygen abundance.

The nebular grids give lines for any metallicity and ionisation parameter. What is observed is a
sequence: `ionisation` follows it through the grids, and `corrections` say what the grids lack
there. Both come from the calibrations of Curti+2020 (MNRAS 491, 944, table 2), made from electron
temperatures of SDSS galaxies.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.polynomial.polynomial import polyval

from data.arrays import FloatArray
from data.mock.templates import YOUNG_EDGES, load_templates

SOLAR_OXYGEN = 8.69
"""12 + log10 O/H at log10 Z / Z_sun = 0."""
_VALID = (-1.09, 0.16)
"""Where the calibrations hold, log10 Z / Z_sun."""
OXYGEN_2, OXYGEN_3 = (3727.09, 3729.88), (5008.24,)
NITROGEN, SULPHUR = (6585.27,), (6718.29, 6732.68)
_HALPHA, _HBETA = 6564.61, 4862.69
RATIOS: dict[tuple[float, ...], tuple[float, tuple[float, ...]]] = {
    OXYGEN_2: (_HBETA, (0.435, -1.362, -5.655, -4.851, -0.478, 0.736)),
    OXYGEN_3: (_HBETA, (-0.277, -3.549, -3.593, -0.981)),
    NITROGEN: (_HALPHA, (-0.489, 1.513, -2.554, -5.293, -2.867)),
    SULPHUR: (_HALPHA, (-0.442, -0.360, -6.271, -8.339, -3.559)),
}
"""Lines (their sum), the line they are divided by, and coefficients of log10 of the ratio in
powers of log10 Z / Z_sun."""


def ratio(lines: tuple[float, ...], metallicity: FloatArray) -> FloatArray:
    """Return log10 of a ratio of `RATIOS` at log10 Z / Z_sun, same shape."""
    return polyval(np.clip(metallicity, *_VALID), RATIOS[lines][1])


def ionisation(metallicity: FloatArray) -> FloatArray:
    """Return the mean ionisation parameter log U at log10 Z / Z_sun, same shape."""
    nodes, log_u, _ = _sequence()
    return np.interp(metallicity, nodes, log_u)


def corrections(lines: tuple[float, ...], metallicity: FloatArray) -> FloatArray:
    """Return what the grids lack in lines of `RATIOS` on the sequence, dex, same shape."""
    nodes, _, missing = _sequence()
    return np.interp(metallicity, nodes, missing[lines])


@cache
def _sequence() -> tuple[FloatArray, FloatArray, Mapping[tuple[float, ...], FloatArray]]:
    """Return log10 Z / Z_sun, log U where the grids have the observed [O III] / [O II], and
    observed minus tabulated ratios there, for stars that form at a constant rate."""
    templates = load_templates()
    width = np.diff(YOUNG_EDGES) / YOUNG_EDGES[-1]
    table = (templates.lines * width[:, None]).sum(axis=2)
    nodes = np.arange(_VALID[0], _VALID[1] + 0.01, 0.05)
    trial = np.arange(-3.8, -1.5, 0.02)

    def tabulated(lines: tuple[float, ...]) -> FloatArray:
        """Return log10 of the lines' sum at each of `nodes` and `trial`."""
        index = [int(np.abs(templates.line_wave - wave).argmin()) for wave in lines]
        total = table[:, :, index].sum(axis=2)
        by_u = np.array([np.interp(trial, templates.log_u, row) for row in total])
        columns = [np.interp(nodes, templates.log_metallicity, column) for column in by_u.T]
        return np.log10(np.array(columns).T)

    lines = {name: tabulated(name) - tabulated((below,)) for name, (below, _) in RATIOS.items()}
    wanted = ratio(OXYGEN_3, nodes) - ratio(OXYGEN_2, nodes)
    gap = np.abs(lines[OXYGEN_3] - lines[OXYGEN_2] - wanted[:, None])
    best = gap.argmin(axis=1)
    rows = np.arange(len(nodes))
    missing = {name: ratio(name, nodes) - values[rows, best] for name, values in lines.items()}
    return nodes, trial[best], missing
