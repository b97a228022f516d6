"""What a file that can not be read is nearest to."""

import pytest

from data.ingest.generic.layouts import nearest_layout


@pytest.mark.parametrize(
    ("hdus", "columns", "expected"),
    [
        (["", "COADD"], ["FLUX", "LOGLAM"], "nearest to an SDSS spec file, but without ivar"),
        ([""], ["lam", "flux_density"], "nearest to a table of a spectrum, but without error"),
        (
            ["", "FIBERMAP", "B_FLUX", "B_IVAR", "R_FLUX", "R_IVAR", "Z_FLUX", "Z_IVAR"], [],
            "nearest to a DESI coadd or spectra file, but without "
            "B_WAVELENGTH, R_WAVELENGTH, Z_WAVELENGTH",
        ),
        (["", "STARS"], ["MAG"], "it is like none of those that are read: an SDSS spec file (flux"),
    ],
)  # fmt: skip
def test_the_nearest_layout_and_what_is_missing_are_told(hdus, columns, expected):
    assert nearest_layout(hdus, columns).startswith(expected)
