"""Saved equals loaded, and whatever is not a model is refused."""

import json
import resource

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from data.grid import INSTRUMENTS, REST_RANGE, linear_grid
from model.networks.config import SpenderConfig
from model.networks.spender import Spender
from model.store.storage import load_model, read_model_info, save_model

LATENTS = np.array([[0.1, -0.5], [2.0, 0.3]], dtype=np.float32)


@pytest.fixture
def model():
    torch.manual_seed(3)
    rest_grid = linear_grid(*REST_RANGE, 300)
    grids = {name: INSTRUMENTS[name] for name in ("sdss", "desi")}
    return Spender(
        SpenderConfig(
            n_latent=2,
            rest_grid=rest_grid,
            grids=grids,
            hidden=(8, 16),
            lsf_size=5,
            activation="speculator",
        )
    )


def test_loaded_is_saved(model, tmp_path):
    save_model(model, tmp_path / "model", training={"seed": 1}, metrics={"fidelity": 0.4})
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded, Spender)
    assert loaded.config == model.config
    assert np.array_equal(loaded.decode(LATENTS), model.decode(LATENTS))
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    assert all(p.requires_grad for p in loaded.parameters())
    info = read_model_info(tmp_path / "model")
    assert info["training"] == {"seed": 1}
    assert info["metrics"] == {"fidelity": 0.4}
    assert info["config"]["rest_grid"]["n_pixel"] == 300


def test_a_disk_that_takes_no_more_is_told_and_leaves_the_old_model(model, tmp_path):
    path = tmp_path / "model"
    save_model(model, path)
    before = (path / "model.safetensors").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match="the model can not be written"):
            save_model(model, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (path / "model.safetensors").read_bytes() == before
    assert len(list(path.iterdir())) == 2


def test_width_of_the_encoder_is_recorded_and_read_off_older_files(tmp_path):
    config = SpenderConfig(n_latent=2, channels=(4, 6, 8), hidden=(8,))
    model = Spender(config)
    save_model(model, tmp_path)
    info = read_model_info(tmp_path)
    assert info["config"]["channels"] == [4, 6, 8]
    del info["config"]["channels"]  # as before it was recorded
    (tmp_path / "model.json").write_text(json.dumps(info))
    older = load_model(tmp_path)
    assert isinstance(older, Spender)
    assert older.config == config
    assert np.array_equal(older.decode(LATENTS), model.decode(LATENTS))


def test_loading_draws_no_random_numbers(model, tmp_path):
    save_model(model, tmp_path)
    state = torch.random.get_rng_state()
    load_model(tmp_path)
    assert torch.equal(state, torch.random.get_rng_state())


def test_half_precision_takes_half_the_space_and_loads_as_float32(model, tmp_path):
    save_model(model, tmp_path / "full")
    save_model(model, tmp_path / "half", half=True)
    sizes = [(tmp_path / n / "model.safetensors").stat().st_size for n in ("full", "half")]
    assert sizes[1] < 0.55 * sizes[0]
    loaded = load_model(tmp_path / "half")
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    np.testing.assert_allclose(loaded.decode(LATENTS), model.decode(LATENTS), atol=5e-3)


def test_saving_again_replaces_the_model_and_keeps_what_lies_beside(model, tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss\n")
    save_model(model, tmp_path)
    with torch.no_grad():
        model.decoder.mlp[0].weight.add_(1)
    save_model(model, tmp_path)
    assert np.array_equal(load_model(tmp_path).decode(LATENTS), model.decode(LATENTS))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "history.csv",
        "model.json",
        "model.safetensors",
    ]


def test_weights_that_can_not_be_stored_are_refused(model, tmp_path):
    with torch.no_grad():
        model.decoder.mlp[0].weight[0, 0] = 1e5
    with pytest.raises(ValueError, match="does not fit into half precision"):
        save_model(model, tmp_path / "model", half=True)
    with torch.no_grad():
        model.decoder.mlp[0].weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match="weights must be finite"):
        save_model(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def _rewrite_json(path, **changes):
    info = json.loads((path / "model.json").read_text())
    (path / "model.json").write_text(json.dumps(info | changes))


def _rewrite_weights(path, change):
    import hashlib

    weights = load_file(path / "model.safetensors")
    change(weights)
    save_file(weights, path / "model.safetensors")
    digest = hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()
    _rewrite_json(path, weights_sha256=digest)


def _truncate(path):
    content = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(content[: len(content) // 2])


def _not_finite(weights):
    weights["decoder.mlp.0.bias"][0] = np.nan


BIAS = "decoder.mlp.0.bias"
DAMAGE = {
    "no json": (lambda p: (p / "model.json").unlink(), "is not a model: it has no model.json"),
    "json cut": (lambda p: (p / "model.json").write_text('{"kind":'), "can not be read as JSON"),
    "json list": (lambda p: (p / "model.json").write_text("[]"), "must hold a JSON object"),
    "version": (lambda p: _rewrite_json(p, schema_version=99), "model schema 99"),
    "kind": (lambda p: _rewrite_json(p, kind="os.system"), "kind must be one of spender"),
    "config": (lambda p: _rewrite_json(p, config={"n_latent": "x"}), "does not fit its weights"),
    "config kind": (lambda p: _rewrite_json(p, config=[1]), "does not fit its weights"),
    "no weights": (lambda p: (p / "model.safetensors").unlink(), "has no model.safetensors"),
    "truncated": (_truncate, "model.safetensors can not be read"),
    "other weights": (lambda p: _rewrite_json(p, weights_sha256="0"), "describes other weights"),
    "missing": (lambda p: _rewrite_weights(p, lambda w: w.pop(BIAS)), f"missing: {BIAS}"),
    "unexpected": (
        lambda p: _rewrite_weights(p, lambda w: w.update(evil=np.ones(3))),
        "unexpected: evil",
    ),
    "shape": (
        lambda p: _rewrite_weights(p, lambda w: w.update({BIAS: np.ones(3, "f4")})),
        r"decoder.mlp.0.bias must have shape \(8,\), got \(3,\)",
    ),
    "nan": (lambda p: _rewrite_weights(p, _not_finite), "must be finite"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_not_a_model_is_refused(model, tmp_path, damage):
    save_model(model, tmp_path)
    spoil, message = DAMAGE[damage]
    spoil(tmp_path)
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        load_model(tmp_path / "nowhere")
