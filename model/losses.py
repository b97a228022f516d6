"""The losses of SPENDER, all batch means (Liang+2023, arXiv:2302.02496, equations 1-5).

    fidelity_loss(flux, ivar, model_flux, valid) -> scalar
    similarity_loss(latents, rest, weight, k0, k1, scale_free=False) -> scalar
    consistency_loss(latents, latents_aug, sigma=0.1, scale_free=False) -> scalar
    slope_schedule(progress, k1_max=5.0, n_cycle=10) -> k1
    rest_weight(wave_rest) -> weight        normalise_rest(rest, wave_rest) -> rest
    fit_amplitude(flux, ivar, model_flux) -> amplitude

Pairwise terms are computed in float32 whatever the autocast, through a centred Gram matrix:
memory N^2 + N L instead of N^2 L.
"""

from __future__ import annotations

import torch
from torch import Tensor

CONTRAST, SLOPE = 2.5, 5.0
"""k0 and k1 of the similarity loss in Liang+2023's Table 1."""
TOLERANCE = 0.1
"""sigma_s of the consistency loss, in latents (Liang+2023)."""
N_CYCLE = 10
"""Times that the slope rises from 0 during a training."""
MATCHED_SIMILARITY = 0.1517
"""`similarity_loss` at k0 = 2.5 when latent and spectral distances agree: 2 sigmoid(-2.5)."""


def fidelity_loss(flux: Tensor, ivar: Tensor, model_flux: Tensor, valid: Tensor) -> Tensor:
    """Return the mean over spectra of sum_pixel 1/2 w (x - x'')^2 / M (equation 1).

    Args:
        flux: Observed flux x, finite, shape (n_galaxy, n_pixel).
        ivar: Its inverse variance w, 0 where masked, same shape.
        model_flux: Reconstruction x'', same shape.
        valid: True where the model reaches; elsewhere the weight is 0. Same shape.
    """
    return fidelity_each(flux, ivar, model_flux, valid).mean()


def fidelity_each(flux: Tensor, ivar: Tensor, model_flux: Tensor, valid: Tensor) -> Tensor:
    """Return the fidelity loss of each spectrum, shape (n_galaxy,)."""
    residual = flux.float() - model_flux.float()
    return 0.5 * (ivar.float() * valid * residual.square()).mean(dim=1)


def similarity_loss(
    latents: Tensor,
    rest: Tensor,
    weight: Tensor,
    k0: float = CONTRAST,
    k1: float = SLOPE,
    scale_free: bool = False,
) -> Tensor:
    """Return how far latent distances are from spectral distances (equations 3 and 4).

    The mean runs over all N^2 pairs, i = j included, as in the paper.

    Args:
        latents: Shape (n_galaxy, n_latent).
        rest: Rest-frame models x', shape (n_galaxy, n_rest).
        weight: Weight w' of the squared differences of rest-frame pixels, as in the authors' code;
            equation 4 has it inside the square. Shape (n_rest,).
        k0: Contrast.
        k1: Slope.
        scale_free: Divide either distance by its mean over the pairs of the batch first, so that
            the scale of the latents does not matter.
    """
    with torch.autocast(latents.device.type, enabled=False):
        latents = latents.float()
        latent = squared_distances(latents) / latents.shape[1]
        scaled = rest.float() * (weight.float() / rest.shape[1]).sqrt()
        spectral = squared_distances(scaled)
        if scale_free:
            latent, spectral = _over_mean(latent), _over_mean(spectral)
        difference = k1 * (latent - spectral)
        return (torch.sigmoid(difference - k0) + torch.sigmoid(-difference - k0)).mean()


def squared_distances(points: Tensor) -> Tensor:
    """Return `|x_i - x_j|^2` of all pairs, shape (n, n), from points of shape (n, n_feature).

    The points are centred first: without it nearly equal spectra lose two digits.

    Example:
        >>> squared_distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
        tensor([[ 0., 25.],
                [25.,  0.]])
    """
    points = points - points.mean(dim=0).detach()
    gram = points @ points.T
    square = gram.diagonal()
    distance = (square[:, None] + square[None, :] - 2 * gram).clamp_min(0)
    return distance - torch.diag(distance.diagonal())


