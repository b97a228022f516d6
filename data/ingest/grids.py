"""Which grids a survey has, and on which of them each spectrum goes.

Spectra of SDSS, BOSS and DESI lie on their instrument's grid. All others have wavelengths of their
own: they are resampled onto a grid made from them, or onto one of the three.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from data.arrays import FloatArray
from data.grid import INSTRUMENTS, WaveGrid
from data.ingest.formats import read_file
from data.ingest.generic.assumed import NOTHING_ASSUMED, Assumed
from data.ingest.generic.resampling import holes
from data.ingest.raw_spectrum import OTHER, RawSpectrum

AUTO = "auto"
N_LOOKED_INTO = 32
"""Files read to choose a grid for spectra with wavelengths of their own."""
N_MEASURED = 200
"""Files read to make a grid for them."""
MOST_PIXELS = 100_000
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
RESERVED = ("wave", "flux", "ivar", OTHER)
"""Names of grids that the store, or a survey's catalogue, uses for other things."""


@dataclass(frozen=True)
class Grids:
    """The grids of a survey.

    Attributes:
        by_name: Name -> observed-frame grid.
        target: Instrument of a spectrum as read -> name of the grid it goes on.
    """

    by_name: dict[str, WaveGrid]
    target: dict[str, str]

    def instrument(self, read: str) -> str:
        """Return what the catalogue calls the instrument of a spectrum as read."""
        named = read == OTHER and self.target[read] not in INSTRUMENTS
        return self.target[read] if named else read


def check_instrument(name: str) -> None:
    """Refuse what can not name a grid.

    Raises:
        ValueError: It is no word in lower case, or has another meaning.
    """
    if not NAME.fullmatch(name) or name in RESERVED:
        raise ValueError(
            f"--instrument must be auto, sdss, boss, desi, or a name of yours in lower case, "
            f"got {name!r}"
        )


def one_grid(name: str, grid: WaveGrid | None = None) -> Grids:
    """Return one grid for the spectra of all instruments.

    Args:
        name: Of an instrument, or of another grid.
        grid: The grid, unless it is that of the instrument.
    """
    grid = INSTRUMENTS[name] if grid is None else grid
    return Grids({name: grid}, dict.fromkeys((*INSTRUMENTS, OTHER), name))


def choose_grids(
    instrument: str, files: Sequence[str], assumed: Assumed = NOTHING_ASSUMED
) -> Grids:
    """Return the grids for some files.

    Args:
        instrument: `sdss`, `boss` or `desi`: all spectra go on that grid. `auto`: each on its
            instrument's, those of other instruments on that of most files. Another name: these
            get a grid of that name, made from them.
        files: The files; a sample of them is read.
        assumed: What is taken for granted where a file does not say it.

    Raises:
        ValueError: A grid is to be made, and no file looked into has wavelengths of its own.
    """
    if instrument in INSTRUMENTS:
        return one_grid(instrument)
    sample = partial(_sample, files, assumed)
    own = {name: name for name in INSTRUMENTS}
    if instrument == AUTO:
        most = most_frequent(raw.instrument for raw in sample(N_LOOKED_INTO))
        return Grids(dict(INSTRUMENTS), own | {OTHER: most})
    waves = [raw.wave for raw in sample(N_MEASURED) if raw.wave is not None]
    if not waves:
        raise ValueError(
            f"--instrument {instrument}: no file looked into has wavelengths of its own, off the "
            "grids of SDSS, BOSS and DESI; leave --instrument out"
        )
    return Grids({**INSTRUMENTS, instrument: grid_from_data(waves)}, own | {OTHER: instrument})


def most_frequent(instruments: Iterable[str]) -> str:
    """Return the most frequent known instrument of a sample; looks no further than it must."""
    counts = Counter[str]()
    for name in instruments:
        if name != OTHER:
            counts[name] += 1
            if counts[name] > N_LOOKED_INTO / 2:
                break
    return counts.most_common(1)[0][0] if counts else "boss"


def grid_from_data(waves: Sequence[FloatArray]) -> WaveGrid:
    """Return a uniform grid that covers wavelengths, with their typical step.

    It is linear or logarithmic, whichever the wavelengths are nearer to. Spectra that share one
    uniform grid get that grid.

    Args:
        waves: Vacuum Angstrom, increasing, one array for each spectrum.

    Raises:
        ValueError: The grid would be too long to be that of a spectrograph.
    """
    unevenness = {
        scale: np.median([_unevenness(_uniform(wave, scale)) for wave in waves])
        for scale in ("linear", "log")
    }
    scale = "log" if unevenness["log"] < unevenness["linear"] else "linear"
    uniform = [_uniform(wave, scale) for wave in waves]
    step = float(np.median([_steps(values).mean() for values in uniform]))
    start = min(float(ends[0]) for ends in uniform)
    n_pixel = 1 + math.ceil((max(float(ends[-1]) for ends in uniform) - start) / step - 1e-3)
    if n_pixel > MOST_PIXELS:
        raise ValueError(
            f"the files have wavelengths too different for one grid: {n_pixel} pixels would be "
            "needed; ingest them in groups"
        )
    return WaveGrid(scale=scale, start=start, step=step, n_pixel=n_pixel)


def _uniform(wave: FloatArray, scale: str) -> FloatArray:
    return np.log10(wave) if scale == "log" else wave


def _unevenness(values: FloatArray) -> float:
    """Return the spread of steps over their mean."""
    steps = _steps(values)
    return float(np.std(steps) / np.mean(steps))


def _steps(values: FloatArray) -> FloatArray:
    """Return the steps of wavelengths but those that jump over pixels that are lacking."""
    return np.delete(np.diff(values), holes(values))


def _sample(files: Sequence[str], assumed: Assumed, most: int) -> Iterator[RawSpectrum]:
    """Yield the first spectrum of some files, evenly spaced; those that can not be read have none.

    The ingest itself reports what is wrong with a file.
    """
    positions = np.linspace(0, len(files) - 1, most).astype(int)
    for position in np.unique(positions):
        with suppress(Exception):
            path = Path(files[int(position)])
            yield from islice(read_file(path, assumed=assumed), 1)
