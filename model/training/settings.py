"""Settings of a training, grouped by what they decide.

Each is an option of `python -m model train`, a key of a recipe, and an entry of what model.json
and checkpoints record, always by its own name: the groups are for the program alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from data.commands import setting
from data.grid import REST_RANGE, WaveGrid, linear_grid, log_grid_of
from data.rest_frame.preparation import PREPARATIONS
from model.augment import MASK, NOISE, Z_MAX
from model.corruption import Corruption
from model.losses import CONTRAST, N_CYCLE, SLOPE, TOLERANCE, slope_schedule
from model.networks.config import REST_PIXELS, SpenderConfig


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """What the model is built from."""

    latents: int = setting(default=SpenderConfig.n_latent, help="number of latents")
    rest_pixels: int = setting(default=REST_PIXELS, help="pixels of the rest frame")
    rest_scale: str = setting(
        default="linear", choices=("linear", "log"), help="spacing of the rest frame"
    )
    rest_first: float = setting(
        default=REST_RANGE[0], help="first rest-frame wavelength, Angstrom; 0 = grid's / 1.6"
    )
    rest_last: float = setting(
        default=REST_RANGE[1], help="last rest-frame wavelength, Angstrom; 0 = the grid's"
    )
    channels: tuple[int, ...] = setting(
        default=SpenderConfig.channels,
        help="channels of the encoder's three convolutions, the last even",
    )
    hidden: tuple[int, ...] = setting(default=SpenderConfig.hidden, help="decoder's hidden layers")
    activation: str = setting(
        default=SpenderConfig.activation,
        choices=("leaky_relu", "speculator"),
        help="of the decoder",
    )
    lsf_size: int = setting(
        default=SpenderConfig.lsf_size, help="pixels of a learnt line-spread kernel; 0 = none"
    )
    redshift_input: bool = setting(
        default=SpenderConfig.redshift_input, help="feed the redshift to the encoder"
    )
    layers: tuple[int, ...] = setting(
        default=(),
        help="hidden layers of a dense encoder (infovae, vae, ae), mirrored by its decoder; "
        "none = as in the paper",
    )
    dropout: float = setting(
        default=-1.0, help="share of a dense network's units left out; -1 = 0.2 for vae, else 0"
    )
    preparation: str = setting(
        default="auto",
        choices=("auto", *PREPARATIONS, "free"),
        help="rest-frame preparation of a dense network; free: by --rest-first, --rest-last, "
        "--rest-pixels, --rest-scale; auto = nicolaou2025 for vae, else portillo2020",
    )

    def __post_init__(self) -> None:
        """Refuse what no network can be built from."""
        check_least(self, latents=1, rest_pixels=2)
        if not (self.dropout == -1 or 0 <= self.dropout < 1):
            raise ValueError(f"dropout must be at least 0 and below 1, or -1, got {self.dropout}")

    def rest_grid(self, grid: WaveGrid) -> WaveGrid:
        """Return the rest-frame grid for spectra on `grid`.

        Raises:
            ValueError: The first wavelength is not below the last.
        """
        first = self.rest_first or float(grid.wave[0]) / 1.6
        last = self.rest_last or float(grid.wave[-1])
        if not 0 < first < last:
            raise ValueError(f"rest_first must lie below rest_last, got {first} and {last}")
        if self.rest_scale == "linear":
            return linear_grid(first, last, self.rest_pixels)
        return log_grid_of(first, last, self.rest_pixels)


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """Weights and constants of the losses, and the augmentation they use."""

    similarity: float = setting(default=0.0, help="weight of the similarity loss")
    consistency: float = setting(default=0.0, help="weight of the consistency loss")
    augmented: float = setting(
        default=-1.0,
        help="share of spectra reconstructed from an augmented version of themselves; -1 = half "
        "where there are less than 5000 to learn from, else none",
    )
    max_snr: float = setting(
        default=0.0,
        help="S/N above which a pixel weighs no more in the fidelity loss, so that the strongest "
        "lines do not rule it (Portillo+2020: 50); 0 = any",
    )
    k0: float = setting(default=CONTRAST, help="contrast of the similarity loss")
    k1: float = setting(default=SLOPE, help="highest slope of the similarity loss")
    k1_cycles: int = setting(
        default=N_CYCLE, help="times that the slope rises from 0; 0 = it is always k1"
    )
    similarity_weight: str = setting(
        default="gaussian",
        choices=("gaussian", "ivar"),
        help="w' of rest-frame pixels in the similarity loss: a Gaussian in wavelength, as in the "
        "authors' code, or their mean inverse variance, as in the paper (Liang+2023, equation 4)",
    )
    mmd: float = setting(
        default=-1.0,
        help="lambda of an infovae, weight of the discrepancy from the prior, 1 (none) or more; "
        "-1 = the paper's",
    )
    sigma: float = setting(default=TOLERANCE, help="tolerance of the consistency loss, in latents")
    scale_free: bool = setting(default=False, help="divide distances by their scale")
    z_max: float = setting(default=Z_MAX, help="highest redshift of augmentation")
    noise: float = setting(default=NOISE, help="share of pixels augmentation makes noisier")
    mask: float = setting(default=MASK, help="share of pixels augmentation masks")
    corruption: Corruption = Corruption()

    def __post_init__(self) -> None:
        """Refuse what is no weight, share or scale."""
        check_least(self, similarity=0, consistency=0, max_snr=0, k1_cycles=0)
        check_positive(self, "sigma", "k0", "k1", "z_max")
        if not (self.augmented == -1 or 0 <= self.augmented <= 1):
            raise ValueError(f"augmented must lie in 0..1 or be -1, got {self.augmented}")
        if not (self.mmd == -1 or 1 <= self.mmd < float("inf")):
            raise ValueError(f"mmd must be at least 1 and finite, or -1, got {self.mmd}")
        for name in ("noise", "mask"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in 0..1, got {getattr(self, name)}")

    def slope(self, progress: float) -> float:
        """Return the similarity loss's slope k1 at a share of the training done, 0 to 1."""
        return slope_schedule(progress, self.k1, self.k1_cycles)


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """How the weights are changed."""

    learning_rate: float = setting(default=1e-3, help="highest of the schedule")
    weight_decay: float = setting(default=0.0, help="decoupled, of all weights")
    clip: float = setting(
        default=-1.0,
        help="largest norm of the gradient of the mean loss; 0 = any; -1 = 1 for spender, else any",
    )
    optimizer: str = setting(
        default="auto",
        choices=("auto", "muon", "adam"),
        help="muon: for matrices of hidden layers, Adam for the rest; auto = muon for spender",
    )
    rate_schedule: str = setting(
        default="auto",
        choices=("auto", "one_cycle", "plateau", "constant"),
        help="of the learning rate; plateau: a tenth after 5 validations without gain; "
        "auto = one_cycle for spender",
    )

    def __post_init__(self) -> None:
        """Refuse what makes no step."""
        check_least(self, weight_decay=0)
        check_positive(self, "learning_rate")
        if not (self.clip == -1 or self.clip >= 0):
            raise ValueError(f"clip must be positive, 0 or -1, got {self.clip}")


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """How long a training takes, and what happens on the way."""

    minutes: float = setting(
        default=0.0, help="train so long by the clock, the schedule included; 0 = see --epochs"
    )
    epochs: int = setting(
        default=0, help="passes over the data; 0 = as --minutes says, else 100 (3000 steps or more)"
    )
    patience: int = setting(
        default=-1,
        help="validations without gain that end it; 0 = never; -1 = 10 with --rate-schedule "
        "plateau, else never",
    )
    valid_every: int = setting(
        default=0, help="steps between validations; 0 = an epoch, 20 to 1000 steps"
    )
    checkpoint_minutes: float = setting(default=2.0, help="time between checkpoints")

    def __post_init__(self) -> None:
        """Refuse negative lengths."""
        check_least(self, epochs=0, minutes=0, patience=-1, valid_every=0, checkpoint_minutes=0)


