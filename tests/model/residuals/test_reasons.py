"""Faults and second objects are put into synthetic galaxies, and must be named."""

import numpy as np
import pytest

from data.grid import INSTRUMENTS, log_grid
from data.spectra import Spectra
from model.residuals.evidence import Evidence, measure_evidence
from model.residuals.faults import arm_step, sky_residual, straight_share
from model.residuals.reasons import (
    CAUSES,
    Reason,
    UsualEvidence,
    as_text,
    explain,
    in_order,
    reason_columns,
    suggested_class,
    usual_evidence,
)
from model.residuals.redshift_scan import _star_features, features_of, make_templates, scan
from tests.fixtures.atlas import rest_spectrum

GRID = INSTRUMENTS["sdss"]
N = 6
NOISE = 0.03


def galaxies(z, activity=0.5, *, wave=GRID.wave):
    rest = [rest_spectrum(wave / (1 + one), np.array([activity]), np.array([0.2])) for one in z]
    return np.concatenate(rest).astype(np.float32)


@pytest.fixture(scope="module")
def templates():
    grid = log_grid(2400.0, 9300.0)
    rest = [rest_spectrum(grid.wave, np.array([a]), np.array([0.2])) for a in (0.05, 0.5, 0.9)]
    return make_templates(grid, np.concatenate(rest))


@pytest.fixture(scope="module")
def plain():
    """Six galaxies as the model has them, with noise."""
    rng, z = np.random.default_rng(9), np.linspace(0.05, 0.2, N)
    model = galaxies(z)
    flux = (model + NOISE * rng.normal(size=model.shape)).astype(np.float32)
    return Spectra(grid=GRID, flux=flux, ivar=np.full_like(flux, NOISE**-2), z=z), model


def changed(spectra, flux=None, z=None):
    return Spectra(
        grid=GRID, ivar=spectra.ivar,
        flux=spectra.flux if flux is None else flux.astype(np.float32),
        z=spectra.z if z is None else z,
    )  # fmt: skip


def reasons(spectra, model, templates):
    evidence = measure_evidence(spectra, model, np.ones(model.shape, bool), templates)
    return explain(evidence, UsualEvidence.unknown())


def test_ordinary_galaxies_have_no_strong_reason(plain, templates):
    found = reasons(*plain, templates)
    assert not [reason for one in found for reason in one if reason.strong]


def test_a_second_galaxy_is_found_at_its_redshift(plain, templates):
    spectra, model = plain
    second = galaxies(np.full(N, 0.3), 0.9)
    found = reasons(changed(spectra, spectra.flux + 0.7 * second), model, templates)
    for one in found:
        assert "second redshift" in [reason.cause for reason in one[:2]]
        reason = next(reason for reason in one if reason.cause == "second redshift")
        z = float(reason.text.split("z = ")[1].split(",")[0])
        assert z == pytest.approx(0.3, abs=1e-3)
    assert suggested_class(found[0]) == "Blends"


def test_a_spike_at_5200_angstrom_is_an_artefact_though_a_weak_line_may_be_there(plain, templates):
    _, model = plain
    near = [5200.5 / wave - 1 for wave in (4923.3, 5199.35, 4472.73)]  # He I, [N I], He I
    z = np.array([0.11, 0.14, 0.23, *near])
    rng, model = np.random.default_rng(5), galaxies(z)
    flux = model + NOISE * rng.normal(size=model.shape)
    flux += 20 * NOISE * np.exp(-0.5 * ((GRID.wave - 5200.5) / 2) ** 2)
    spectra = Spectra(grid=GRID, flux=flux.astype(np.float32), z=z,
                      ivar=np.full(flux.shape, NOISE**-2, np.float32))  # fmt: skip
    for one in reasons(spectra, model, templates):
        assert "NI-5200" in [reason.suggestion for reason in one[:2]]
        reason = next(reason for reason in one if reason.suggestion == "NI-5200")
        assert "[N I] of the sky" in reason.text


def test_a_wrong_redshift_is_mended(plain, templates):
    spectra, _ = plain
    z = spectra.z + 0.08
    found = reasons(changed(spectra, z=z), galaxies(z), templates)
    for one, true in zip(found, spectra.z, strict=True):
        assert one[0].cause == "wrong redshift"
        best = float(one[0].text.split("z = ")[1].split()[0])
        assert best == pytest.approx(true, abs=5e-4)


def test_a_star_is_told_from_a_galaxy(plain, templates):
    spectra, model = plain
    first, stars, types = _star_features()
    wave = 10 ** (2e-4 * (first + np.arange(stars.shape[1])))
    chosen = [types.index(kind) for kind in ("M", "K", "A", "F", "G", "M")]
    flux = 1 + np.stack([np.interp(GRID.wave, wave, stars[at]) for at in chosen])
    rng = np.random.default_rng(2)
    flux = flux + NOISE * rng.normal(size=flux.shape)
    for one in reasons(changed(spectra, flux), model, templates):
        assert "star" in [reason.cause for reason in one[:2]]


