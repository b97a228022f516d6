"""Agreement with spender 0.3 for the same weights, and its checkpoints."""

import os
import warnings

import numpy as np
import pytest
import torch

from data.grid import INSTRUMENTS, REST_RANGE, linear_grid, log_grid
from model.losses import (
    consistency_loss,
    fidelity_loss,
    normalise_rest,
    rest_weight,
    similarity_loss,
)
from model.networks.config import SpenderConfig
from model.networks.redshift import redshift
from model.networks.spender import Spender
from model.store.spender_files import read_spender_checkpoint, write_spender_checkpoint

SDSS = INSTRUMENTS["sdss"]
LINEAR = linear_grid(*REST_RANGE, 7000)


@pytest.fixture(scope="module")
def spender():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its docstrings hold invalid escapes
        pytest.importorskip("spender.loss")
        return pytest.importorskip("spender")


def _peer(spender, rest_grid=LINEAR, *, lsf=None, activation="speculator", n_latent=4):
    class Sdss(spender.instrument.BaseInstrument):
        pass

    torch.manual_seed(5)
    instrument = Sdss(
        torch.tensor(SDSS.wave, dtype=torch.float32),
        lsf=None if lsf is None else spender.LSF(torch.tensor(lsf)),
    )
    act = None if activation == "speculator" else [torch.nn.LeakyReLU()] * 4
    wave = torch.tensor(rest_grid.wave, dtype=torch.float32)
    return spender.SpectrumAutoencoder(instrument, wave, n_latent=n_latent, act=act)


def _save(peer, path, **others):
    torch.save({"model": peer.state_dict(), "losses": [], **others}, path)
    return path


def _flux(rng, n=4):
    wave = SDSS.wave / 1000
    tilt, bump, phase = rng.normal(size=(3, n, 1))
    flux = 1 + 0.2 * tilt * (wave - 6) + 0.1 * bump * np.sin(3 * wave + phase)
    return torch.tensor(flux + 0.1 * rng.normal(size=flux.shape), dtype=torch.float32)


def _eroded(valid, pixels=5):
    outside = torch.nn.functional.pad((~valid).float(), (pixels, pixels), value=1.0)
    outside = torch.nn.functional.max_pool1d(outside, 2 * pixels + 1, 1)
    return outside == 0


@pytest.fixture
def z(rng):
    return torch.tensor(rng.uniform(0, 0.5, 4), dtype=torch.float32)


@pytest.mark.parametrize("rest_grid", [LINEAR, log_grid(*REST_RANGE)], ids=["linear", "log"])
def test_redshift_transform_agrees_with_spender(spender, z, rest_grid):
    phase = torch.arange(4.0)[:, None]
    wave = torch.tensor(rest_grid.wave, dtype=torch.float32)
    rest = 1 + 0.3 * torch.sin(wave / 30 + phase) + torch.exp(-(((wave - 6564.6) / 3) ** 2) / 2)
    peer = _peer(spender, rest_grid)
    with torch.inference_mode():
        theirs, their_valid = peer.decoder.transform(
            rest, peer.encoder.instrument, z, return_valid=True
        )
        ours, valid = redshift(rest, z, source=rest_grid, target=SDSS)
    assert (valid != their_valid).sum() <= 4  # the very first or last pixel
    np.testing.assert_allclose(ours, theirs, atol=1e-3)  # float32 wavelengths at the line's flank
    assert (ours - theirs).abs().mean() < 1e-5
    smooth = (torch.diff(ours, prepend=ours[:, :1]).abs() < 0.02) & valid & their_valid
    np.testing.assert_allclose(ours[smooth], theirs[smooth], atol=1e-4)


@pytest.mark.parametrize("activation", ["speculator", "leaky_relu"])
@pytest.mark.parametrize("lsf", [None, [0.05, 0.2, 0.5, 0.15, 0.1]], ids=["sharp", "lsf"])
def test_a_checkpoint_of_spender_is_the_same_network(spender, tmp_path, rng, z, activation, lsf):
    peer = _peer(spender, activation=activation, lsf=lsf)
    ours = read_spender_checkpoint(_save(peer, tmp_path / "peer.pt"), SDSS)
    assert ours.config.activation == activation
    assert ours.config.hidden == (64, 256, 1024)
    assert ours.config.lsf_size == (0 if lsf is None else 5)
    flux = _flux(rng)
    with torch.inference_mode():
        latents, rest, reconstruction, their_valid = peer._forward(flux, z=z)
        result = ours(flux, z)
        their_rest = peer.decode(100 * latents)  # latents of the order of trained ones
        np.testing.assert_allclose(ours.decode_tensor(100 * latents), their_rest, atol=1e-4)
    np.testing.assert_allclose(result.latents, latents, atol=1e-6)
    np.testing.assert_allclose(result.rest, rest, atol=1e-5)
    inside = _eroded(result.valid & their_valid)  # spender blurs zeros in at the ends
    np.testing.assert_allclose(result.flux[inside], reconstruction[inside], atol=1e-4)


