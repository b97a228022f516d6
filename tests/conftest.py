"""Fixtures shared by the tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from tests.fixtures.paths import REAL_SPECTRA, copy_without_labels

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20230727)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the number of damaged files be chosen."""
    parser.addoption("--mutants", type=int, default=39, help="damaged files of each kind read")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take long: what is left at the end keeps all processes busy."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def n_mutant(request: pytest.FixtureRequest) -> int:
    """How many damaged files a test makes."""
    return int(request.config.getoption("--mutants"))


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


@pytest.fixture
def own_atlas(tiny_atlas_path: Path, tmp_path: Path) -> Path:
    """A copy of the tiny atlas without labels and tracks, to write some of its own."""
    path = tmp_path / "atlas"
    copy_without_labels(tiny_atlas_path, path)
    return path


def _tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.fixtures.atlas import write_tiny  # imports torch: only tests that need it pay

    return write_tiny(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    """Address of a Dask scheduler with two workers."""
    from tests.fixtures.dask_cluster import two_workers  # imports what few tests need

    with two_workers() as address:
        yield address


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread: threads that wait for each other take most of a small training step."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium of the module's own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    from tests.browser.chromium import CHROMIUM, FLAGS

    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def url(
    browser: Any,  # noqa: ARG001 - skips before a server starts
    atlas_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Address of the module's `atlas_path`, served."""
    from tests.browser.chromium import serving

    with serving(str(atlas_path), log=tmp_path_factory.mktemp("log") / "server.log") as address:
        yield address


@pytest.fixture(scope="module")
def catalog(atlas_path: Path) -> pd.DataFrame:
    return pd.read_parquet(atlas_path / "catalog.parquet")


@pytest.fixture
def visit(browser: Any, url: str) -> Iterator[Any]:
    """Opens pages of the module's atlas, for one test."""
    from tests.browser.chromium import visiting

    with visiting(browser, url) as visit:
        yield visit
