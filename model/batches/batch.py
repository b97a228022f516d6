"""Some spectra on the device: what one training step works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some spectra on the device; `counted` is 0 for rows that only fill a process's share.

    Attributes:
        flux: Normalised flux, float32, shape (n_galaxy, n_pixel).
        ivar: Inverse variance of `flux`, 0 where masked or not counted, same shape.
        z: Redshifts, float32, shape (n_galaxy,).
        rows: Row numbers in the source, int64 on the CPU, shape (n_galaxy,).
        counted: 1 or 0, float32, shape (n_galaxy,).
        n_global: Spectra counted in this batch, all processes together.
    """

    flux: Tensor
    ivar: Tensor
    z: Tensor
    rows: Tensor
    counted: Tensor
    n_global: int

    def part(self, chosen: slice) -> Batch:
        """Return some of the spectra as a batch of one process."""
        return Batch(
            flux=self.flux[chosen],
            ivar=self.ivar[chosen],
            z=self.z[chosen],
            rows=self.rows[chosen],
            counted=self.counted[chosen],
            n_global=len(self.rows[chosen]),
        )

    def map_tensors(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """Return the batch with a function applied to all tensors but the rows."""
        return replace(
            self,
            flux=function(self.flux),
            ivar=function(self.ivar),
            z=function(self.z),
            counted=function(self.counted),
        )
