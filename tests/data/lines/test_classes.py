"""Classes by lines: the rules of Portillo+2020."""

import numpy as np
import pytest

from data.lines.classes import (
    BROAD_AGN,
    EMISSION_LINE,
    NARROW_AGN,
    QUIESCENT,
    broad_halpha,
    kewley2001,
    line_classes,
)
from data.lines.indices import measure


def classify(halpha: float, hbeta: float, nii: float, oiii: float, *, broad: bool = False) -> str:
    """Return the class of lines of these fluxes, all with an error of 1."""
    values = {"halpha": halpha, "hbeta": hbeta, "nii": nii, "oiii": oiii}
    lines = {f"flux_{name}": np.array([value]) for name, value in values.items()}
    lines |= {f"{name}_err": np.ones(1) for name in lines}
    return line_classes(lines, np.array([broad]))[0]


@pytest.mark.parametrize(
    ("fluxes", "expected"),
    [
        ((300, 100, 100, 40), EMISSION_LINE),
        ((300, 100, 300, 500), NARROW_AGN),
        ((2.9, 100, 300, 500), QUIESCENT),
        ((300, 2.9, 300, 500), QUIESCENT),
        ((np.nan, 2.9, 300, 500), QUIESCENT),
        ((np.nan, 100, 300, 500), ""),
        ((300, 100, np.nan, 500), ""),
        ((300, 100, -5, -5), EMISSION_LINE),  # weaker than its error: at its error
    ],
)
def test_rules(fluxes: tuple[float, ...], expected: str) -> None:
    assert classify(*fluxes) == expected


def test_broad_lines_go_before_all() -> None:
    assert classify(np.nan, 0, 0, 0, broad=True) == BROAD_AGN


def test_the_limit_is_that_of_kewley() -> None:
    # Equation 5: log([O III]/Hb) = 0.61 / (log([N II]/Ha) - 0.47) + 1.19
    x = np.array([-1.0, 0.0, 0.4, 0.5])
    limit = 0.61 / (x - 0.47) + 1.19
    assert kewley2001(x, limit - 0.01).tolist() == [True, True, True, False]
    assert not kewley2001(x, limit + 0.01).any()


@pytest.mark.parametrize(("sigma", "broad"), [(150.0, False), (300.0, False), (1500.0, True)])
def test_only_broad_lines_have_wings(sigma: float, broad: bool) -> None:  # noqa: FBT001
    wave = np.linspace(6300.0, 6900.0, 1201)

    def line(centre: float, height: float, width: float) -> np.ndarray:
        return height * np.exp(-0.5 * ((wave / centre - 1) * 299792.458 / width) ** 2)

    flux = 1 + line(6564.6, 5.0, sigma) + line(6585.3, 2.0, 150.0) + line(6549.9, 0.7, 150.0)
    found = broad_halpha(measure(wave, flux[None], np.full((1, len(wave)), 400.0)))
    assert found.tolist() == [broad]


def test_lines_of_no_flux_at_all_have_a_class_without_a_warning():
    """Of a model that is 0 where the spectrum is masked: there is no error to take instead."""
    names = ("halpha", "hbeta", "nii", "oiii")
    lines = {f"flux_{name}": np.array([float(name in names[:2])] * 2) for name in names}
    lines |= {f"flux_{name}_err": np.array([np.nan, 0.1]) for name in names}
    lines["flux_nii_err"][:] = np.nan
    assert list(line_classes(lines, np.zeros(2, bool))) == ["", EMISSION_LINE]
