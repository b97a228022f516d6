"""A tiny survey, and the command that trains a tiny SPENDER on it in a process of its own."""

import os
import socket
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from data.grid import WaveGrid
from data.survey_writer import SurveyWriter
from model.training.history import read_history

ROOT = Path(__file__).resolve().parent.parent
GRID = WaveGrid(scale="log", start=3.6, step=2.5e-3, n_pixel=140)
TINY = ("--rest-pixels", "150", "--hidden", "16", "32", "--latents", "2", "--device", "cpu")
TINY += ("--precision", "fp32", "--batch-size", "16", "--no-warm-start", "--noise", "0.02")
SMALL = (8, 16, 32)
NOT_REPEATABLE = ("seconds", "spectra_per_s")


def write_survey(path: Path, n: int = 60, *, spoil: int | None = None) -> Path:
    """Write galaxies with a slope and a line; one spectrum may be spoilt."""
    rng = np.random.default_rng(5)
    z = rng.uniform(0.01, 0.4, n)
    rest = GRID.wave[None, :] / (1 + z[:, None])
    slope, height = rng.normal(0, 0.3, n), rng.exponential(1.0, n)
    model = 1 + slope[:, None] * (rest - 5500) / 2000
    model += height[:, None] * np.exp(-0.5 * ((rest - 5008) / 40) ** 2)
    flux = (model + rng.normal(0, 0.1, model.shape)).astype(np.float32)
    ivar = np.full(flux.shape, 100.0, dtype=np.float32)
    if spoil is not None:
        flux[spoil, 70], ivar[spoil, 70] = 1e30, 1e30
    rows = pd.DataFrame({"object_id": [f"266-51630-{i:04d}" for i in range(n)], "z": z})
    with SurveyWriter(path, grid=GRID, info={"instrument": "test"}) as writer:
        writer.append(rows, flux, ivar)
    return path


def command(survey: Path, out: Path, *options: str) -> list[str]:
    """Return the command of a process of its own, with as few channels as in this one."""
    program = survey.with_name("program.py")
    program.write_text(
        "import sys\n"
        "from model import encoder\n"
        f"encoder.CHANNELS = {SMALL}\n"
        "from model.__main__ import main\n"
        "sys.exit(main())\n"
    )
    return [sys.executable, str(program), "train", str(survey), "--out", str(out), *TINY, *options]


def environment() -> dict[str, str]:
    """Return the environment of such a process."""
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def launched(command: list[str]) -> list[str]:
    """Return the command that runs another as two processes that train together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    return [*launch, "--master-port", str(port), *command[1:]]


def losses(out: Path) -> list[dict[str, float]]:
    """Return what a training noted, without what depends on the machine's speed."""
    return [
        {name: value for name, value in row.items() if name not in NOT_REPEATABLE}
        for row in read_history(out / "history.csv")
    ]
