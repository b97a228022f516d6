"""SPENDER: shapes, options, instruments, and the encoder against its definition written plainly."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from data.grid import INSTRUMENTS, REST_RANGE, linear_grid, log_grid
from data.spectra import Spectra
from model.interface import SpectrumModel
from model.networks.config import SpenderConfig
from model.networks.decoder import LineSpread, Speculator
from model.networks.encoder import Encoder
from model.networks.pooled_convolution import convolution_moments, pooled_convolution
from model.networks.spectral_convolution import KernelSpectrum
from model.networks.spender import Spender

SDSS, BOSS, DESI = (INSTRUMENTS[name] for name in ("sdss", "boss", "desi"))
SMALL = SpenderConfig(n_latent=3, rest_grid=linear_grid(*REST_RANGE, 700), hidden=(8, 16))


def _model(config=SMALL, seed=0):
    torch.manual_seed(seed)
    return Spender(config)


def _spectra(rng, grid=SDSS, n=3):
    flux = (1 + 0.2 * rng.normal(size=(n, grid.n_pixel))).astype(np.float32)
    return Spectra(grid=grid, flux=flux, ivar=np.ones_like(flux), z=rng.uniform(0, 0.4, n))


def _plain_attention(encoder, flux):
    """Section 3.1 of Melchior+2022 written out: convolve, normalise, activate, pool."""
    x = flux[:, None]
    for conv, act, pool in (
        (encoder.conv1, encoder.act1, 5),
        (encoder.conv2, encoder.act2, 11),
        (encoder.conv3, encoder.act3, 1),
    ):
        x = functional.conv1d(x, conv.weight, padding=conv.weight.shape[2] // 2)
        x = functional.prelu(functional.instance_norm(x), act.weight)
        x = functional.max_pool1d(x, pool, padding=pool // 2) if pool > 1 else x
    values, keys = x.chunk(2, dim=1)
    return values, torch.softmax(keys, dim=2)


def _plain_latents(encoder, flux):
    values, attention = _plain_attention(encoder, flux)
    return encoder.mlp((values * attention).sum(2))


@pytest.mark.parametrize("n", [3, 18])  # a few and many spectra go different ways
@pytest.mark.parametrize("slopes", ["positive", "zero", "some negative", "above one"])
def test_encoder_is_its_definition(rng, slopes, n):
    torch.manual_seed(1)
    encoder = Encoder(5)
    with torch.no_grad():
        for act in (encoder.act1, encoder.act2, encoder.act3):
            low, high = {"positive": (0.1, 0.4), "zero": (0, 0)}.get(slopes, (-0.6, 0.4))
            act.weight.uniform_(*((1.2, 1.5) if slopes == "above one" else (low, high)))
    flux = torch.tensor(_spectra(rng, n=n).flux)
    flux[:, :300] = 0  # no data there
    flux[0] = 0
    with torch.inference_mode():
        ours, plain = encoder(flux), _plain_latents(encoder, flux)
    np.testing.assert_allclose(ours, plain, atol=2e-5)


@pytest.mark.parametrize(("negative", "n"), [(False, 2), (True, 2), (False, 16)])
def test_encoder_has_the_gradients_of_its_definition(rng, negative, n):
    torch.manual_seed(2)
    encoder = Encoder(4)
    if negative:
        with torch.no_grad():
            encoder.act1.weight[::2] = -0.3
            encoder.act2.weight[::3] = -0.2
    flux = torch.tensor(_spectra(rng, n=n).flux, requires_grad=True)
    target = torch.tensor(rng.normal(size=(n, 4)), dtype=torch.float32)
    inputs = [flux, *encoder.parameters()]
    ours = torch.autograd.grad((encoder(flux) * target).sum(), inputs)
    plain = torch.autograd.grad((_plain_latents(encoder, flux) * target).sum(), inputs)
    for one, other in zip(ours, plain, strict=True):
        scale = other.abs().max().clamp_min(1e-8)
        np.testing.assert_allclose(one / scale, other / scale, atol=2e-3)
        assert torch.linalg.vector_norm(one - other) < 1e-4 * torch.linalg.vector_norm(other)


@pytest.mark.parametrize("n_pixel", range(3920, 3926))
def test_first_convolution_is_convolution_then_pool(rng, n_pixel):
    flux = torch.tensor(rng.normal(size=(6, n_pixel)), dtype=torch.float32, requires_grad=True)
    weight = torch.tensor(rng.normal(size=(7, 5)), dtype=torch.float32, requires_grad=True)
    full = functional.conv1d(flux[:, None], weight[:, None], padding=2)
    plain = functional.max_pool1d(full, 5, padding=2).transpose(1, 2)
    ours = pooled_convolution(flux, weight, 5)
    np.testing.assert_allclose(ours.detach(), plain.detach(), atol=1e-5)
    mean, variance = convolution_moments(flux, weight)
    np.testing.assert_allclose(mean[:, 0].detach(), full.mean(2).detach(), atol=1e-6)
    np.testing.assert_allclose(
        variance[:, 0].detach(), full.var(2, correction=0).detach(), rtol=1e-5
    )
    upstream = torch.tensor(rng.normal(size=ours.shape), dtype=torch.float32)
    for one, other in zip(
        torch.autograd.grad(ours, (flux, weight), upstream),
        torch.autograd.grad(plain, (flux, weight), upstream),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("kernel", [5, 11, 21])
@pytest.mark.parametrize("n_pixel", [1, 20, 72, 86, 142, 785, 938])
def test_spectral_convolution_is_convolution(rng, kernel, n_pixel):
    x = torch.tensor(rng.normal(size=(3, n_pixel, 4)), dtype=torch.float32, requires_grad=True)
    weight = torch.tensor(rng.normal(size=(6, 4, kernel)), dtype=torch.float32, requires_grad=True)
    with torch.inference_mode():  # what is kept from here must not spoil the gradients below
        KernelSpectrum.of(weight, n_pixel=n_pixel).convolve(x)
    ours = KernelSpectrum.of(weight, n_pixel=n_pixel).convolve(x)
    plain = functional.conv1d(x.transpose(1, 2), weight, padding=kernel // 2).transpose(1, 2)
    np.testing.assert_allclose(ours.detach(), plain.detach(), atol=2e-5)
    upstream = torch.tensor(rng.normal(size=plain.shape), dtype=torch.float32)
    for one, other in zip(
        torch.autograd.grad(ours, (x, weight), upstream),
        torch.autograd.grad(plain, (x, weight), upstream),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-5 * float(other.abs().max()))


def test_latents_do_not_depend_on_the_batch(rng):
    encoder = Encoder(6)
    flux = torch.tensor(_spectra(rng, n=18).flux)
    with torch.inference_mode():
        together, alone = encoder(flux)[:4], torch.cat([encoder(row[None]) for row in flux[:4]])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_attention_is_normalised_over_72_segments(rng):
    with torch.inference_mode():
        values, attention = Encoder(2).features(torch.tensor(_spectra(rng).flux))
    assert values.shape == attention.shape == (3, 256, 72)
    np.testing.assert_allclose(attention.sum(2), 1, atol=1e-5)


def test_segment_k_is_centred_on_pixel_55_k():
    encoder = Encoder(2)
    with torch.no_grad():
        for conv in (encoder.conv1, encoder.conv2, encoder.conv3):
            conv.weight.add_(conv.weight.flip(2))  # kernels that look the same both ways
    flux = torch.zeros(2, SDSS.n_pixel)
    flux[0, 55 * 36 - 2 : 55 * 36 + 3] = torch.tensor([0.3, 1.0, 2.0, 1.0, 0.3])
    flux[1] = flux[0].roll(55)
    with torch.inference_mode():
        values, _ = encoder.features(flux)
    near = values[0, :, 36 - 15 : 36 + 16]
    assert near.std(dim=1).mean() > 0.1
    np.testing.assert_allclose(near, near.flip(1), atol=1e-4)
    np.testing.assert_allclose(values[1, :, 37 - 15 : 37 + 16], near, atol=1e-4)


def test_bfloat16_latents_agree_with_float32(rng):
    model = _model()
    wave = np.linspace(0, 1, SDSS.n_pixel)
    shapes = [np.sin(2 * np.pi * k * wave + k) for k in (1, 3, 8, 20, 60)]
    flux = 1 + rng.normal(size=(64, 5)) @ shapes + 0.1 * rng.normal(size=(64, SDSS.n_pixel))
    flux = torch.tensor(flux, dtype=torch.float32)
    with torch.inference_mode():
        exact = model.encode_tensor(flux)
        with torch.autocast("cpu", torch.bfloat16):
            ours = model.encode_tensor(flux)
    assert ours.dtype == torch.float32
    assert ((ours - exact).std(0) < 0.02 * exact.std(0)).all()


def test_training_under_autocast_keeps_every_result_in_float32(rng):
    model = _model()
    spectra = _spectra(rng)
    with torch.autocast("cpu", torch.bfloat16):
        result = model(torch.tensor(spectra.flux), torch.tensor(spectra.z))
        assert {result.latents.dtype, result.rest.dtype, result.flux.dtype} == {torch.float32}
        result.flux.square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


LR, LIANG, SUPER = (
    linear_grid(3784 / 1.5, 9332, 5881),
    linear_grid(*REST_RANGE, 7000),
    linear_grid(3784 / 1.5, 9332, 11762),
)


@pytest.mark.parametrize(
    ("n_latent", "rest_grid"),
    [(2, LR), (4, SUPER), (6, LIANG), (8, log_grid(*REST_RANGE)), (10, LR)],
)
def test_any_number_of_latents_and_any_rest_grid(rng, n_latent, rest_grid):
    config = SpenderConfig(n_latent=n_latent, rest_grid=rest_grid, hidden=(8,))
    model, spectra = _model(config), _spectra(rng, n=2)
    latents = model.encode(spectra)
    assert latents.shape == (2, n_latent)
    assert latents.dtype == np.float32
    assert model.decode(latents).shape == (2, rest_grid.n_pixel) == (2, len(model.wave_rest))
    flux, valid = model.reconstruct(latents, spectra.z, SDSS)
    assert flux.shape == valid.shape == (2, SDSS.n_pixel)
    assert not flux[~valid].any()


@pytest.mark.parametrize("activation", ["speculator", "leaky_relu"])
@pytest.mark.parametrize("hidden", [(64, 256, 1024), (256, 512, 1024)])
def test_decoder_sizes_and_activations(activation, hidden):
    config = SpenderConfig(n_latent=6, hidden=hidden, activation=activation)
    decoder = _model(config).decoder
    sizes = [layer.out_features for layer in decoder.mlp if hasattr(layer, "out_features")]
    assert sizes == [*hidden, 7000]
    n_linear = sum((a + 1) * b for a, b in zip((6, *hidden), (*hidden, 7000), strict=True))
    n_act = 2 * sum((*hidden, 7000)) if activation == "speculator" else 0
    assert sum(p.numel() for p in decoder.parameters()) == n_linear + n_act


def test_parameters_are_those_of_the_paper_but_for_biases_before_a_norm():
    encoder = Encoder(6)
    n_bias = 128 + 256 + 512
    assert sum(p.numel() for p in encoder.parameters()) == 3_159_046 - n_bias


def test_speculator_is_its_formula(rng):
    act = Speculator(4)
    x = torch.tensor(rng.normal(size=(3, 4)), dtype=torch.float32)
    np.testing.assert_allclose(act(x).detach(), x * torch.sigmoid(x), rtol=1e-6)
    with torch.no_grad():
        act.gamma.fill_(1.0)
    np.testing.assert_allclose(act(x).detach(), x, rtol=1e-6)


def test_line_spread_is_a_weighted_mean_of_the_pixels_there_are(rng):
    blur, kernel = LineSpread(5), np.array([0.1, 0.5, 2.0, 0.7, 0.2])
    flux = torch.tensor(rng.uniform(1, 2, (3, 50)))
    valid = torch.ones(3, 50, dtype=torch.bool)
    valid[1, :7] = valid[2, 40:] = False
    flux = flux * valid
    with torch.no_grad():
        blur.kernel.copy_(torch.tensor(kernel))
        seen, level = blur(flux, valid), blur(2.0 * valid, valid)
    np.testing.assert_allclose(level, 2.0 * valid, rtol=1e-6)
    for row, pixel in np.ndindex(3, 50):
        near = [(pixel + k - 2, kernel[k]) for k in range(5) if 0 <= pixel + k - 2 < 50]
        used = [(flux[row, at].item(), weight) for at, weight in near if valid[row, at]]
        total = sum(value * weight for value, weight in used)
        expected = total / sum(weight for _, weight in used) if valid[row, pixel] else 0
        assert seen[row, pixel].item() == pytest.approx(expected, rel=1e-5)
    line = torch.zeros(1, 50)
    line[0, 25] = 3.0
    assert blur(line, valid[:1]).sum().item() == pytest.approx(3.0, rel=1e-6)
    with pytest.raises(ValueError, match="must be odd"):
        LineSpread(4)


def test_gradients_of_a_line_spread_are_those_of_differences(rng):
    blur = LineSpread(3).double()
    flux = torch.tensor(rng.uniform(1, 2, (2, 9)))
    valid = torch.ones(2, 9, dtype=torch.bool)
    valid[0, :3] = valid[1, 4:] = False  # and pixels that the kernel of no valid one reaches

    def blurred(flux, kernel):
        return torch.func.functional_call(blur, {"kernel": kernel}, (flux * valid, valid))

    kernel = blur.kernel.detach().clone().requires_grad_(True)
    assert torch.autograd.gradcheck(blurred, (flux.requires_grad_(True), kernel))


def test_a_line_spread_keeps_the_continuum_to_the_ends_of_the_grid_and_of_the_model():
    config = SpenderConfig(
        n_latent=2, rest_grid=linear_grid(3900.0, 8000.0, 1000), hidden=(8,), lsf_size=5
    )
    z = torch.tensor([0.0, 0.3])
    flux, valid = _model(config).observe_tensor(torch.ones(2, 1000), z, SDSS)
    assert not valid[:, 0].any()
    assert not valid[0, -1]
    np.testing.assert_allclose(flux.detach(), valid, atol=1e-6)


def test_line_spread_is_learnt_and_works_on_the_observed_grid_only(rng):
    model = _model(SpenderConfig(n_latent=2, rest_grid=SMALL.rest_grid, hidden=(8,), lsf_size=5))
    spectra = _spectra(rng)
    result = model(torch.tensor(spectra.flux), torch.tensor(spectra.z))
    (result.flux - torch.tensor(spectra.flux)).square().sum().backward()
    assert model.line_spreads["sdss"].kernel.grad.abs().sum() > 0
    rest = torch.rand(1, 700)
    sharp = _model().observe_tensor(rest, torch.zeros(1), SDSS)[0]
    blurred = model.observe_tensor(rest, torch.zeros(1), SDSS)[0].detach()
    assert not torch.allclose(sharp, blurred)
    assert torch.equal(
        model.observe_tensor(rest, torch.zeros(1), BOSS)[0],
        _model().observe_tensor(rest, torch.zeros(1), BOSS)[0],
    )


def test_redshift_input_changes_the_latents_and_is_demanded(rng):
    config = SpenderConfig(n_latent=2, rest_grid=SMALL.rest_grid, hidden=(8,), redshift_input=True)
    model, spectra = _model(config), _spectra(rng)
    moved = replace(spectra, z=spectra.z + 0.2)
    assert not np.allclose(model.encode(spectra), model.encode(moved))
    with pytest.raises(ValueError, match="give z"):
        model.encode_tensor(torch.tensor(spectra.flux))
    plain = _model()
    assert np.array_equal(plain.encode(spectra), plain.encode(moved))


def test_instruments_have_encoders_of_their_own_and_share_the_decoder(rng):
    grids = {"sdss": SDSS, "desi": DESI}
    model = _model(SpenderConfig(n_latent=2, rest_grid=SMALL.rest_grid, hidden=(8,), grids=grids))
    for grid in grids.values():
        spectra = _spectra(rng, grid)
        assert model.encode(spectra).shape == (3, 2)
        result = model(torch.tensor(spectra.flux), torch.tensor(spectra.z), grid)
        assert result.flux.shape == (3, grid.n_pixel)
    assert model.instrument(DESI) == "desi"
    with pytest.raises(ValueError, match=r"one that the model encodes \(sdss .*desi"):
        model.encode(_spectra(rng, BOSS))
    with pytest.raises(ValueError, match="got None"):
        model.instrument()
    result = model(torch.tensor(_spectra(rng).flux), torch.zeros(3), SDSS)
    result.rest.sum().backward()
    assert all(p.grad is None for p in model.encoders["desi"].parameters())


def test_a_model_is_a_spectrum_model_and_the_numpy_and_tensor_sides_agree(rng):
    model, spectra = _model(), _spectra(rng, n=5)
    assert isinstance(model, SpectrumModel)
    latents = model.encode(spectra)
    result = model(torch.tensor(spectra.flux), torch.tensor(spectra.z))
    np.testing.assert_allclose(latents, result.latents.detach(), atol=1e-6)
    np.testing.assert_allclose(model.decode(latents), result.rest.detach(), atol=1e-5)
    flux, valid = model.reconstruct(latents, spectra.z, SDSS)
    np.testing.assert_allclose(flux, result.flux.detach(), atol=1e-5)
    assert np.array_equal(valid, result.valid)
    again, seen = model.observe(model.decode(latents), spectra.z, SDSS)
    assert np.array_equal(again, flux)
    assert np.array_equal(seen, valid)


def test_no_spectra_give_no_latents():
    model = _model()
    empty = _spectra(np.random.default_rng(), n=0)
    assert model.encode(empty).shape == (0, 3)
    assert model.decode(np.empty((0, 3))).shape == (0, 700)


def test_the_amplitude_of_a_spectrum_does_not_matter(rng):
    model, spectra = _model(), _spectra(rng)
    scaled = replace(spectra, flux=7 * spectra.flux)
    np.testing.assert_allclose(model.encode(spectra), model.encode(scaled), atol=1e-3)


def test_a_fitted_reconstruction_has_the_amplitude_of_the_data(rng):
    model, spectra = _model(), _spectra(rng)
    flux, z = torch.tensor(spectra.flux), torch.tensor(spectra.z)
    with torch.inference_mode():
        result = model(flux, z)
        fitted = result.fitted(-30 * result.flux, torch.ones_like(flux))
    np.testing.assert_allclose(fitted.flux, -30 * result.flux, rtol=1e-4)
    np.testing.assert_allclose(fitted.rest, -30 * result.rest, rtol=1e-4)
    assert torch.equal(fitted.latents, result.latents)


def test_wrong_shapes_are_refused(rng):
    model = _model()
    with pytest.raises(ValueError, match=r"flux must have shape \(n_galaxy, 3921\)"):
        model.encode_tensor(torch.ones(2, 100))
    with pytest.raises(ValueError, match=r"latents must have shape \(n_galaxy, 3\)"):
        model.decode(np.ones((2, 4)))
    with pytest.raises(ValueError, match="the model encodes"):
        model.encode(_spectra(rng, BOSS))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_latent": 0}, "n_latent must be at least 1"),
        ({"hidden": ()}, "at least one layer"),
        ({"activation": "relu"}, "activation must be"),
        ({"grids": {}}, "at least one instrument"),
        ({"lsf_size": 4}, "odd"),
        ({"channels": (8, 16)}, "channels must be three"),
        ({"channels": (8, 16, 33)}, "the last even"),
    ],
)
def test_impossible_configurations_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SpenderConfig(**settings)


def test_configuration_survives_json():
    config = SpenderConfig(
        n_latent=2,
        channels=(8, 16, 32),
        hidden=(8,),
        grids={"desi": DESI, "sdss": SDSS},
        lsf_size=5,
        redshift_input=True,
    )
    assert SpenderConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ValueError, match="unknown settings of a SPENDER: depth"):
        SpenderConfig.from_dict(config.to_dict() | {"depth": 3})
