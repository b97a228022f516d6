"""Spectral indices against exact integrals, independent code and the SDSS pipeline."""

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from data.grid import log_grid
from data.lines.indices import (
    ABSORPTION,
    D4000_BLUE,
    D4000_RED,
    EMISSION,
    RATIOS,
    air_to_vacuum,
    measure,
)

WAVE = log_grid(3500.0, 7500.0).wave


def _gaussian(wave, centre, sigma, area):
    return area * np.exp(-0.5 * ((wave - centre) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def test_air_to_vacuum_matches_tabulated_halpha_and_hbeta():
    np.testing.assert_allclose(air_to_vacuum(np.array([6562.80, 4861.33])), [6564.61, 4862.69],
                               atol=0.01)  # fmt: skip


@pytest.mark.parametrize("index", EMISSION, ids=lambda index: index.name)
def test_line_of_known_area_is_measured_on_a_sloped_continuum(index):
    centre = sum(index.band) / 2
    continuum = 2.0 + 1e-4 * (WAVE - 5000)
    flux = continuum + _gaussian(WAVE, centre, 1.5, 30.0)
    result = measure(WAVE, flux[None])
    np.testing.assert_allclose(result[f"flux_{index.name}"], 30.0, rtol=5e-3)
    expected = 30.0 / (2.0 + 1e-4 * (centre - 5000))
    np.testing.assert_allclose(result[f"ew_{index.name}"], expected, rtol=5e-3)


def test_ratios_are_logs_of_line_fluxes():
    flux = np.ones_like(WAVE)
    areas = {"halpha": 28.6, "hbeta": 10.0, "nii": 10.0, "oiii": 20.0, "sii": 8.0, "oi": 2.0}
    for index in EMISSION:
        if index.name in areas:
            flux = flux + _gaussian(WAVE, sum(index.band) / 2, 1.2, areas[index.name])
    result = measure(WAVE, flux[None])
    for name, (above, below) in RATIOS.items():
        np.testing.assert_allclose(result[name], np.log10(areas[above] / areas[below]), atol=0.01)


def test_ratio_is_nan_when_a_line_is_not_there():
    assert np.isnan(measure(WAVE, np.ones((1, len(WAVE))))["log_nii_halpha"][0])


def test_flat_f_nu_has_no_break_and_a_step_has_its_height():
    flux = WAVE**-2.0
    assert measure(WAVE, flux[None])["d4000"][0] == pytest.approx(1.0, abs=1e-6)
    middle = (D4000_BLUE[1] + D4000_RED[0]) / 2
    step = np.where(middle < WAVE, 1.7, 1.0) * flux
    assert measure(WAVE, step[None])["d4000"][0] == pytest.approx(1.7, rel=1e-6)


def test_equivalent_width_agrees_with_specutils():
    analysis = pytest.importorskip("specutils.analysis")
    specutils = pytest.importorskip("specutils")
    index = next(index for index in ABSORPTION if index.name == "mg_b")
    flux = 1.0 - _gaussian(WAVE, sum(index.band) / 2, 5.0, 4.0)
    region = specutils.SpectralRegion(index.band[0] * u.AA, index.band[1] * u.AA)
    spectrum = specutils.Spectrum(flux=flux * u.Unit(""), spectral_axis=WAVE * u.AA)
    theirs = analysis.equivalent_width(spectrum, continuum=1, regions=region).value
    # The nearer side band lies on the wing of the line: leave it out of the comparison.
    side = measure(WAVE, flux[None])["mg_b"][0]
    inside = (WAVE >= index.band[0]) & (WAVE <= index.band[1])
    ours = np.trapezoid((1 - flux)[inside], WAVE[inside])
    assert theirs == pytest.approx(ours, rel=0.02)
    assert side == pytest.approx(theirs, rel=0.1)


def test_scale_of_flux_changes_fluxes_only(rng):
    flux = 1 + 0.1 * rng.random((3, len(WAVE)))
    once, tenfold = measure(WAVE, flux), measure(WAVE, 10 * flux)
    for name in once:
        factor = 10 if name.startswith("flux_") else 1
        np.testing.assert_allclose(tenfold[name], factor * once[name], rtol=1e-8, atol=1e-12)


def test_errors_are_the_scatter_over_noise(rng):
    flux = 1 + sum(_gaussian(WAVE, sum(index.band) / 2, 2.0, 20.0) for index in EMISSION)
    sigma = 0.05
    noisy = flux + sigma * rng.standard_normal((400, len(WAVE)))
    result = measure(WAVE, noisy, np.full_like(noisy, sigma**-2))
    for name in ("d4000", "ew_halpha", "flux_oiii", "hdelta_a", "mg_b", "ew_oii"):
        np.testing.assert_allclose(result[f"{name}_err"].mean(), result[name].std(), rtol=0.15)


def test_rest_wavelengths_of_each_row_give_what_a_common_grid_gives():
    wave_obs = log_grid(3700.0, 9200.0).wave
    z = np.array([0.0, 0.05, 0.12])
    rest = wave_obs / (1 + z[:, None])
    flux = np.array([1 + _gaussian(row, 6564.6, 2.0, 30.0) for row in rest])
    each = measure(rest, flux)
    for i, row in enumerate(rest):
        alone = measure(row, flux[i : i + 1])
        for name in each:
            np.testing.assert_allclose(each[name][i], alone[name][0], rtol=1e-9, equal_nan=True)


def test_masked_garbage_changes_nothing_and_lost_bands_are_nan(rng):
    flux = np.ones((2, len(WAVE))) + _gaussian(WAVE, 5008.24, 2.0, 10.0)
    ivar = np.ones_like(flux)
    bad = (WAVE > 4985) & (WAVE < 4990)  # a part of a side band
    lost = (WAVE > 6500) & (WAVE < 6600)
    garbage = flux.copy()
    garbage[:, bad], garbage[:, lost] = np.nan, 1e30
    ivar[:, bad | lost] = 0
    result, clean = measure(WAVE, garbage, ivar), measure(WAVE, flux)
    np.testing.assert_allclose(result["ew_oiii"], clean["ew_oiii"], rtol=1e-2)
    assert np.isnan(result["ew_halpha"]).all()
    assert np.isnan(result["log_nii_halpha"]).all()


def test_wavelengths_outside_the_spectrum_are_nan():
    wave = log_grid(4500.0, 6000.0).wave
    result = measure(wave, np.ones((1, len(wave))))
    assert np.isnan(result["d4000"][0])
    assert np.isnan(result["ew_halpha"][0])
    assert np.isfinite(result["mg_b"][0])


def test_no_rows_give_empty_columns():
    assert all(len(v) == 0 for v in measure(WAVE, np.ones((0, len(WAVE)))).values())


@pytest.mark.parametrize(
    ("wave", "flux", "ivar", "message"),
    [
        (WAVE, np.ones(len(WAVE)), None, "n_galaxy"),
        (WAVE[:-1], np.ones((1, len(WAVE))), None, "n_galaxy"),
        (WAVE[::-1], np.ones((1, len(WAVE))), None, "increase"),
        (WAVE, np.ones((1, len(WAVE))), np.ones(3), "ivar must have the shape"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(wave, flux, ivar, message):
    with pytest.raises(ValueError, match=message):
        measure(wave, flux, ivar)


def test_emission_lines_agree_with_the_sdss_pipeline(real_spectra):
    catalog = pd.read_csv(real_spectra / "catalog.csv")
    clean = (catalog["class"] == "GALAXY") & (catalog.snr > 15) & catalog.z.between(0.01, 0.3)
    rows = catalog[clean & catalog.run2d.astype(str).isin(["26", "103", "104"])]
    lines = pd.read_csv(real_spectra / "spzline.csv").set_index(["key", "line"])
    ours, theirs = [], []
    for row in rows.head(40).itertuples():
        with fits.open(real_spectra / str(row.file)) as hdus:
            spectrum = hdus[1].data
            wave = 10.0 ** spectrum["loglam"] / (1 + row.z)
            ivar = np.where(spectrum["and_mask"] == 0, spectrum["ivar"], 0)
            result = measure(wave.astype(float), spectrum["flux"][None].astype(float), ivar[None])
        key = f"{row.plate}-{row.mjd}-{row.fiber}"
        area = lines.loc[(key, "[O_III] 5007")]
        if area.area_err > 0 and area.area / area.area_err > 10 and area.sigma_kms < 250:
            ours.append(result["flux_oiii"][0])
            theirs.append(area.area)
    ratio = np.array(ours) / np.array(theirs)
    ratio = ratio[np.isfinite(ratio)]
    assert len(ratio) >= 10
    assert 0.93 < np.median(ratio) < 1.07
