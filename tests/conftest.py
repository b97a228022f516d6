"""Fixtures shared by the tests."""

from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
REAL_SPECTRA = ROOT.parent / "shared" / "real-spectra"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20230727)


@pytest.fixture(scope="session")
def real_spectra() -> Path:
    """Folder of real SDSS and DESI files; not part of the repository."""
    if not REAL_SPECTRA.is_dir():
        pytest.skip(f"no real spectra at {REAL_SPECTRA}")
    return REAL_SPECTRA
