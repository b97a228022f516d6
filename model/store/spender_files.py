"""Checkpoints of spender (github.com/pmelchior/spender), read and written.

    read_spender_checkpoint(path, grid, name="sdss") -> Spender
    write_spender_checkpoint(model, path)

The file is what `torch.save({"model": state_dict, "losses": ...})` wrote; older ones hold a list of
state dicts, one per instrument, of which the first is read, as spender itself does.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.arrays import FloatArray
from data.atomic import replacing
from data.grid import WaveGrid
from model.networks.config import SpenderConfig
from model.networks.encoder import CHANNELS, HIDDEN
from model.networks.spender import Spender
from model.networks.weights import load_weights

LINEAR_LAYERS = (0, 3, 6, 9)
"""Numbers of the linear layers in spender's MLPs; activations follow each."""


def read_spender_checkpoint(path: Path | str, grid: WaveGrid, *, name: str = "sdss") -> Spender:
    """Open a checkpoint of spender.

    Args:
        path: The .pt file; only tensors and plain values are read from it, never code.
        grid: Observed-frame grid that the encoder was trained on.
        name: Name of that instrument.

    Raises:
        ValueError: It is no checkpoint of spender, or of a network that spender 0.3 has not.
        OSError: The file can not be read.
    """
    state = _renamed(_state_dict(Path(path)))
    config = _config(state, grid, name)
    _check_observed_grid(state.pop("encoder.instrument.wave_obs", None), grid)
    # masks of sky lines and biases before an instance norm change nothing
    for key in ("encoder.instrument.skyline_mask", *(f"encoder.conv{i}.0.bias" for i in (1, 2, 3))):
        state.pop(key, None)
    state.pop("decoder.wave_rest")
    names = _names(config)
    unexpected = sorted(set(state) - set(names))
    missing = sorted(set(names) - set(state))
    if unexpected or missing:
        raise ValueError(
            f"{path} is not a spender checkpoint that can be read; missing: {missing[:4]}, "
            f"unexpected: {unexpected[:4]}"
        )
    if config.lsf_size:  # spender convolves with the kernel as it is and divides by its sum
        state["encoder.instrument.lsf.weight"] = state["encoder.instrument.lsf.weight"].flatten()
    with torch.device("meta"):
        model = Spender(config)
    load_weights(model, {ours: state[theirs] for theirs, ours in names.items()})
    return model


def observed_wave(path: Path) -> FloatArray | None:
    """Return the observed wavelengths that a checkpoint of spender holds, Angstrom, if any.

    Raises:
        ValueError: It is no checkpoint.
        OSError: The file can not be read.
    """
    wave = _state_dict(path).get("encoder.instrument.wave_obs")
    return None if wave is None else wave.double().numpy()


def write_spender_checkpoint(model: Spender, path: Path | str) -> None:
    """Write a model of one instrument as a checkpoint that spender 0.3 reads.

    Args:
        model: The model.
        path: The .pt file; replaced when complete.

    Raises:
        ValueError: spender has no such network (several instruments, z in the encoder, or other
            channels).
    """
    config, path = model.config, Path(path)
    if (
        len(config.grids) != 1
        or config.redshift_input
        or config.channels != CHANNELS
        or len(config.hidden) != 3
    ):
        raise ValueError(
            "spender's checkpoints hold one instrument, no redshift input, an encoder of "
            f"{CHANNELS} channels and three hidden layers, got {list(config.grids)}, "
            f"redshift_input={config.redshift_input}, {config.channels}, {config.hidden}"
        )
    weights = {key: value.detach().cpu().clone() for key, value in model.state_dict().items()}
    state = {theirs: weights[ours] for theirs, ours in _names(config).items()}
    for i, n_channel in enumerate(CHANNELS, start=1):
        state[f"encoder.conv{i}.0.bias"] = torch.zeros(n_channel)
    if config.lsf_size:
        key = "encoder.instrument.lsf.weight"
        state[key] = state[key].reshape(1, 1, -1)
    (grid,) = config.grids.values()
    state["encoder.instrument.wave_obs"] = torch.tensor(grid.wave, dtype=torch.float32)
    state["decoder.wave_rest"] = torch.tensor(model.wave_rest, dtype=torch.float32)
    with replacing(path) as partial:
        torch.save({"model": state, "losses": []}, partial)


