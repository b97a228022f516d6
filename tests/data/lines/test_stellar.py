"""Lines over the light of stars come back as they were put there."""

import numpy as np
import pytest

from data.arrays import FloatArray
from data.lines.indices import measure
from data.lines.stellar import SCATTER, corrected, without_stars
from data.mock.templates import GRID, OLD_EDGES, load_templates

WAVE = GRID.wave
HALPHA, NII, HBETA, OIII, HDELTA = 6564.61, 6585.27, 4862.69, 5008.24, 4102.90


def stars(formed_since: float, metallicity: int = 3) -> FloatArray:
    """Return the spectrum of stars formed at a constant rate in the last years, 1 at 5500 A."""
    templates = load_templates()
    mass = np.clip(np.minimum(OLD_EDGES[1:], formed_since) - OLD_EDGES[:-1], 0, None)
    spectrum = (mass @ templates.old.coefficients[metallicity].astype(float)) @ templates.old.basis
    step = 69.0 / 130.0
    kernel = np.exp(-0.5 * (np.arange(-8, 9) * step) ** 2)
    spectrum = np.convolve(spectrum, kernel / kernel.sum(), mode="same")
    return spectrum / np.interp(5500, WAVE, spectrum)


def with_lines(spectrum: FloatArray, widths: dict[float, float]) -> FloatArray:
    """Add lines of given equivalent widths (Angstrom), 130 km/s wide."""
    total = spectrum.copy()
    for centre, width in widths.items():
        sigma = centre * 130 / 299792.458
        shape = np.exp(-0.5 * ((WAVE - centre) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
        total = total + width * np.interp(centre, WAVE, spectrum) * shape
    return total


def continuum(spectrum: FloatArray, wave: float) -> float:
    return float(np.interp(wave, WAVE, spectrum))


@pytest.mark.parametrize("formed_since", [3e8, 2e9, 1.2e10])
@pytest.mark.parametrize("metallicity", [2, 4])
def test_ratios_are_those_of_the_gas(formed_since: float, metallicity: int) -> None:
    light = stars(formed_since, metallicity)
    put = {HALPHA: 20.0, NII: 6.0, HBETA: 6.0, OIII: 4.0}
    measured = measure(WAVE, with_lines(light, put)[None])
    ratios = corrected(measured)
    flux = {wave: width * continuum(light, wave) for wave, width in put.items()}
    # A scatter of 0.5 A of the stars at one D4000 is 0.06 dex of the weakest H-beta here, 3.5 A.
    for name, above, below, most in (
        ("log_nii_halpha", NII, HALPHA, 0.02), ("log_oiii_hbeta", OIII, HBETA, 0.15),
    ):  # fmt: skip
        truth = np.log10(flux[above] / flux[below])
        assert ratios[name][0] == pytest.approx(truth, abs=most)
    assert not abs(measured["log_oiii_hbeta"][0] - truth) < 1  # uncorrected: far off, or none


@pytest.mark.parametrize("formed_since", [1e8, 1e9])
def test_hdelta_index_is_that_of_the_stars(formed_since: float) -> None:
    light = stars(formed_since)
    truth = measure(WAVE, light[None])["hdelta_a"][0]
    hbeta = 40.0
    scale = hbeta * continuum(light, HBETA)
    put = {
        HBETA: hbeta, HALPHA: 2.86 * scale / continuum(light, HALPHA),
        HDELTA: 0.259 * scale / continuum(light, HDELTA),
    }  # fmt: skip
    measured = measure(WAVE, with_lines(light, put)[None])
    assert measured["hdelta_a"][0] < truth - 3
    assert corrected(measured)["hdelta_a"][0] == pytest.approx(truth, abs=0.7)


@pytest.mark.parametrize("decrement", [2.0, 5.7, None])  # below that of gas, dusty, unknown
def test_error_of_hdelta_is_its_scatter(decrement: float | None) -> None:
    rng, n_trial = np.random.default_rng(0), 2000
    light = stars(1e9)
    put = {HBETA: 60.0}
    put[HALPHA] = (decrement or 2.0) * 60.0 * continuum(light, HBETA) / continuum(light, HALPHA)
    measured = {
        name: np.repeat(values, n_trial)
        for name, values in measure(WAVE, with_lines(light, put)[None]).items()
    }
    measured["hdelta_a_err"] = np.full(n_trial, 0.2)
    measured["hdelta_a"] += 0.2 * rng.normal(size=n_trial)
    for name, relative in (("hbeta", 0.05), ("halpha", 0.1)):
        level = measured[f"flux_{name}"] / measured[f"ew_{name}"]
        error = measured[f"flux_{name}_err"] = relative * measured[f"flux_{name}"]
        error = np.hypot(error, SCATTER[name] * level)  # stars differ at one D4000
        measured[f"flux_{name}"] = measured[f"flux_{name}"] + error * rng.normal(size=n_trial)
        measured[f"ew_{name}"] = measured[f"flux_{name}"] / level
    for name in ("nii", "oiii"):
        measured[f"flux_{name}_err"] = np.zeros(n_trial)
    if decrement is None:
        measured["flux_halpha"] = measured["ew_halpha"] = np.full(n_trial, np.nan)
    found = corrected(measured)
    scatter = found["hdelta_a"].std(ddof=1)
    assert scatter > 1.5 * 0.2
    within = 4 / np.sqrt(2 * n_trial)
    assert np.median(found["hdelta_a_err"]) == pytest.approx(scatter, rel=within)


def test_stars_alone_have_no_ratios() -> None:
    light = np.stack([stars(age) for age in (3e8, 2e9, 1.2e10)])
    measured = measure(WAVE, light)
    found = corrected(measured)
    assert np.isnan(found["log_oiii_hbeta"]).all()
    np.testing.assert_allclose(found["hdelta_a"], measured["hdelta_a"], atol=0.7)


@pytest.mark.parametrize("name", ["oii", "hbeta", "oiii", "oi", "halpha", "nii", "sii"])
def test_stars_alone_have_no_lines(name: str) -> None:
    light = np.stack([stars(age) for age in (3e8, 2e9, 1.2e10)])
    found = without_stars(measure(WAVE, light, 0 * light + 1e6))
    assert (np.abs(found[f"ew_{name}"]) < 3 * found[f"ew_{name}_err"]).all()