def test_losses_agree_with_spender(spender, tmp_path, rng, z):
    peer = _peer(spender)
    ours = read_spender_checkpoint(_save(peer, tmp_path / "peer.pt"), SDSS)
    flux, ivar = _flux(rng), torch.full((4, SDSS.n_pixel), 50.0)
    n, k1 = len(flux), 3.0
    settings = spender.loss.LossConfig(similarity_slope=k1, restframe_sigma=1000)
    with torch.inference_mode():
        result = ours(flux, z)
        latents = result.latents + torch.tensor(rng.normal(size=(n, 4)), dtype=torch.float32)
        fidelity = fidelity_loss(flux, ivar, result.flux, result.valid)
        np.testing.assert_allclose(fidelity, peer.loss(flux, ivar, z=z) / n, rtol=1e-4)
        wave = peer.wave_rest
        weight = rest_weight(wave, amplitude=1.0, width=2**0.5 * 1000)
        rest = normalise_rest(ours.decode_tensor(latents), wave)
        similarity = similarity_loss(latents, rest, weight, 2.5, k1, scale_free=True)
        theirs = spender.loss.similarity_restframe_loss(peer, latents, config=settings)
        diagonal = 2 * torch.sigmoid(torch.tensor(-2.5))  # spender leaves out i = j
        np.testing.assert_allclose(n * similarity - diagonal, theirs, rtol=1e-5)
        consistency = consistency_loss(latents, 1.1 * latents, scale_free=True)
        theirs = spender.loss.consistency_loss(latents, 1.1 * latents) / n
        np.testing.assert_allclose(consistency, theirs, rtol=1e-5)


@pytest.mark.parametrize("lsf_size", [0, 5])
def test_spender_reads_what_is_written(spender, tmp_path, rng, lsf_size):
    torch.manual_seed(1)
    config = SpenderConfig(
        n_latent=3, hidden=(64, 256, 1024), activation="speculator", lsf_size=lsf_size
    )
    ours = Spender(config)
    write_spender_checkpoint(ours, tmp_path / "ours.pt")

    class Sdss(spender.Instrument):
        pass

    instrument = Sdss(torch.tensor(SDSS.wave, dtype=torch.float32))
    peer = spender.load_model(str(tmp_path / "ours.pt"), instrument)
    flux = _flux(rng)
    with torch.inference_mode():
        np.testing.assert_allclose(ours.encode_tensor(flux), peer.encode(flux), atol=1e-6)
        latents = torch.tensor(rng.normal(size=(4, 3)), dtype=torch.float32)
        np.testing.assert_allclose(ours.decode_tensor(latents), peer.decode(latents), atol=1e-5)
    again = read_spender_checkpoint(tmp_path / "ours.pt", SDSS)
    for name, value in ours.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
    assert again.config.rest_grid.n_pixel == config.rest_grid.n_pixel


def test_legacy_checkpoints_are_read(spender, tmp_path, rng):
    peer = _peer(spender, lsf=None)
    legacy = {key.replace(".mlp.", ".mlp.mlp."): value for key, value in peer.state_dict().items()}
    legacy["encoder.instrument.skyline_mask"] = torch.zeros(3921, dtype=torch.bool)
    path = tmp_path / "legacy.pt"
    torch.save({"model": [legacy, {}], "losses": np.ones((10, 2))}, path)
    flux = _flux(rng)
    with torch.inference_mode():
        ours = read_spender_checkpoint(path, SDSS).encode_tensor(flux)
        np.testing.assert_allclose(ours, peer.encode(flux), atol=1e-6)


def test_a_network_that_takes_the_redshift_is_refused(spender, tmp_path):
    state = _peer(spender).state_dict()
    state["encoder.mlp.0.weight"] = torch.zeros(128, 257)
    torch.save({"model": state}, tmp_path / "old.pt")
    with pytest.raises(ValueError, match="takes the redshift as well"):
        read_spender_checkpoint(tmp_path / "old.pt", SDSS)


class _Hostile:
    def __reduce__(self):
        return os.system, ("touch owned",)


def _drop(state):
    state.pop("encoder.conv2.0.weight")


def _add(state):
    state["encoder.extra"] = torch.zeros(1)


def _cut(state):
    state["encoder.conv3.0.weight"] = torch.zeros(2, 2, 2)


def _spoil(state):
    state["decoder.mlp.0.bias"][0] = torch.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop, r"missing: \['encoder.conv2.0.weight'\]"),
        (_add, r"unexpected: \['encoder.extra'\]"),
        (_cut, "must have shape"),
        (_spoil, "must be finite"),
    ],
)
def test_checkpoints_that_do_not_fit_are_refused(spender, tmp_path, change, message):
    state = dict(_peer(spender).state_dict())
    change(state)
    torch.save({"model": state}, tmp_path / "bad.pt")
    with pytest.raises(ValueError, match=message):
        read_spender_checkpoint(tmp_path / "bad.pt", SDSS)


def test_the_grid_of_another_instrument_is_refused(spender, tmp_path):
    path = _save(_peer(spender), tmp_path / "peer.pt")
    with pytest.raises(ValueError, match="grid must be the one of the checkpoint, 3921 pixels"):
        read_spender_checkpoint(path, INSTRUMENTS["desi"])


def test_no_code_runs_from_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": _Hostile()}, tmp_path / "hostile.pt")
    with pytest.raises(ValueError, match="without running code"):
        read_spender_checkpoint(tmp_path / "hostile.pt", SDSS)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 truncated"])
def test_files_that_are_no_checkpoint_are_refused(tmp_path, content):
    (tmp_path / "text.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"text\.pt can not be read"):
        read_spender_checkpoint(tmp_path / "text.pt", SDSS)
    torch.save({"model": [1, 2]}, tmp_path / "list.pt")
    with pytest.raises(ValueError, match="must hold a state dict"):
        read_spender_checkpoint(tmp_path / "list.pt", SDSS)
    with pytest.raises(OSError, match=r"nowhere\.pt"):
        read_spender_checkpoint(tmp_path / "nowhere.pt", SDSS)


def test_networks_that_spender_has_not_are_not_written(tmp_path):
    model = Spender(SpenderConfig(n_latent=2, hidden=(8,), redshift_input=True))
    with pytest.raises(ValueError, match="hold one instrument, no redshift input"):
        write_spender_checkpoint(model, tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()
