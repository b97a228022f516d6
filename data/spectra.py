"""Spectra in memory, and the interface of everything that spectra are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pandas as pd
from numpy.typing import NDArray

from data.arrays import FloatArray
from data.grid import WaveGrid


@dataclass(frozen=True)
class Spectra:
    """Normalised spectra on one observed-frame grid.

    Attributes:
        wave: Vacuum wavelengths, Angstrom, shape (n_pixel,).
        flux: Flux over `norm` (median of rest-frame 5300-5850 A), float32,
            shape (n_galaxy, n_pixel). Finite everywhere.
        ivar: Inverse variance of `flux`, 0 where masked, float32, shape (n_galaxy, n_pixel).
        z: Redshifts, float64, shape (n_galaxy,).
    """

    wave: FloatArray
    flux: FloatArray
    ivar: FloatArray
    z: FloatArray

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        expected = (len(self.z), len(self.wave))
        if self.flux.shape != expected or self.ivar.shape != expected:
            raise ValueError(
                f"flux and ivar must have shape (n_galaxy, n_pixel) = {expected}, "
                f"got {self.flux.shape} and {self.ivar.shape}"
            )

    def __len__(self) -> int:
        """Return the number of spectra."""
        return len(self.z)


@runtime_checkable
class SpectrumSource(Protocol):
    """What spectra can be read from: a survey on disk, or a mock survey made on demand."""

    @property
    def grid(self) -> WaveGrid:
        """Observed-frame grid."""
        ...

    @property
    def catalog(self) -> pd.DataFrame:
        """One row per object, row i = spectrum i."""
        ...

    @property
    def ids(self) -> NDArray[Any]:
        """`object_id` of each row as text, without the rest of the catalogue being made."""
        ...

    def __len__(self) -> int:
        """Return the number of objects."""
        ...

    def read(self, indices: NDArray[Any] | list[int] | slice) -> Spectra:
        """Return the spectra of some rows, in the order asked for (repeats allowed)."""
        ...

    def reference(self) -> dict[str, Any]:
        """Return JSON-ready values from which `data.source.open_source` opens it again."""
        ...
