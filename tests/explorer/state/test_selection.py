"""Filters and regions: agreement with slow and simple code, and bad input."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from explorer.state.planes import plane_of
from explorer.state.selection import inside_region, passing
from tests.fixtures.explorer import open_tiny


def test_no_filter_is_no_mask(tiny_atlas_path: Path) -> None:
    assert passing(open_tiny(tiny_atlas_path), {}) is None


def test_missing_values_pass_no_range(tiny_atlas_path: Path) -> None:
    dataset = open_tiny(tiny_atlas_path)
    mask = passing(dataset, {"log_mass": (-1e9, 1e9)})
    np.testing.assert_array_equal(mask, np.isfinite(dataset.catalog["log_mass"]))


@pytest.mark.parametrize(
    "bad", [{"nothing": (0, 1)}, {"z": [1]}, {"class": (0, 1, 2)}, {"z": None}]
)
def test_bad_filter_is_refused(tiny_atlas_path: Path, bad: dict) -> None:
    with pytest.raises(ValueError, match="a filter must be"):
        passing(open_tiny(tiny_atlas_path), bad)


@pytest.mark.parametrize("shape", ["star", "bow tie", "random"])
def test_lasso_agrees_with_point_by_point(
    tiny_atlas_path: Path, rng: np.random.Generator, shape: str
) -> None:
    dataset = open_tiny(tiny_atlas_path, umap_x=rng.normal(0, 1, 120), umap_y=rng.normal(0, 1, 120))
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = np.where(np.arange(24) % 2, 0.5, 2.0)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    if shape == "bow tie":
        x, y = np.array([-1.0, 1.0, 1.0, -1.0]), np.array([-1.0, 1.0, -1.0, 1.0])
    elif shape == "random":
        x, y = rng.normal(0, 1, (2, 9))
    mask = inside_region(dataset, {"plane": "umap", "x": x, "y": y})
    polygon = shapely.make_valid(shapely.Polygon(np.column_stack([x, y])))
    plane = plane_of(dataset, "umap")
    expected = [
        polygon.contains(shapely.Point(a, b)) for a, b in zip(plane.x, plane.y, strict=True)
    ]
    np.testing.assert_array_equal(mask, expected)
    assert 0 < mask.sum() < 120


@pytest.mark.parametrize(
    "region",
    [
        {"plane": "umap", "x": [0, 1], "y": [0, 1]},
        {"plane": "umap", "x": [0, 1, np.nan], "y": [0, 1, 2]},
        {"plane": "umap", "x": [0, 1, 2], "y": [0, 1]},
    ],
)
def test_bad_region_is_refused(tiny_atlas_path: Path, region: dict) -> None:
    with pytest.raises(ValueError, match="at least 3 finite vertices"):
        inside_region(open_tiny(tiny_atlas_path), region)
