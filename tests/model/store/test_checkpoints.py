import json
import os
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model.store.checkpoints import (
    load_optimizer,
    optimizer_tensors,
    read_checkpoint,
    with_prefix,
    without_prefix,
    write_checkpoint,
)


def test_tensors_and_values_come_back_bitwise(tmp_path):
    path = tmp_path / "deep" / "last.safetensors"
    tensors = {
        "a": torch.randn(3, 4),
        "step": torch.tensor(7.0),
        "half": torch.randn(5).bfloat16(),
        "wide": torch.randn(2, dtype=torch.float64),
    }
    state = {"loss": 0.1 + 0.2, "best": float("inf"), "step": 2**60, "name": "Hα"}
    write_checkpoint(path, tensors, state)
    again, values = read_checkpoint(path)
    assert values == state
    assert set(again) == set(tensors)
    for name, tensor in tensors.items():
        assert again[name].dtype == tensor.dtype
        assert torch.equal(again[name], tensor)


def test_shared_weights_are_stored_twice_not_refused(tmp_path):
    one = torch.randn(4)
    write_checkpoint(tmp_path / "c", {"model": one, "best": one}, {})
    assert torch.equal(read_checkpoint(tmp_path / "c")[0]["best"], one)


def test_a_failed_write_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, {"a": torch.zeros(2)}, {"step": 1})
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(path, {"a": torch.ones(2)}, {"step": 2})
    assert read_checkpoint(path)[1] == {"step": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "can not be read"),
        (b"\x80\x04\x95pickle", "can not be read"),
        (struct.pack("<Q", 2**62) + b"{}", "can not be read"),
    ],
)
def test_damaged_file_is_refused(tmp_path, content, message):
    path = tmp_path / "last.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_checkpoint(path)


def test_truncated_checkpoint_is_refused(tmp_path):
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, {"a": torch.randn(1000)}, {"step": 1})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="can not be read as a checkpoint"):
        read_checkpoint(path)


def test_missing_or_foreign_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no checkpoint"):
        read_checkpoint(tmp_path / "last.safetensors")
    save_file({"a": torch.zeros(1)}, str(tmp_path / "model.safetensors"))
    with pytest.raises(ValueError, match="not a training checkpoint"):
        read_checkpoint(tmp_path / "model.safetensors")


def test_optimizer_goes_on_bitwise(tmp_path):
    def start() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 2)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.01)

    def steps(model: torch.nn.Module, optimizer: torch.optim.Optimizer, n: int) -> None:
        for _ in range(n):
            optimizer.zero_grad()
            model(torch.ones(4, 3)).square().sum().backward()
            optimizer.step()

    model, optimizer = start()
    steps(model, optimizer, 6)
    expected = model.weight.detach().clone()

    model, optimizer = start()
    steps(model, optimizer, 3)
    tensors = with_prefix("model", model.state_dict()) | with_prefix(
        "optimizer", optimizer_tensors(optimizer)
    )
    write_checkpoint(tmp_path / "c", tensors, {})
    tensors, _ = read_checkpoint(tmp_path / "c")
    model, optimizer = start()
    model.load_state_dict(without_prefix("model", tensors))
    load_optimizer(optimizer, without_prefix("optimizer", tensors))
    steps(model, optimizer, 3)
    assert torch.equal(model.weight, expected)


def test_header_is_plain_json(tmp_path):
    """Anyone can read what a checkpoint says without this program."""
    write_checkpoint(tmp_path / "c", {"a": torch.zeros(1)}, {"step": 3})
    content = (tmp_path / "c").read_bytes()
    header = json.loads(content[8 : 8 + int(np.frombuffer(content[:8], "<u8")[0])])
    assert json.loads(header["__metadata__"]["training_state"]) == {"step": 3}
