"""Mock galaxies beside real ones of SDSS: distributions, and a PCA that must carry over.

Writes `benchmarks/results/mock_realism.png`, one page, and says in numbers what differs.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from data.grid import INSTRUMENTS, log_grid
from data.lines import sky as sky_lines
from data.lines.indices import measure
from data.mock.survey import MockSurvey
from tests.fixtures.paths import ROOT

PAGE = ROOT / "benchmarks" / "results" / "mock_realism.png"
REST = log_grid(3750.0, 6800.0, 6e-4)
N_COMPONENT = 10
COLUMNS = {
    "d4000": "D4000",
    "log_ew_halpha": "log EW(Hα) / Å",
    "log_nii_halpha": "log [N II] / Hα",
    "log_oiii_hbeta": "log [O III] / Hβ",
    "log_snr": "log S/N per pixel",
    "colour": "4200 - 6100 (mag)",
}


@pytest.fixture(scope="module")
def real(real_spectra):
    """Clean SDSS galaxies: normalised flux, ivar on the SDSS grid; z; group of repeats."""
    catalog = pd.read_csv(real_spectra / "catalog.csv")
    clean = (catalog["class"] == "GALAXY") & catalog.zwarning.isin([0, 16]) & (catalog.snr >= 5)
    clean &= catalog.z.between(0.003, 0.5) & ~catalog.is_sky & (catalog.run2d.astype(str) == "26")
    grid = INSTRUMENTS["sdss"]
    rows = catalog[clean]
    flux = np.zeros((len(rows), grid.n_pixel))
    ivar = np.zeros_like(flux)
    for i, file in enumerate(rows.file):
        with fits.open(real_spectra / file) as hdus:
            table = hdus[1].data
            pixel = np.rint(grid.pixel(10.0 ** table["loglam"].astype(float))).astype(int)
            seen = (pixel >= 0) & (pixel < grid.n_pixel)
            good = (table["and_mask"] == 0) & np.isfinite(table["flux"])
            flux[i, pixel[seen]] = np.where(good, table["flux"], 0)[seen]
            ivar[i, pixel[seen]] = np.where(good, table["ivar"], 0)[seen]
    ivar[:, sky_lines.mask(grid)] = 0
    z = rows.z.to_numpy()
    rest = grid.wave / (1 + z[:, None])
    window = (rest > 5300) & (rest < 5850) & (ivar > 0)
    kept = window.sum(axis=1) > 50
    flux, ivar, z, window = flux[kept], ivar[kept], z[kept], window[kept]
    norm = np.array([[np.median(f[w])] for f, w in zip(flux, window, strict=True)])
    return (flux / norm, ivar * norm**2), z, rows.object_group.to_numpy()[kept]


@pytest.fixture(scope="module")
def mock():
    survey = MockSurvey(n=900, seed=17, outliers=0.0)
    spectra = survey.read(slice(None))
    return (spectra.flux.astype(float), spectra.ivar.astype(float)), spectra.z


def _properties(spectra, z):
    flux, ivar = spectra
    rest = INSTRUMENTS["sdss"].wave / (1 + z[:, None])
    table = measure(rest, flux, ivar)
    lines = (table["flux_halpha"] > 5 * table["flux_halpha_err"]) & (table["ew_halpha"] > 3)
    lines &= table["flux_hbeta"] > 3 * table["flux_hbeta_err"]
    bands = []
    for low, high in ((4150, 4250), (6000, 6200)):
        inside = (rest > low) & (rest < high) & (ivar > 0)
        some = inside.sum(axis=1) > 20
        total = np.where(inside, flux, 0).sum(axis=1) / inside.sum(axis=1).clip(1)
        bands.append(np.where(some & (total > 0), total, np.nan))
    snr = np.nanmedian(np.where(ivar > 0, flux * np.sqrt(ivar), np.nan), axis=1)
    frame = pd.DataFrame(
        {
            "d4000": table["d4000"],
            "log_ew_halpha": np.log10(np.where(lines, table["ew_halpha"], np.nan)),
            "log_nii_halpha": np.where(lines, table["log_nii_halpha"], np.nan),
            "log_oiii_hbeta": np.where(lines, table["log_oiii_hbeta"], np.nan),
            "log_snr": np.log10(snr),
            "colour": -2.5 * np.log10(bands[0] / bands[1]),
        }
    )
    return frame


def _overlap(first, second):
    """Return the common area of two distributions, 0 to 1, over eight bins of the first."""
    first, second = first[np.isfinite(first)], second[np.isfinite(second)]
    edges = np.quantile(first, np.linspace(0, 1, 7))
    edges[[0, -1]] = -np.inf, np.inf
    shares = [np.histogram(values, edges)[0] / len(values) for values in (first, second)]
    return np.minimum(*shares).sum()


@pytest.fixture(scope="module")
def properties(real, mock):
    return _properties(real[0], real[1]), _properties(*mock)


@pytest.mark.parametrize("column", COLUMNS)
def test_distributions_overlap_with_those_of_real_galaxies(properties, column):
    real, mock = properties
    assert np.isfinite(real[column]).sum() >= 25
    assert _overlap(real[column].to_numpy(), mock[column].to_numpy()) > 0.55


def test_mock_galaxies_keep_to_the_star_forming_ridge(properties):
    """Median [O III]/H-beta in bins of [N II]/H-alpha, within 0.3 dex of the real one."""
    real, mock = properties
    for low, high in ((-1.3, -0.8), (-0.8, -0.5), (-0.5, -0.3)):
        medians = [
            frame.loc[frame.log_nii_halpha.between(low, high), "log_oiii_hbeta"].median()
            for frame in (real, mock)
        ]
        assert abs(medians[0] - medians[1]) < 0.3


def _to_rest(spectra, z):
    """Average spectra in the bins of `REST`, weighted by ivar."""
    flux, ivar = spectra
    place = np.rint(REST.pixel(INSTRUMENTS["sdss"].wave / (1 + z[:, None]))).astype(int)
    binned, weight = np.zeros((2, len(z), REST.n_pixel))
    for i, row in enumerate(place):
        seen = (row >= 0) & (row < REST.n_pixel)
        weight[i] = np.bincount(row[seen], ivar[i, seen], REST.n_pixel)
        binned[i] = np.bincount(row[seen], (ivar * flux)[i, seen], REST.n_pixel)
    return np.divide(binned, weight, out=np.zeros_like(binned), where=weight > 0), weight


def _fit(flux, weight, mean, vectors):
    """Return the weighted least-squares reconstruction of spectra."""
    n_vector = len(vectors)
    products = (vectors[:, None] * vectors).reshape(n_vector**2, -1)
    normal = (weight @ products.T).reshape(-1, n_vector, n_vector)
    normal += 1e-6 * np.eye(n_vector) * weight.mean()
    right = (weight * (flux - mean)) @ vectors.T
    return mean + np.linalg.solve(normal, right[..., None])[..., 0] @ vectors


def _pca(flux, weight, n_round=6):
    """Return mean and principal components; what is masked is filled in by the fit."""
    weight = np.minimum(weight, np.percentile(weight[weight > 0], 90))
    average = (flux * weight).sum(axis=0) / weight.sum(axis=0).clip(1e-12)
    filled = np.where(weight > 0, flux, average)
    mean, vectors = average, np.zeros((0, flux.shape[1]))
    for _ in range(n_round):
        mean = filled.mean(axis=0)
        centred = filled - mean
        vectors = np.linalg.eigh(centred.T @ centred)[1][:, : -N_COMPONENT - 1 : -1].T
        filled = np.where(weight > 0, flux, _fit(flux, weight, mean, vectors))
    return mean, vectors


def _chi2(flux, weight, mean, vectors):
    residual = flux - _fit(flux, weight, mean, vectors)
    return (weight * residual**2).sum(axis=1) / ((weight > 0).sum(axis=1) - len(vectors))


@pytest.fixture(scope="module")
def chi2(real, mock):
    """Reduced chi2 of the real galaxies by a PCA of mocks, and by one of the other real ones."""
    flux, weight = _to_rest(real[0], real[1])
    by_mock = _chi2(flux, weight, *_pca(*_to_rest(*mock)))
    by_real = np.empty_like(by_mock)
    fold = pd.factorize(real[2])[0] % 10  # repeats of one galaxy leave together
    for number in range(10):
        out = fold == number
        by_real[out] = _chi2(flux[out], weight[out], *_pca(flux[~out], weight[~out]))
    return by_mock, by_real


@pytest.mark.slow
def test_pca_of_mocks_reconstructs_real_galaxies_as_one_of_real_galaxies_does(chi2):
    by_mock, by_real = chi2
    assert np.median(by_mock) < 1.5 * np.median(by_real)
    assert np.median(by_mock / by_real) < 1.5


@pytest.mark.slow
def test_page_of_comparisons_is_drawn(properties, chi2):
    real, mock = properties
    figure, axes = plt.subplots(2, 4, figsize=(16, 7), layout="constrained")
    for axis, (column, label) in zip(axes.flat, COLUMNS.items(), strict=False):
        values = [frame[column].dropna() for frame in (real, mock)]
        edges = np.linspace(*np.quantile(np.concatenate(values), [0.01, 0.99]), 22)
        for value, name in zip(values, ("SDSS", "mock"), strict=True):
            axis.hist(
                value, edges, density=True, histtype="step", lw=2, label=f"{name}, {len(value)}"
            )
        axis.set_xlabel(label)
        axis.set_title(f"overlap {_overlap(*[v.to_numpy() for v in values]):.2f}", fontsize=10)
        axis.legend(fontsize=8)
    bpt = axes[1, 2]
    bpt.plot(mock.log_nii_halpha, mock.log_oiii_hbeta, ".", ms=3, c="C1", label="mock")
    bpt.plot(real.log_nii_halpha, real.log_oiii_hbeta, "o", ms=4, c="C0", label="SDSS")
    axes[1, 2].set(
        xlim=(-2, 0.6), ylim=(-1.2, 1.3), xlabel="log [N II] / Hα", ylabel="log [O III] / Hβ"
    )
    axes[1, 3].loglog(chi2[1], chi2[0], "o", ms=4)
    axes[1, 3].plot([0.7, 60], [0.7, 60], "k--", lw=1)
    ratio = np.median(chi2[0]) / np.median(chi2[1])
    axes[1, 3].set(xlabel="chi2: PCA of other SDSS", ylabel="chi2: PCA of mocks",
                   title=f"ratio of medians {ratio:.2f}")  # fmt: skip
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PAGE, dpi=80)
    plt.close(figure)
    assert PAGE.stat().st_size > 20_000
