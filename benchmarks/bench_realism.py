"""Realism of the mock survey: against published distributions, and against real SDSS galaxies.

`python -m benchmarks realism --out docs` makes the page of the documentation, docs/realism.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.realism.page import draw_distributions, draw_planes
from benchmarks.realism.report import (
    Measured,
    component_chi2,
    eigenspectra_spanned,
    measured,
    published_rows,
    rates,
    real_rows,
)
from benchmarks.realism.samples import mock_sample, real_sample
from data.mock.survey import RECIPE, MockSurvey

ROOT = Path(__file__).resolve().parent.parent
_TEXT = ROOT / "benchmarks" / "realism" / "page.md"


def main(argv: list[str] | None = None) -> None:
    """Measure, draw, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks realism", description=__doc__)
    parser.add_argument("--n", type=int, default=2500, help="mock spectra measured")
    parser.add_argument("--seed", type=int, default=31, help="seed of the mock surveys")
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "real-spectra",
                        help="folder with sdss/ and templates/, if there is one")  # fmt: skip
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results",
                        help="folder of realism.md and its pictures")  # fmt: skip
    options = parser.parse_args(argv or [])
    catalog = MockSurvey(n=20 * options.n, seed=options.seed, outliers=0.0).catalog
    mock = measured(mock_sample(options.n, seed=options.seed))
    files = options.real / "sdss"
    real = measured(real_sample(files)) if files.is_dir() else None
    draw_planes(options.out / "realism-planes.png", catalog, mock, real)
    page = _TEXT.read_text(encoding="utf-8")
    page += _published(catalog, mock)
    if real:
        draw_distributions(options.out / "realism-distributions.png", mock, real)
        page += _real(mock, real, options.real / "templates" / "gal_eigenspec_Yip2004.fits")
    (options.out / "realism.md").write_text(page, encoding="utf-8")
    print(page)


def _published(catalog: pd.DataFrame, mock: Measured) -> str:
    rows = [(name, source, f"{area:.2f}") for name, source, area in published_rows(catalog, mock)]
    parts = [(name, f"{100 * part:.2g} %") for name, part in rates(catalog, mock).items()]
    return (
        f"\n## Published distributions\n\nRecipe {RECIPE}; {len(catalog):,} mocks for the truth, "
        f"{len(mock.table):,} measured. The common area of two distributions is 1 where they are "
        "the same.\n\n"
        + _table(("quantity", "source", "common area"), rows)
        + "\n"
        + _table(("of all mocks", "part"), parts)
    )


def _real(mock: Measured, real: Measured, eigenspectra: Path) -> str:
    rows = [
        (name, str(n), f"{whole:.2f}", f"{near:.2f}", f"{best:.2f}")
        for name, n, whole, near, best in real_rows(real, mock).itertuples(index=False)
    ]
    by_mock, by_real = component_chi2(real.sample, mock.sample)
    strong = real.sample.catalog["subclass"].str.contains("STARBURST").to_numpy()
    text = (
        f"\n## Real galaxies\n\n{len(real.sample)} SDSS galaxies, S/N of 5 or more.\n\n"
        "![Distributions](realism-distributions.png)\n\n"
        + _table(("quantity", "SDSS", "all mocks", "mocks alike", "at best"), rows)
        + "\nTen principal components of mocks rebuild them with a median reduced chi2 of "
        f"{np.median(by_mock):.2f}, those of the other SDSS galaxies (each left out in turn) with "
        f"{np.median(by_real):.2f}: a ratio of {np.median(by_mock) / np.median(by_real):.2f}. "
        f"Of the {strong.sum()} starbursts: {np.median(by_mock[strong]):.1f} and "
        f"{np.median(by_real[strong]):.1f}.\n"
    )
    if eigenspectra.is_file():
        spanned = eigenspectra_spanned(eigenspectra, mock.sample)
        text += (
            "\nThe mean and 19 components of mocks span these parts of the first ten eigenspectra "
            "of 170,000 SDSS galaxies (Yip+2004): "
            + ", ".join(f"{part:.3f}" for part in spanned)
            + ".\n"
        )
    return text


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
