"""A training with compiled networks learns what a plain one does."""

import shutil
import subprocess

import pytest

from model.training.course.history import read_history
from tests.fixtures.training import ROOT, command, environment, write_survey


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_networks_learn_the_same(tmp_path):
    survey = write_survey(tmp_path / "survey", 45)  # two batches of 16: one size to compile for
    plain, compiled = tmp_path / "plain", tmp_path / "compiled"
    options = ("--epochs", "2", "--batch-size", "16")
    for out, extra in ((plain, ()), (compiled, ("--compiled",))):
        run = subprocess.run(  # a process of its own: torch's compiler warns of itself
            command(survey, out, *options, *extra), env=environment(), cwd=ROOT,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
    ours, theirs = (read_history(path / "history.csv") for path in (compiled, plain))
    for row, other in zip(ours, theirs, strict=True):
        for name in ("train_loss", "valid_loss"):
            assert row[name] == pytest.approx(other[name], rel=1e-3)
