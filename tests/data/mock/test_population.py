"""What the galaxies of a mock survey are, against published relations."""

import numpy as np
import pandas as pd
import pytest

from data.mock.calibrations import NITROGEN, OXYGEN_3, SULPHUR, ratio
from data.mock.instrument import MOCK_INSTRUMENTS
from data.mock.light import draw_light
from data.mock.lines import line_index
from data.mock.object_random import ObjectRandom
from data.mock.population import KINDS, main_sequence

N = 20_000


@pytest.fixture(scope="module")
def light():
    random = ObjectRandom(seed=11, index=np.arange(N))
    return draw_light(random, MOCK_INSTRUMENTS["sdss"], np.zeros(N, dtype=int))


@pytest.fixture(scope="module")
def forming(light):
    galaxies = light.galaxies
    return (galaxies.kind <= KINDS.index("starburst")) & (galaxies.nucleus == 0)


def _sum(light, waves):
    return light.lines[:, [line_index(wave) for wave in waves]].sum(axis=1)


def test_strong_starbursts_are_rare(light):
    narrow = light.halpha_ew[light.galaxies.nucleus != 3]
    assert (light.halpha_ew > 500).mean() < 1e-3
    assert 1e-3 < (narrow > 200).mean() < 5e-3


def test_star_forming_galaxies_lie_below_the_line_of_kauffmann(light, forming):
    n2 = np.log10(_sum(light, NITROGEN) / _sum(light, (6564.61,)))[forming]
    o3 = np.log10(_sum(light, OXYGEN_3) / _sum(light, (4862.69,)))[forming]
    above = (n2 >= 0.05) | (o3 > 0.61 / (n2 - 0.05) + 1.3)  # Kauffmann+2003, eq. 1
    assert above.mean() < 0.06


@pytest.mark.parametrize("lines", [OXYGEN_3, NITROGEN, SULPHUR])
def test_line_ratios_keep_to_their_calibrations(light, forming, lines):
    """Medians in bins of metallicity differ by less than the calibrations' own scatter, 0.09 dex
    or more (Curti+2020, table 2)."""
    below = (4862.69,) if lines == OXYGEN_3 else (6564.61,)
    value = np.log10(_sum(light, lines) / _sum(light, below))[forming]
    metallicity = light.galaxies.gas.metallicity[forming]
    bins = pd.cut(metallicity, np.arange(-0.4, 0.16, 0.1))
    shift = pd.Series(value - ratio(lines, metallicity)).groupby(bins, observed=True).median()
    assert len(shift) >= 5
    assert shift.abs().max() < 0.12


def test_star_formation_follows_the_main_sequence(light):
    normal = light.galaxies.kind == KINDS.index("star-forming")
    offset = light.log_ssfr - main_sequence(light.galaxies.log_mass)
    bins = pd.cut(light.galaxies.log_mass[normal], np.arange(8.5, 11.3, 0.5))
    groups = pd.Series(offset[normal]).groupby(bins, observed=True)
    assert groups.median().abs().max() < 0.06
    assert groups.std().between(0.22, 0.34).all()