def test_faults_are_measured_where_they_are(plain):
    spectra, model = plain
    covered = np.ones(model.shape, bool)
    stepped = np.where(GRID.wave < 6000, spectra.flux * 1.2, spectra.flux)
    before = arm_step(spectra, model, covered)[0]
    significance, step, where = arm_step(changed(spectra, stepped), model, covered)
    assert (significance > 5).all()
    assert (before < 5).all()
    np.testing.assert_allclose(step, 1 / 1.2 - 1, atol=0.03)
    np.testing.assert_allclose(where, 6000, atol=100)
    lost = spectra.flux.copy()
    middle = int(GRID.pixel(6000.0))
    lost[:, :middle] = np.linspace(0.5, 1.0, middle)
    share, first, last = straight_share(changed(spectra, lost))
    np.testing.assert_allclose(share, middle / GRID.n_pixel, atol=0.02)
    np.testing.assert_allclose(last, 6000, atol=60)
    assert (first < 3850).all()
    assert (straight_share(spectra)[0] == 0).all()
    assert (sky_residual(spectra, model, covered) < 0.2).all()


def test_significance_is_in_units_of_noise(plain, templates):
    spectra, _ = plain
    noise = NOISE * np.random.default_rng(0).normal(size=spectra.flux.shape)
    found = scan(features_of(GRID, noise, spectra.ivar), templates)
    assert np.abs(found.significance).max() < 6
    assert found.significance.std() == pytest.approx(1, abs=0.35)


def test_limits_follow_the_survey(plain, templates):
    spectra, model = plain
    evidence = measure_evidence(spectra, model, np.ones(model.shape, bool), templates)
    loud = Evidence(
        evidence.strength | {"arm step": np.full(N, 40.0)}, evidence.details,
        evidence.star_type, evidence.peaks,
    )  # fmt: skip
    usual = usual_evidence(loud)
    assert usual.limits["arm step"] == pytest.approx(40)
    assert usual.limits["star"] == CAUSES["star"].limit


def test_reasons_of_one_object_do_not_depend_on_others(plain, templates):
    spectra, model = plain
    together = reasons(spectra, model, templates)
    alone = reasons(spectra.take(slice(2, 3)), model[2:3], templates)
    assert as_text(alone[0]) == as_text(together[2])


def test_a_scan_of_a_faint_object_is_the_same_beside_a_bright_one(plain, templates):
    spectra, _ = plain
    ivar = spectra.ivar.copy()
    ivar[1:] *= 1e4
    alone = scan(features_of(GRID, spectra.flux[:1], ivar[:1]), templates)
    beside = scan(features_of(GRID, spectra.flux, ivar), templates)
    np.testing.assert_allclose(beside.significance[0], alone.significance[0], atol=1e-9)
    np.testing.assert_allclose(beside.star[0], alone.star[0], atol=1e-9)
    assert beside.star_type[0] == alone.star_type[0]


@pytest.mark.parametrize(
    ("rest", "words", "strong"),
    [
        (7067.14, "He I 7065", False),
        (5008.24 * 0.997, "beside [O III] 5007", False),
        (6150.0, "no line at this redshift", True),
    ],
)
def test_a_peak_at_or_beside_a_line_is_no_strong_reason(plain, templates, rest, words, strong):
    spectra, model = plain
    wave = rest * (1 + spectra.z[:, None])
    bump = 40 * NOISE * np.exp(-0.5 * ((GRID.wave - wave) / 4) ** 2)
    for found in reasons(changed(spectra, spectra.flux + bump), model, templates):
        (peak,) = (item for item in found if item.cause == "residual peak")
        assert words in peak.text
        assert peak.strong is strong


def order(*given):
    return [item.cause for item in in_order([Reason(name, "", *rest) for name, *rest in given])]


def test_symptoms_follow_where_another_object_is_told():
    symptoms = ("broad residual", 1.5), ("residual peak", 1.4)
    assert order(*symptoms, ("dust", 1.1)) == [
        "broad residual", "residual peak", "dust",
    ]  # fmt: skip
    assert order(*symptoms, ("dust", 1.1), ("second redshift", 1.2)) == [
        "second redshift", "dust", "broad residual", "residual peak",
    ]  # fmt: skip
    found = in_order([Reason("broad residual", "", 1.5), Reason("second redshift", "", 1.2)])
    told = reason_columns(found)
    assert (told["reason"], told["reason_strength"]) == ("second redshift", 1.5)
    artefact = ("residual peak", 1.5, "NI-5200")
    assert order(artefact, ("second redshift", 1.2)) == [
        "residual peak", "second redshift",
    ]  # fmt: skip
