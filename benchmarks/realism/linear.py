"""Principal components of one sample as a model of another: the yardstick of realism.

Components are found on a rest-frame grid that most galaxies cover; what is masked is filled by
the fit of the components themselves, in rounds.
"""

from __future__ import annotations

import numpy as np

from benchmarks.realism.samples import Sample
from data.arrays import FloatArray, IntArray
from data.grid import log_grid

REST = log_grid(3750.0, 6800.0, 6e-4)
"""Rest-frame grid, six SDSS pixels a bin."""


def to_rest(sample: Sample) -> tuple[FloatArray, FloatArray]:
    """Return flux averaged in the bins of `REST`, weighted by ivar; and its ivar."""
    place = np.rint(REST.pixel(sample.wave / (1 + sample.z[:, None]))).astype(int)
    binned, weight = np.zeros((2, len(sample), REST.n_pixel))
    for i, row in enumerate(place):
        seen = (row >= 0) & (row < REST.n_pixel)
        ivar = sample.ivar[i, seen]
        weight[i] = np.bincount(row[seen], ivar, REST.n_pixel)
        binned[i] = np.bincount(row[seen], ivar * sample.flux[i, seen], REST.n_pixel)
    return np.divide(binned, weight, out=np.zeros_like(binned), where=weight > 0), weight


def components(
    flux: FloatArray, weight: FloatArray, n_component: int, n_round: int = 6
) -> tuple[FloatArray, FloatArray]:
    """Return mean and principal components, (n_pixel,) and (n_component, n_pixel)."""
    weight = np.minimum(weight, np.percentile(weight[weight > 0], 90))
    average = (flux * weight).sum(axis=0) / weight.sum(axis=0).clip(1e-12)
    filled = np.where(weight > 0, flux, average)
    mean, vectors = average, np.zeros((0, flux.shape[1]))
    for _ in range(n_round):
        mean = filled.mean(axis=0)
        centred = filled - mean
        if len(centred) < centred.shape[1]:
            vectors = np.linalg.svd(centred, full_matrices=False)[2][:n_component]
        else:
            vectors = np.linalg.eigh(centred.T @ centred)[1][:, : -n_component - 1 : -1].T
        filled = np.where(weight > 0, flux, fit(flux, weight, mean, vectors))
    return mean, vectors


def fit(flux: FloatArray, weight: FloatArray, mean: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return the weighted least-squares reconstruction of spectra."""
    n_vector = len(vectors)
    products = (vectors[:, None] * vectors).reshape(n_vector**2, -1)
    normal = (weight @ products.T).reshape(-1, n_vector, n_vector)
    normal += 1e-6 * np.eye(n_vector) * weight.mean()
    right = (weight * (flux - mean)) @ vectors.T
    return mean + np.linalg.solve(normal, right[..., None])[..., 0] @ vectors


def reduced_chi2(
    flux: FloatArray, weight: FloatArray, mean: FloatArray, vectors: FloatArray
) -> FloatArray:
    """Return the reduced chi2 of each spectrum by the components."""
    residual = flux - fit(flux, weight, mean, vectors)
    return (weight * residual**2).sum(axis=1) / ((weight > 0).sum(axis=1) - len(vectors))


def chi2_left_out(
    flux: FloatArray, weight: FloatArray, group: IntArray, n_component: int
) -> FloatArray:
    """Return each spectrum's reduced chi2 by components of the others (repeats left out too)."""
    chi2 = np.empty(len(flux))
    for number in np.unique(group):
        out = group == number
        model = components(flux[~out], weight[~out], n_component)
        chi2[out] = reduced_chi2(flux[out], weight[out], *model)
    return chi2


def share_spanned(vectors: FloatArray, other: FloatArray) -> FloatArray:
    """Return the part of the norm of each of `other` that lies in the space of `vectors`."""
    basis = np.linalg.qr(vectors.T)[0]
    inside = other @ basis
    return (inside**2).sum(axis=1) / (other**2).sum(axis=1)