def _state_dict(path: Path) -> dict[str, Tensor]:
    try:
        with torch.serialization.safe_globals(_numpy_arrays()):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError) as error:
        raise ValueError(
            f"{path} can not be read as a PyTorch checkpoint without running code from it"
        ) from error
    if isinstance(content, dict) and "model" in content:
        content = content["model"]
    if isinstance(content, list) and content:
        content = content[0]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise ValueError(f"{path} must hold a state dict under 'model', got {type(content)}")
    return content


def _numpy_arrays() -> list[Any]:
    """Return what unpickling a NumPy array needs: training scripts stored the losses so."""
    rebuild = np.asarray(0.0).__reduce__()[0]
    dtypes = [type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int64)]
    names = [f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")]
    return [*((rebuild, name) for name in names), np.ndarray, np.dtype, *dtypes]


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict with the names of spender 0.3: older files say mlp.mlp."""
    return {key.replace("mlp.mlp", "mlp"): value for key, value in state.items()}


def _config(state: dict[str, Tensor], grid: WaveGrid, name: str) -> SpenderConfig:
    """Read sizes off the shapes of the weights."""
    needed = ("encoder.mlp.0.weight", "decoder.wave_rest", *_linear("decoder", "weight"))
    missing = [key for key in needed if key not in state]
    if missing:
        raise ValueError(f"a spender checkpoint must hold {', '.join(missing)}; this one does not")
    n_feature = state["encoder.mlp.0.weight"].shape[1]
    if n_feature != CHANNELS[2] // 2:
        raise ValueError(
            f"encoder.mlp.0.weight must take {CHANNELS[2] // 2} features, got {n_feature}: with "
            "257 it is a network of the first paper that takes the redshift as well. spender drops "
            "that column silently, which is not the network that was trained; train it again, or "
            "use a checkpoint without it"
        )
    weights = [state[key] for key in _linear("decoder", "weight")]
    lsf = state.get("encoder.instrument.lsf.weight")
    return SpenderConfig(
        n_latent=weights[0].shape[1],
        rest_grid=WaveGrid.from_wave(state["decoder.wave_rest"].double().numpy()),
        grids={name: grid},
        hidden=tuple(weight.shape[0] for weight in weights[:-1]),
        activation="speculator" if "decoder.mlp.1.beta" in state else "leaky_relu",
        lsf_size=0 if lsf is None else lsf.numel(),
    )


def _check_observed_grid(wave: Tensor | None, grid: WaveGrid) -> None:
    if wave is None:
        return
    if (
        len(wave) != grid.n_pixel
        or abs(grid.pixel(wave.double().numpy()) - range(len(wave))).max() > 0.1
    ):
        raise ValueError(
            f"grid must be the one of the checkpoint, {len(wave)} pixels {wave[0]:.1f}-"
            f"{wave[-1]:.1f} Angstrom, got {grid}"
        )


def _linear(part: str, kind: str) -> list[str]:
    return [f"{part}.mlp.{layer}.{kind}" for layer in LINEAR_LAYERS]


def _names(config: SpenderConfig) -> dict[str, str]:
    """Return spender's name -> ours, for every weight of a model."""
    (name,) = config.grids
    encoder = f"encoders.{name}"
    names = {}
    for i in (1, 2, 3):
        names[f"encoder.conv{i}.0.weight"] = f"{encoder}.conv{i}.weight"
        names[f"encoder.conv{i}.2.weight"] = f"{encoder}.act{i}.weight"
    for part, ours in (("encoder", f"{encoder}.mlp"), ("decoder", "decoder.mlp")):
        for number, layer in enumerate(LINEAR_LAYERS):
            for kind in ("weight", "bias"):
                names[f"{part}.mlp.{layer}.{kind}"] = f"{ours}.{2 * number}.{kind}"
    for number in range(len(HIDDEN)):
        names[f"encoder.mlp.{3 * number + 1}.weight"] = f"{encoder}.mlp.{2 * number + 1}.weight"
    if config.activation == "speculator":
        for number in range(len(LINEAR_LAYERS)):
            for kind in ("beta", "gamma"):
                names[f"decoder.mlp.{3 * number + 1}.{kind}"] = (
                    f"decoder.mlp.{2 * number + 1}.{kind}"
                )
    if config.lsf_size:
        names["encoder.instrument.lsf.weight"] = f"line_spreads.{name}.kernel"
    return names
