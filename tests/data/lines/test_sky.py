"""The strong sky lines and the pixels they cost."""

import fitsio
import numpy as np
import pytest

from data.grid import INSTRUMENTS, linear_grid
from data.lines import sky as sky_lines


def test_a_hundred_lines_cost_an_eighth_of_the_sdss_pixels():
    grid = INSTRUMENTS["sdss"]
    inside = [line for line in sky_lines.SKY_LINES if grid.wave[0] < line.wave < grid.wave[-1]]
    assert 100 <= len(inside) <= 103
    assert 0.10 < sky_lines.mask(grid).mean() < 0.14


def test_lines_are_sorted_and_bright_ones_are_there():
    waves = [line.wave for line in sky_lines.SKY_LINES]
    assert waves == sorted(waves)
    for known in (5578.89, 5891.58, 6302.05):
        assert min(abs(wave - known) for wave in waves) < 0.1


@pytest.mark.parametrize("grid", [*INSTRUMENTS.values(), linear_grid(2000, 2500, 50)])
def test_mask_equals_the_distance_to_the_nearest_line(grid):
    waves = np.array([line.wave for line in sky_lines.SKY_LINES])
    nearest = np.abs(grid.wave[:, None] - waves).min(axis=1)
    np.testing.assert_array_equal(sky_lines.mask(grid), nearest <= 5)
    np.testing.assert_array_equal(sky_lines.mask(grid, reach=2), nearest <= 2)


def test_masked_pixels_are_where_real_sky_is_bright(real_spectra):
    grid, skies = INSTRUMENTS["sdss"], []
    for path in sorted((real_spectra / "sdss").glob("spec-1*.fits"))[:40]:
        table = fitsio.read(path, ext=1)
        names = {name.lower(): name for name in table.dtype.names}
        sky = np.interp(grid.wave, 10 ** table[names["loglam"]], table[names["sky"]])
        skies.append(sky)
    sky = np.median(skies, axis=0)
    red = grid.wave > 7200
    masked = sky_lines.mask(grid)
    brightest = sky[red] > np.percentile(sky[red], 90)
    assert masked[red][brightest].mean() > 0.8  # by chance: 0.3
