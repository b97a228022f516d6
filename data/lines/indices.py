"""Spectral indices: D4000, absorption indices, emission-line fluxes and equivalent widths.

Direct sums over bands of the rest-frame spectrum, without a fit. Emission lines are the excess
over a straight continuum between two side bands, so stellar Balmer absorption lowers H-alpha,
H-beta and H-delta; nothing is added back. Equivalent widths of `EMISSION` are positive in
emission, those of `ABSORPTION` positive in absorption.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from data.arrays import FloatArray
from data.lines.bands import MIN_COVERAGE_LINE, MIN_COVERAGE_SIDE, Band, Pixels, Window

ROWS_AT_ONCE = 2048


@dataclass(frozen=True, kw_only=True)
class LineIndex:
    """A band and the two side bands of its continuum, vacuum Angstrom, rest frame."""

    name: str
    band: Band
    blue: Band
    red: Band
    min_coverage: float = MIN_COVERAGE_LINE
    """Share of the band that must be observed."""


class _Sides(TypedDict):
    blue: Band
    red: Band


def air_to_vacuum(wave: FloatArray | float) -> FloatArray:
    """Return vacuum wavelengths of air wavelengths (Angstrom; Morton 1991, ApJS 77, 119).

    Example:
        >>> air_to_vacuum(6562.80).round(2)
        np.float64(6564.61)
    """
    wave = np.asarray(wave, dtype=float)
    wavenumber2 = (1e4 / wave) ** 2
    vacuum = wave
    for _ in range(3):  # the formula takes the vacuum wavelength; this converges to 1e-9
        wavenumber2 = (1e4 / vacuum) ** 2
        index = 1 + 6.4328e-5 + 2.94981e-2 / (146 - wavenumber2) + 2.5540e-4 / (41 - wavenumber2)
        vacuum = wave * index
    return vacuum


def _air(name: str, band: Band, blue: Band, red: Band) -> LineIndex:
    bands = [(float(air_to_vacuum(low)), float(air_to_vacuum(high))) for low, high in
             (band, blue, red)]  # fmt: skip
    return LineIndex(name=name, band=bands[0], blue=bands[1], red=bands[2])


_HALPHA_SIDES: _Sides = {"blue": (6483.0, 6513.0), "red": (6623.0, 6653.0)}
EMISSION: tuple[LineIndex, ...] = (
    LineIndex(name="oii", band=(3716.3, 3741.3), blue=(3696.3, 3716.3), red=(3741.3, 3758.3)),
    LineIndex(name="hdelta", band=(4092.9, 4112.9), blue=(4062.0, 4082.0), red=(4122.0, 4142.0)),
    LineIndex(name="hbeta", band=(4852.7, 4872.7), blue=(4798.9, 4838.9), red=(4885.6, 4925.6)),
    LineIndex(name="oiii", band=(4998.2, 5018.2), blue=(4978.2, 4998.2), red=(5028.2, 5048.2)),
    LineIndex(name="oi", band=(6292.0, 6312.0), blue=(6272.0, 6292.0), red=(6318.0, 6338.0)),
    LineIndex(name="halpha", band=(6557.6, 6571.6), **_HALPHA_SIDES),
    LineIndex(name="nii", band=(6575.3, 6595.3), **_HALPHA_SIDES),
    LineIndex(name="sii", band=(6709.3, 6741.7), blue=(6690.0, 6708.0), red=(6748.0, 6768.0)),
)
"""Bands of the MaNGA Data Analysis Pipeline (Belfiore+2019, AJ 158, 160, table 2), vacuum;
[O II] and [S II] as sums of their doublets."""

_WING_SIDES: _Sides = {"blue": (6400.0, 6450.0), "red": (6755.0, 6805.0)}
WINGS: tuple[LineIndex, ...] = (
    LineIndex(
        name="halpha_blue_wing", band=(6510.0, 6536.0), min_coverage=MIN_COVERAGE_SIDE,
        **_WING_SIDES,
    ),
    LineIndex(
        name="halpha_red_wing", band=(6600.0, 6640.0), min_coverage=MIN_COVERAGE_SIDE,
        **_WING_SIDES,
    ),
)  # fmt: skip
"""Where a broad H-alpha stands out beside the narrow lines, 1300 to 3400 km/s from its centre."""

ABSORPTION: tuple[LineIndex, ...] = (
    _air("hdelta_a", (4083.500, 4122.250), (4041.600, 4081.500), (4128.500, 4161.000)),
    _air("hbeta_lick", (4847.875, 4876.625), (4827.875, 4847.875), (4876.625, 4891.625)),
    _air("mg_b", (5160.125, 5192.625), (5117.700, 5142.700), (5191.375, 5206.375)),
    _air("fe_5270", (5245.650, 5285.650), (5233.150, 5248.150), (5285.650, 5318.150)),
    _air("fe_5335", (5312.125, 5352.125), (5304.625, 5317.375), (5353.375, 5363.375)),
    _air("na_d", (5876.875, 5909.375), (5860.625, 5875.675), (5922.125, 5948.125)),
)
"""Lick indices (Worthey & Ottaviani 1997; Trager+1998), air bands turned into vacuum."""

D4000_BLUE: Band = (float(air_to_vacuum(3850.0)), float(air_to_vacuum(3950.0)))
D4000_RED: Band = (float(air_to_vacuum(4000.0)), float(air_to_vacuum(4100.0)))
"""Narrow 4000 A break (Balogh+1999, ApJ 527, 54)."""

RATIOS: dict[str, tuple[str, str]] = {
    "log_nii_halpha": ("nii", "halpha"),
    "log_oiii_hbeta": ("oiii", "hbeta"),
    "log_sii_halpha": ("sii", "halpha"),
    "log_oi_halpha": ("oi", "halpha"),
}
"""Axes of the BPT diagrams (Baldwin+1981): log10 of a ratio of line fluxes."""


def measure(
    wave_rest: FloatArray,
    flux: FloatArray,
    ivar: FloatArray | None = None,
    *,
    fill: FloatArray | None = None,
) -> dict[str, FloatArray]:
    """Measure every index of every spectrum.

    Args:
        wave_rest: Rest-frame vacuum wavelengths, Angstrom, increasing; shape (n_pixel,), or
            (n_galaxy, n_pixel) for observed pixels divided by 1 + z.
        flux: Flux density per Angstrom, any unit, shape (n_galaxy, n_pixel).
        ivar: Inverse variance of `flux`, 0 where masked, same shape; None = no masked pixel
            and no errors.
        fill: What masked pixels are taken for, such as a model's flux, NaN where it says nothing,
            same shape. Half of a band must be unmasked then; part of what is filled in of a line
            counts as error (`FILL_ERROR`). None: 9 of 10 pixels of a band must be unmasked.

    Returns:
        Arrays of shape (n_galaxy,), NaN where a band is not covered: `d4000` (ratio of mean
        F_nu); for each of `EMISSION` and `WINGS` `ew_*` (Angstrom) and `flux_*` (flux unit x
        Angstrom); for each of `ABSORPTION` its name (Angstrom); each of `RATIOS` (dex; NaN unless
        both fluxes are positive). With `ivar`, also `*_err` (1 sigma) of all but the ratios.

    Raises:
        ValueError: The shapes do not belong together or `wave_rest` does not increase.
    """
    wave_rest, flux = np.asarray(wave_rest, dtype=float), np.asarray(flux)
    _check(wave_rest, flux, ivar=ivar, fill=fill)
    parts = []
    for start in range(0, max(len(flux), 1), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        wave = wave_rest[rows] if wave_rest.ndim == 2 else wave_rest[None]
        pixels = Pixels(wave, flux[rows], _rows_of(ivar, rows), _rows_of(fill, rows))
        parts.append(_measure_rows(pixels))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rows_of(values: FloatArray | None, rows: slice) -> FloatArray | None:
    return None if values is None else np.asarray(values)[rows]


def _check(wave_rest: FloatArray, flux: FloatArray, **others: FloatArray | None) -> None:
    if flux.ndim != 2 or wave_rest.shape not in (flux.shape, flux.shape[1:]):
        raise ValueError(
            "flux must have shape (n_galaxy, n_pixel) and wave_rest (n_pixel,) or the same, "
            f"got flux {flux.shape} and wave_rest {wave_rest.shape}"
        )
    for name, values in others.items():
        if values is not None and np.shape(values) != flux.shape:
            raise ValueError(
                f"{name} must have the shape of flux {flux.shape}, got {np.shape(values)}"
            )
    if wave_rest.shape[-1] < 2 or not np.all(np.diff(wave_rest, axis=-1) > 0):
        raise ValueError("wave_rest must have at least 2 pixels and increase along each row")


def _measure_rows(pixels: Pixels) -> dict[str, FloatArray]:
    result: dict[str, FloatArray] = {}
    errors: dict[str, FloatArray] = {}
    result["d4000"], errors["d4000"] = _d4000(pixels)
    for index in (*EMISSION, *WINGS):
        line = _excess(index, pixels)
        name = f"ew_{index.name}"
        result[name], errors[name] = line.equivalent_width()
        name = f"flux_{index.name}"
        result[name], errors[name] = line.total, line.total_err
    for index in ABSORPTION:
        width, errors[index.name] = _excess(index, pixels).equivalent_width()
        result[index.name] = -width
    for name, (above, below) in RATIOS.items():
        top, bottom = result[f"flux_{above}"], result[f"flux_{below}"]
        both = (top > 0) & (bottom > 0)
        result[name] = np.log10(np.where(both, top, np.nan) / np.where(both, bottom, np.nan))
    if pixels.ivar is not None:
        result |= {f"{name}_err": values for name, values in errors.items()}
    return result


def _d4000(pixels: Pixels) -> tuple[FloatArray, FloatArray]:
    """Return the break and its error, shape (n_galaxy,)."""
    window = Window(pixels, D4000_BLUE[0], D4000_RED[1])
    nu_per_wave = window.wave**2  # F_nu = F_lambda lambda^2 / c
    red, red_var = window.mean(D4000_RED, factor=nu_per_wave)
    blue, blue_var = window.mean(D4000_BLUE, factor=nu_per_wave)
    blue = np.where(blue > 0, blue, np.nan)
    ratio = red / blue
    return ratio, np.sqrt(red_var + ratio**2 * blue_var) / blue


@dataclass(frozen=True)
class _Line:
    """Excess of a band over its continuum; arrays of shape (n_galaxy,), errors of 1 sigma."""

    width: float
    total: FloatArray
    band_err: FloatArray
    continuum: FloatArray
    continuum_err: FloatArray

    @property
    def total_err(self) -> FloatArray:
        return np.hypot(self.band_err, self.width * self.continuum_err)

    def equivalent_width(self) -> tuple[FloatArray, FloatArray]:
        """Return the equivalent width, positive in emission, and its error."""
        continuum = np.where(self.continuum > 0, self.continuum, np.nan)
        value = self.total / continuum
        # The continuum enters twice: it is subtracted, then divided by.
        error = np.hypot(self.band_err, (self.width + value) * self.continuum_err) / continuum
        return value, error


def _excess(index: LineIndex, pixels: Pixels) -> _Line:
    low = min(index.band[0], index.blue[0])
    window = Window(pixels, low, max(index.band[1], index.red[1]))
    blue, blue_var = window.mean(index.blue, MIN_COVERAGE_SIDE)
    red, red_var = window.mean(index.red, MIN_COVERAGE_SIDE)
    blue_wave, red_wave, centre = (sum(band) / 2 for band in (index.blue, index.red, index.band))
    weight = (centre - blue_wave) / (red_wave - blue_wave)
    continuum = (1 - weight) * blue + weight * red
    slope = (red - blue) / (red_wave - blue_wave)
    line = continuum[:, None] + slope[:, None] * (window.wave - centre)
    excess, excess_var = window.mean(index.band, index.min_coverage, minus=line, is_line=True)
    continuum_var = (1 - weight) ** 2 * blue_var + weight**2 * red_var
    width = index.band[1] - index.band[0]
    return _Line(
        width=width,
        total=excess * width,
        band_err=np.sqrt(excess_var) * width,
        continuum=continuum,
        continuum_err=np.sqrt(continuum_var),
    )
