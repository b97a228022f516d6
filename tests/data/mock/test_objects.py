"""Physics of the mock galaxies: histories, light, lines, redshift, noise."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import cosmology as astropy_cosmology
from scipy.integrate import quad
from scipy.ndimage import gaussian_filter1d

from data.lines.indices import measure
from data.mock import cosmology, dust
from data.mock.history import EDGES, History, recent_rate, tau_ratio_of_rate
from data.mock.instrument import MOCK_INSTRUMENTS
from data.mock.light import draw_light
from data.mock.lines import line_index, star_forming_lines
from data.mock.noise import record
from data.mock.object_random import ObjectRandom
from data.mock.synthesis import add_lines, galaxy_flux
from data.mock.templates import load_templates

SDSS = MOCK_INSTRUMENTS["sdss"]
N = 400


@pytest.fixture(scope="module")
def random():
    return ObjectRandom(seed=11, index=np.arange(N))


@pytest.fixture(scope="module")
def light(random):
    return draw_light(random, SDSS, np.zeros(N, dtype=int))


def _history(**changes):
    values = {
        "first_age": 1.1e10, "tau_ratio": 3.0, "change_age": 1e8, "change_time": 1e7,
        "change_factor": 1.0, "burst_fraction": 0.0, "burst_age": 3e8, "burst_time": 1e8,
    } | changes  # fmt: skip
    return History(**{name: np.array([value]) for name, value in values.items()})


def test_distances_and_ages_agree_with_astropy():
    theirs = astropy_cosmology.FlatLambdaCDM(H0=70, Om0=0.3, Tcmb0=0)
    z = np.array([0.003, 0.05, 0.3, 1.0])
    np.testing.assert_allclose(
        cosmology.luminosity_distance(z), theirs.luminosity_distance(z).value, rtol=1e-4
    )
    np.testing.assert_allclose(cosmology.age(z), theirs.age(z).value * 1e9, rtol=1e-4)
    np.testing.assert_allclose(cosmology.redshift(cosmology.comoving_distance(z)), z, rtol=1e-6)


def test_dust_curves_have_their_published_values():
    assert dust.calzetti(np.array([5500.0]))[0] == pytest.approx(1.0, abs=0.01)
    # Calzetti+2000, eq. 4 at 0.44 um: k = 5.13 (R_V 4.05); E(B - V) = 1 follows.
    blue, visual = dust.calzetti(np.array([4400.0, 5500.0])) * 4.05
    assert blue - visual == pytest.approx(1.0, abs=0.05)
    # Cardelli+1989, table 3, R_V = 3.1: A(U) 1.569, A(B) 1.337, A(R) 0.751, A(I) 0.479.
    table = dust.milky_way(np.array([3650.0, 4400.0, 7000.0, 9000.0]))
    np.testing.assert_allclose(table, [1.569, 1.337, 0.751, 0.479], rtol=0.02)


@pytest.mark.parametrize("ratio", [0.5, 3.0, 12.0])
def test_formed_mass_is_the_integral_of_the_rate(ratio):
    formed = _history(tau_ratio=ratio).formed()[0]
    assert formed.sum() == pytest.approx(1.0)
    first, tau = 1.1e10, 1.1e10 / ratio

    def rate(time):
        return time * np.exp(-time / tau)

    total = quad(rate, 0, first, points=[tau])[0]
    for i in (30, 40, 45):
        low, high = max(first - EDGES[i + 1], 0), first - EDGES[i]
        assert formed[i] == pytest.approx(quad(rate, low, high)[0] / total, rel=1e-6)


def test_tau_ratio_gives_the_rate_asked_for():
    for wanted in (1.0, 0.1, 1e-3):
        ratio = float(tau_ratio_of_rate(np.array([wanted]))[0])
        formed = _history(tau_ratio=ratio).formed()
        assert recent_rate(formed)[0] * 1.1e10 == pytest.approx(wanted, rel=0.15)


def test_burst_and_quenching_change_the_recent_rate():
    steady = recent_rate(_history().formed())[0]
    assert recent_rate(_history(burst_fraction=0.05, burst_age=5e7).formed())[0] > 3 * steady
    quenched = _history(change_factor=0.0, change_age=1e9, change_time=1e7)
    assert recent_rate(quenched.formed())[0] < 1e-3 * steady


def test_mass_and_redshift_recover_the_r_magnitude(light):
    """From M_sun to AB magnitudes once more, with other code for every step."""
    bare = replace(light, galactic_a_v=np.zeros(N))
    flux = galaxy_flux(bare, SDSS) / light.scale[:, None]  # L_sun / A per M_sun formed
    formed = light.galaxies.history.formed()
    templates = load_templates()
    live = np.empty(N)
    for i in range(N):
        by_metals = templates.live_fraction @ formed[i]
        live[i] = np.interp(light.galaxies.metallicity[i], templates.log_metallicity, by_metals)
    mass = 10**light.galaxies.log_mass / live
    distance = astropy_cosmology.FlatLambdaCDM(H0=70, Om0=0.3).luminosity_distance(light.z)
    area = 4 * np.pi * distance.to_value("cm") ** 2 * (1 + light.z)
    received = flux * (mass * 3.828e33 / area)[:, None]
    wave = SDSS.grid.wave
    points = [5380, 5430, 5530, 5630, 5730, 5930, 6230, 6530, 6630, 6730, 6830, 6930, 7100]
    curve = [0, 0.01, 0.119, 0.298, 0.401, 0.456, 0.482, 0.490, 0.470, 0.292, 0.069, 0.01, 0]
    response = np.interp(wave, points, curve)
    photons = np.trapezoid(received * response * wave, wave, axis=1)
    reference = np.trapezoid(response / wave, wave) * 2.99792458e18
    magnitude = -2.5 * np.log10(photons / reference) - 48.60
    offset = magnitude - light.r_mag
    assert abs(np.median(offset)) < 0.03
    assert np.abs(offset).max() < 0.15  # strong lines at the edge of the filter
    assert offset.std() < 0.03


def test_survey_is_limited_in_magnitude_and_mass_follows_redshift(light):
    assert light.r_mag.max() < 17.775
    assert light.r_mag.min() > 13.9
    assert 0.002 < light.z.min()
    assert light.z.max() <= 0.5
    assert np.corrcoef(light.galaxies.log_mass, np.log(light.z))[0, 1] > 0.6


def test_norm_is_the_median_flux_of_5300_to_5850(light):
    flux = galaxy_flux(light, SDSS)
    rest = SDSS.grid.wave / (1 + light.z[:, None])
    median = [np.median(row[(w > 5300) & (w < 5850)]) for row, w in zip(flux, rest, strict=True)]
    np.testing.assert_allclose(median, light.norm, rtol=0.04)


def _without_dust(galaxies):
    zero = np.zeros(N)
    return replace(galaxies, gas=replace(galaxies.gas, a_v=zero, a_v_cloud=zero))


def test_halpha_over_hbeta_is_2p86_without_dust_and_grows_with_it(light):
    formed = light.galaxies.history.formed()
    bare = star_forming_lines(_without_dust(light.galaxies), formed)
    halpha, hbeta = line_index(6564.61), line_index(4862.69)
    ratio = bare[:, halpha] / bare[:, hbeta]
    np.testing.assert_allclose(ratio, 2.86, rtol=0.05)
    dusty = star_forming_lines(light.galaxies, formed)
    assert (dusty[:, halpha] / dusty[:, hbeta] > ratio).all()


def test_decrement_survives_to_the_spectrum():
    flux = np.ones((1, SDSS.grid.n_pixel), dtype=np.float32)
    add_lines(flux, np.array([[28.6, 10.0]]), np.array([6564.61, 4862.69]), z=np.array([0.08]),
              vdisp=np.array([80.0]), instrument=SDSS)  # fmt: skip
    result = measure(SDSS.grid.wave / 1.08, flux)
    ratio = result["flux_halpha"] / result["flux_hbeta"]
    assert ratio[0] == pytest.approx(2.86, rel=0.03)


@pytest.mark.parametrize("name", ["sdss", "boss", "desi"])
@pytest.mark.parametrize("vdisp", [0.0, 60.0, 200.0, 400.0])
def test_line_width_is_that_of_gas_and_instrument_and_its_flux_is_kept(name, vdisp):
    instrument = MOCK_INSTRUMENTS[name]
    z, rest = 0.123, 5008.24
    flux = np.zeros((1, instrument.grid.n_pixel), dtype=np.float32)
    add_lines(flux, np.array([[7.0]]), np.array([rest]), z=np.array([z]),
              vdisp=np.array([vdisp]), instrument=instrument)  # fmt: skip
    wave, profile = instrument.grid.wave, flux[0].astype(float)
    observed = rest * (1 + z)
    area = np.trapezoid(profile, wave) / (1 + z)  # per rest-frame Angstrom
    assert area == pytest.approx(7.0, rel=1e-3)
    weight = profile * np.gradient(wave)
    centre = (weight * wave).sum() / weight.sum()
    assert centre == pytest.approx(observed, abs=0.05)
    sigma = np.sqrt((weight * (wave - centre) ** 2).sum() / weight.sum())
    resolution = float(instrument.resolution(observed))
    assert sigma / observed * 299792.458 == pytest.approx(np.hypot(vdisp, resolution), rel=0.01)


def test_redshift_only_stretches_the_spectrum(light):
    """A whole number of pixels in log wavelength: the same pixels, moved, to rounding."""
    quiet = replace(light, lines=light.lines * 0, broad=light.broad * 0, power=light.power * 0,
                    galactic_a_v=np.zeros(N), scale=np.ones(N))  # fmt: skip
    moved = replace(quiet, z=(1 + quiet.z) * 10**0.02 - 1)
    near, far = galaxy_flux(quiet, SDSS), galaxy_flux(moved, SDSS)
    np.testing.assert_allclose(far[:, 200:], near[:, :-200], rtol=2e-4, atol=1e-9)


def test_redshift_by_part_of_a_pixel_is_exact(light):
    """Two moves of half a pixel are one of a whole pixel; in between, the band-limited spectrum."""
    quiet = replace(light, lines=light.lines * 0, broad=light.broad * 0, power=light.power * 0,
                    galactic_a_v=np.zeros(N), scale=np.ones(N))  # fmt: skip
    flux = [
        galaxy_flux(replace(quiet, z=(1 + quiet.z) * 10 ** (part * 1e-4) - 1), SDSS)
        for part in (0.0, 0.5, 1.0)
    ]
    whole = flux[2][:, 1:] - flux[0][:, :-1]
    assert np.abs(whole / flux[0][:, :-1]).max() < 2e-4
    # Half a pixel: cubic interpolation of the spectra on both sides, where they are smooth.
    broad = light.galaxies.vdisp > 150
    y = flux[0][broad]
    half = (-y[:, :-3] + 9 * y[:, 1:-2] + 9 * y[:, 2:-1] - y[:, 3:]) / 16
    relative = flux[1][broad][:, 2:-1] / half - 1
    assert np.abs(relative).max() < 0.01
    assert np.sqrt((relative**2).mean()) < 1e-3


def test_velocity_dispersion_is_a_gaussian_in_velocity(light):
    quiet = replace(light, lines=light.lines * 0, broad=light.broad * 0, power=light.power * 0,
                    galactic_a_v=np.zeros(N), scale=np.ones(N))  # fmt: skip
    bare = _without_dust(quiet.galaxies)
    low, high = (
        galaxy_flux(replace(quiet, galaxies=replace(bare, vdisp=np.full(N, v))), SDSS)
        for v in (120.0, 250.0)
    )
    pixels = np.sqrt(250.0**2 - 120.0**2) / (299792.458 * np.log(10) * 1e-4)
    expected = gaussian_filter1d(low, pixels, axis=1, truncate=8)
    np.testing.assert_allclose(high[:, 60:-60], expected[:, 60:-60], rtol=2e-3)


def _recorded(flux, random, *, exposure):
    ivar = np.empty_like(flux)
    record(flux, ivar, random, SDSS, exposure=exposure)
    return flux, ivar


def test_noise_has_the_variance_it_claims(random):
    flux = np.zeros((N, SDSS.grid.n_pixel), dtype=np.float32)
    noisy, ivar = _recorded(flux, random, exposure=np.ones(N))
    pulls = (noisy * np.sqrt(ivar))[ivar > 0]
    assert pulls.mean() == pytest.approx(0.0, abs=0.005)
    assert np.median(np.abs(pulls)) / 0.67449 == pytest.approx(1.0, abs=0.01)
    assert (np.abs(pulls) > 6).mean() < 1e-4  # cosmic rays that escaped


def test_masked_pixels_are_masked_for_a_reason(random, light):
    noisy, ivar = _recorded(galaxy_flux(light, SDSS), random, exposure=light.noise)
    assert np.isfinite(noisy).all()
    assert np.isfinite(ivar).all()
    assert (ivar[:, SDSS.sky_mask] == 0).all()
    outside = (SDSS.grid.wave < 3790) | (SDSS.grid.wave > 9225)
    assert (ivar[:, outside] == 0).all()
    assert (noisy[:, outside] == 0).all()
    inside = ~SDSS.sky_mask & ~outside & (SDSS.grid.wave > 3830) & (SDSS.grid.wave < 9180)
    assert 0.002 < (ivar[:, inside] == 0).mean() < 0.02  # cosmic rays and bad columns


def test_signal_to_noise_of_the_catalogue_is_that_of_the_spectra(random, light):
    noisy, ivar = _recorded(galaxy_flux(light, SDSS), random, exposure=light.noise)
    ratio = np.where(ivar > 0, noisy * np.sqrt(ivar), np.nan)
    measured = np.nanmedian(ratio, axis=1)
    assert np.median(measured / light.snr) == pytest.approx(1.0, abs=0.1)
    # Portillo+2020, section 3.4: median 14, from 2 to 88.
    assert 11 < np.median(measured) < 17
    assert measured.min() > 2
    assert measured.max() < 120


def test_noise_is_higher_on_sky_lines_and_in_the_red():
    error = SDSS.sky_error
    wave = SDSS.grid.wave
    assert error[np.abs(wave - 5578.9).argmin()] > 3 * error[np.abs(wave - 5500).argmin()]
    red, middle = (wave > 8600) & (wave < 9000), (wave > 6600) & (wave < 6900)
    assert np.std(error[red]) > 5 * np.std(error[middle])
