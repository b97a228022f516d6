"""Principal components as a model of other spectra."""

import numpy as np
import pytest

from benchmarks.realism.linear import chi2_left_out, components, reduced_chi2, share_spanned

N_PIXEL = 60


@pytest.fixture
def noisy(rng):
    """Spectra of two components with noise and gaps: flux, ivar, true axes."""
    axes = np.linalg.qr(rng.normal(size=(N_PIXEL, 2)))[0].T
    flux = 3 + (rng.normal(size=(200, 2)) * [30, 20]) @ axes + rng.normal(size=(200, N_PIXEL))
    weight = (rng.uniform(size=flux.shape) > 0.1).astype(float)
    return np.where(weight > 0, flux, 999), weight, axes


def test_components_are_found_through_gaps(noisy):
    flux, weight, axes = noisy
    mean, vectors = components(flux, weight, 2)
    assert (share_spanned(vectors, axes) > 0.99).all()
    assert np.median(reduced_chi2(flux, weight, mean, vectors)) == pytest.approx(1.0, abs=0.1)


def test_too_few_components_rebuild_worse(noisy):
    flux, weight, _ = noisy
    assert np.median(reduced_chi2(flux, weight, *components(flux, weight, 1))) > 2


def test_a_spectrum_is_not_rebuilt_by_itself(noisy):
    flux, weight, _ = noisy
    flux, weight = flux[:30].copy(), weight[:30]
    flux[3, 10:20] += 50
    group = np.arange(30)
    assert chi2_left_out(flux, weight, group, 2)[3] > 50
