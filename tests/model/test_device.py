"""Devices and precisions: `auto` takes what is quick, asking for what is slow is told."""

import pytest
import torch

from model import device as device_module
from model.device import choose_device, choose_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize("in_hardware", [True, False])
def test_bf16_is_chosen_where_it_is_quick_and_warned_of_where_not(monkeypatch, caplog, in_hardware):
    monkeypatch.setattr(device_module, "multiplies_bf16", lambda _: in_hardware)
    assert choose_precision("auto", CPU) == ("bf16" if in_hardware else "fp32")
    assert not caplog.records
    assert choose_precision("bf16", CPU) == "bf16"
    assert ("0.1 of float32's speed" in caplog.text) == (not in_hardware)


def test_fp16_needs_a_gpu():
    assert choose_precision("fp32", CPU) == "fp32"
    with pytest.raises(ValueError, match="fp16 needs a GPU"):
        choose_precision("fp16", CPU)


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == CPU
    with pytest.raises(ValueError, match="needs a GPU that torch can use"):
        choose_device("cuda")