@dataclass(frozen=True, kw_only=True)
class ReadingSettings:
    """How spectra reach the device."""

    batch_size: int = setting(
        default=0, help="spectra in a step; 0 = 64 on a CPU, 512 on a GPU, less for small surveys"
    )
    valid_max: int = setting(default=2048, help="spectra of a validation during training")
    window_rows: int = setting(default=16384, help="spectra shuffled together when streamed")
    memory_gb: float = setting(
        default=-1.0,
        help="keep so many GB of spectra on the device; -1 = 40 % of a GPU, 25 % of RAM",
    )

    def __post_init__(self) -> None:
        """Refuse empty batches and windows."""
        check_least(self, batch_size=0, valid_max=1, window_rows=1)


@dataclass(frozen=True, kw_only=True)
class DeviceSettings:
    """Where the networks run, and in which numbers."""

    device: str = setting(default="auto", choices=("auto", "cpu", "cuda"), help="where to train")
    precision: str = setting(
        default="auto", choices=("auto", "fp32", "bf16", "fp16"), help="numbers of the networks"
    )
    compiled: bool = setting(
        default=False, help="compile the networks; on a CPU that gains nothing"
    )


def check_least(settings: Any, **least: float) -> None:  # noqa: ANN401
    """Refuse numbers below their least value, NaN included."""
    for name, value in least.items():
        if not getattr(settings, name) >= value:
            raise ValueError(f"{name} must be at least {value}, got {getattr(settings, name)}")


def check_positive(settings: Any, *names: str) -> None:  # noqa: ANN401
    """Refuse numbers that are not positive and finite."""
    for name in names:
        if not 0 < getattr(settings, name) < float("inf"):
            raise ValueError(f"{name} must be positive, got {getattr(settings, name)}")