def consistency_loss(
    latents: Tensor, latents_aug: Tensor, sigma: float = TOLERANCE, scale_free: bool = False
) -> Tensor:
    """Return how far the latents of augmented spectra lie from their originals (equation 5).

    Args:
        latents: Shape (n_galaxy, n_latent).
        latents_aug: Latents of the same spectra, augmented; same shape.
        sigma: Tolerance sigma_s, unit of the latents; not used if `scale_free`.
        scale_free: Take the variance of the batch's latents for sigma^2 instead; a single
            spectrum, as the last batch of an epoch may be, has none and a loss of 0.
    """
    if scale_free and len(latents) < 2:
        return torch.zeros((), device=latents.device)
    with torch.autocast(latents.device.type, enabled=False):
        latents, latents_aug = latents.float(), latents_aug.float()
        if scale_free:
            variance = latents.var(dim=0).mean()
        else:
            variance = torch.tensor(sigma**2, device=latents.device)
        distance = (latents_aug - latents).square().mean(dim=1)
        return (torch.sigmoid(distance / variance) - 0.5).mean()


def slope_schedule(progress: float, k1_max: float = SLOPE, n_cycle: int = N_CYCLE) -> float:
    """Return the slope k1 of the similarity loss: inverse annealing, a saw-tooth.

    It rises from 0 to `k1_max` in each cycle (Liang+2023, section 3.2).

    Args:
        progress: Share of the training that is done, 0 to 1.
        k1_max: Slope at the end of a cycle.
        n_cycle: Number of cycles; 0 = always `k1_max`.
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"progress must lie in 0..1, got {progress}")
    return k1_max if progress == 1 or not n_cycle else k1_max * (progress * n_cycle % 1.0)


def rest_weight(
    wave_rest: Tensor, *, amplitude: float = 20.0, centre: float = 5000.0, width: float = 1414.0
) -> Tensor:
    """Return the weight w' of rest-frame pixels: a Gaussian in wavelength, shape (n_rest,).

    The defaults are those of the published SDSS training (spender, `train_sdss_paperII.py`); its
    DESI training used amplitude 30 and width 2828.

    Args:
        wave_rest: Wavelengths, Angstrom, shape (n_rest,).
        amplitude: Weight at the centre.
        centre: Angstrom.
        width: Standard deviation, Angstrom.
    """
    return amplitude * torch.exp(-0.5 * ((wave_rest - centre) / width) ** 2)


def normalise_rest(
    rest: Tensor, wave_rest: Tensor, *, bounds: tuple[float, float] = (4000.0, 7000.0)
) -> Tensor:
    """Divide rest-frame models by their median in a window, as spender does before comparing them.

    Args:
        rest: Shape (n_galaxy, n_rest).
        wave_rest: Wavelengths, Angstrom, shape (n_rest,).
        bounds: The window, Angstrom.
    """
    inside = (wave_rest > bounds[0]) & (wave_rest < bounds[1])
    return rest / rest[:, inside].median(dim=1, keepdim=True).values


def fit_amplitude(flux: Tensor, ivar: Tensor, model_flux: Tensor) -> Tensor:
    """Return the factor of `model_flux` that fits the data best, shape (n_galaxy,).

    A = sum w x m / sum w m^2; 1 where nothing constrains it. Give `ivar` 0 where the model does
    not reach.
    """
    weighted = ivar * model_flux
    norm = (weighted * model_flux).sum(dim=1)
    amplitude = (weighted * flux).sum(dim=1) / norm.clamp_min(torch.finfo(norm.dtype).tiny)
    return torch.where(norm > 0, amplitude, 1.0)


def _over_mean(distance: Tensor) -> Tensor:
    """Divide pairwise distances by their mean over distinct pairs."""
    n_pair = len(distance) * (len(distance) - 1)
    return distance * (n_pair / distance.sum().clamp_min(torch.finfo(distance.dtype).tiny))
