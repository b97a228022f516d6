"""Models go out as checkpoints of spender, and come back the same."""

import numpy as np
import pytest
import torch

from data.grid import INSTRUMENTS, WaveGrid, linear_grid
from data.spectra import Spectra
from model.__main__ import main
from model.networks.config import SpenderConfig
from model.networks.spender import Spender
from model.store.storage import load_model, read_model_info, save_model


def _save(path, grid, **settings):
    torch.manual_seed(0)
    rest = linear_grid(2359, 9332, 700)
    config = SpenderConfig(
        n_latent=3, rest_grid=rest, grids={"test": grid}, hidden=(8, 8, 8), **settings
    )
    save_model(Spender(config), path)
    return path


@pytest.mark.parametrize(("grid", "name"), [
    (INSTRUMENTS["sdss"], "sdss"),
    (WaveGrid(scale="log", start=3.6, step=4e-4, n_pixel=800), "survey"),
])  # fmt: skip
def test_what_is_exported_is_imported_the_same(tmp_path, rng, capsys, grid, name):
    model = _save(tmp_path / "model", grid)
    assert main(["export", str(model), "--out", str(tmp_path / "it.pt")]) == 0
    assert main(["import", str(tmp_path / "it.pt"), "--out", str(tmp_path / "back")]) == 0
    assert f"encodes {name} spectra" in capsys.readouterr().out
    flux = rng.normal(1, 0.1, (2, grid.n_pixel)).astype(np.float32)
    spectra = Spectra(grid=grid, flux=flux, ivar=np.ones_like(flux), z=np.full(2, 0.1))
    ours, theirs = load_model(model), load_model(tmp_path / "back")
    assert list(theirs.config.grids) == [name]
    np.testing.assert_allclose(theirs.encode(spectra), ours.encode(spectra), rtol=1e-5)
    assert read_model_info(tmp_path / "back")["training"]["imported"]["file"] == "it.pt"
    card = (tmp_path / "back" / "README.md").read_text()
    assert "it.pt" in card
    assert "losses" not in card, "they are not known"


def test_a_checkpoint_without_wavelengths_needs_its_instrument(tmp_path, capsys):
    model = _save(tmp_path / "model", INSTRUMENTS["boss"])
    path = tmp_path / "it.pt"
    assert main(["export", str(model), "--out", str(path)]) == 0
    content = torch.load(path, weights_only=True)
    del content["model"]["encoder.instrument.wave_obs"]
    torch.save(content, path)
    assert main(["import", str(path), "--out", str(tmp_path / "back")]) == 2
    assert "give --instrument" in capsys.readouterr().err
    assert not (tmp_path / "back").exists()
    asked = ["import", str(path), "--out", str(tmp_path / "back"), "--instrument", "boss"]
    assert main(asked) == 0
    assert load_model(tmp_path / "back").config.grids == {"boss": INSTRUMENTS["boss"]}


def test_mistakes_end_with_status_2(tmp_path, tiny_atlas_path, capsys):
    (tmp_path / "text.pt").write_text("no checkpoint")
    pca = tiny_atlas_path.parent / "pca"
    tall = _save(tmp_path / "tall", INSTRUMENTS["sdss"], channels=(2, 2, 4))
    for arguments, says in (
        (["import", tmp_path / "text.pt", "--out", tmp_path / "m"], "can not be read"),
        (["import", tmp_path / "nowhere.pt", "--out", tmp_path / "m"], "nowhere.pt"),
        (["import", tmp_path / "text.pt", "--out", tmp_path], "exists"),
        (["export", pca, "--out", tmp_path / "m.pt"], "is pca"),
        (["export", tall, "--out", tmp_path / "m.pt"], "spender's checkpoints hold"),
    ):
        assert main([*map(str, arguments)]) == 2
        assert says in capsys.readouterr().err
        assert not (tmp_path / "m").exists()
        assert not (tmp_path / "m.pt").exists()
