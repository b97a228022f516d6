"""What a SPENDER makes of spectra: latents, rest-frame and observed-frame models."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from model.losses import fit_amplitude


class Reconstruction(NamedTuple):
    """What a forward pass gives.

    Attributes:
        latents: Shape (n_galaxy, n_latent).
        rest: Rest-frame model, shape (n_galaxy, n_rest).
        flux: Observed-frame model, 0 outside the rest range, shape (n_galaxy, n_pixel).
        valid: True where the rest range reaches, shape of `flux`.
    """

    latents: Tensor
    rest: Tensor
    flux: Tensor
    valid: Tensor

    def fitted(self, flux: Tensor, ivar: Tensor) -> Reconstruction:
        """Return the models in the amplitude that fits the data best.

        For spectra that are not normalised: the encoder does not see amplitudes.

        Args:
            flux: Observed flux, shape (n_galaxy, n_pixel).
            ivar: Its inverse variance, same shape.
        """
        amplitude = fit_amplitude(flux, ivar * self.valid, self.flux)[:, None]
        return self._replace(rest=amplitude * self.rest, flux=amplitude * self.flux)
