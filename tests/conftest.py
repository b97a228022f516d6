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


@pytest.fixture(scope="session")
def tiny_atlas_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Atlas of 120 synthetic galaxies with a PCA of 4 components; read only."""
    return _tiny(tmp_path_factory) / "atlas"


@pytest.fixture(scope="session")
def tiny_spender_atlas_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Atlas of the same galaxies with a small SPENDER of random weights; read only."""
    return _tiny(tmp_path_factory) / "atlas_spender"


def _tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.atlas_fixture import write_tiny  # imports torch: only tests that need it pay

    return write_tiny(tmp_path_factory.getbasetemp())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give browser tests a second and third try: a busy machine starves the browser."""
    for item in items:
        if item.get_closest_marker("ui"):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=3))
