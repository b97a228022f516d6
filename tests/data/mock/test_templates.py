"""The committed template tables: small, faithful, physical."""

import numpy as np
import pytest

from data.lines.indices import measure
from data.mock.templates import (
    FOLDER,
    GRID,
    N_FFT,
    OLD_EDGES,
    YOUNG_EDGES,
    load_templates,
    row_product,
)

SOLAR = 4  # place of Z = 0.02 among the metallicities


def _line(wave):
    return int(np.abs(load_templates().line_wave - wave).argmin())


def test_tables_are_at_most_8_megabytes():
    sizes = [path.stat().st_size for path in FOLDER.glob("*.npz")]
    assert len(sizes) == 3
    assert sum(sizes) < 8e6


def test_every_population_was_compressed_to_better_than_0p3_percent():
    with np.load(FOLDER / "stellar.npz") as table:
        errors = np.concatenate([table["young_error"].ravel(), table["old_error"].ravel()])
        ages = np.unique(np.concatenate([table["young_age"], table["old_age"]]))
    assert len(errors) == 7 * (len(ages) + 1)
    assert errors.max() < 0.003


def test_young_and_old_tables_agree_on_the_population_between_them():
    with np.load(FOLDER / "stellar.npz") as table:
        young = table["young_coefficients"][:, -1] @ table["young_basis"]
        old = table["old_coefficients"][:, 0] @ table["old_basis"]
        assert table["young_age"][-1] == table["old_age"][0]
    seen = (GRID.wave > 3500) & (GRID.wave < 9000)
    relative = (young / old - 1)[:, seen]
    assert np.sqrt((relative**2).mean(axis=1)).max() < 0.003


def test_d4000_grows_with_age_and_balmer_absorption_peaks_at_its_age():
    old = load_templates().old
    spectra = old.coefficients[SOLAR] @ old.basis
    ages = np.sqrt(OLD_EDGES[1:] * OLD_EDGES[:-1])
    indices = measure(GRID.wave, spectra)
    later = ages > 2e8
    assert (np.diff(indices["d4000"][later]) > -0.01).all()
    assert indices["d4000"][-1] > 1.9
    assert indices["d4000"][0] < 1.1
    assert 1e8 < ages[indices["hdelta_a"].argmax()] < 1e9


def test_mass_left_falls_with_age():
    live = load_templates().live_fraction
    assert live.shape[1] == len(YOUNG_EDGES) + len(OLD_EDGES) - 2
    assert (np.diff(live, axis=1) < 1e-3).all()
    assert live.max() <= 1.0001
    assert (live.min(axis=1) > 0.35).all()


def test_recombination_lines_have_case_b_ratios():
    lines = load_templates().lines[1:5, 1:6].sum(axis=2)  # usual metals and ionisation
    for wave, expected in ((4862.69, 1 / 2.86), (4341.69, 0.468 / 2.86), (4102.90, 0.259 / 2.86)):
        ratio = lines[..., _line(wave)] / lines[..., _line(6564.61)]
        np.testing.assert_allclose(ratio, expected, rtol=0.06)


def test_doublets_have_their_atomic_ratios():
    lines = load_templates().lines[2:6, 1:6].sum(axis=2)
    oiii = lines[..., _line(5008.24)] / lines[..., _line(4960.30)]
    nii = lines[..., _line(6585.27)] / lines[..., _line(6549.86)]
    np.testing.assert_allclose(oiii, 2.98, rtol=0.04)
    np.testing.assert_allclose(nii, 2.96, rtol=0.05)


def test_halpha_per_star_formation_rate_is_that_of_kennicutt_and_evans_2012():
    # They take Starburst99 populations: others differ by up to 0.2 dex in ionising photons.
    lines = load_templates().lines[SOLAR, 2]
    luminosity = (lines[:, _line(6564.61)] * np.diff(YOUNG_EDGES)).sum() * 3.828e33
    assert np.log10(luminosity) == pytest.approx(41.27, abs=0.2)


def test_transform_gives_the_basis_back():
    for component in (load_templates().old, load_templates().nebular):
        back = np.fft.irfft(component.transform().view(np.complex64), n=N_FFT)
        scale = np.abs(component.basis).max()
        np.testing.assert_allclose(back[:, : GRID.n_pixel], component.basis, atol=1e-5 * scale)


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 200])
def test_row_product_is_a_product_whose_rows_do_not_depend_on_the_others(n, rng):
    rows, matrix = rng.standard_normal((n, 30)), rng.standard_normal((30, 77))
    rows, matrix = rows.astype(np.float32), matrix.astype(np.float32)
    product = row_product(rows, matrix)
    np.testing.assert_allclose(product, rows @ matrix, rtol=1e-4, atol=1e-4)
    for i in range(0, n, 17):
        assert np.array_equal(row_product(rows[i : i + 1], matrix)[0], product[i])
