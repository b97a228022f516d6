"""Outlines drawn by hand: few vertices, nearly the same objects inside."""

import json

import numpy as np
import shapely

from explorer.map.outline import MOST_VERTICES, outline


def inside(x: list[float], y: list[float], points: np.ndarray) -> np.ndarray:
    polygon = shapely.make_valid(shapely.Polygon(np.column_stack([x, y])))
    return shapely.contains_xy(polygon, *points.T)


def lasso(rng: np.random.Generator, *, wobble: float, scale: float = 1.0) -> tuple[list, list]:
    """Return 400 vertices around a bean, as a hand draws it."""
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    radius = 1 + 0.4 * np.cos(2 * angle) + rng.normal(0, wobble, 400)
    return (5 + radius * np.cos(angle)).tolist(), (scale * radius * np.sin(angle)).tolist()


def test_a_lasso_keeps_the_vertices_that_matter(rng: np.random.Generator) -> None:
    for scale in (1e-9, 1.0, 1e11):
        x, y = lasso(rng, wobble=0.002, scale=scale)
        few = outline({"type": "poly", "x": x, "y": y})
        assert 3 <= len(few[0]) == len(few[1]) <= MOST_VERTICES
        assert len(json.dumps(few)) < 2500
        points = rng.uniform([3, -2 * scale], [7, 2 * scale], (20_000, 2))
        before, after = inside(x, y, points), inside(*few, points)
        assert np.count_nonzero(before != after) < 0.005 * np.count_nonzero(before)


def test_a_shaky_lasso_is_short_too(rng: np.random.Generator) -> None:
    x, y = lasso(rng, wobble=0.1)
    x, _y = few = outline({"type": "poly", "x": x, "y": y})
    assert 3 <= len(x) <= MOST_VERTICES
    assert shapely.Polygon(np.column_stack(few)).buffer(0).area > 2


def test_corners_of_boxes_and_triangles_stay() -> None:
    box = {"type": "rect", "x0": 0.123456789, "x1": 1.0, "y0": -1.0, "y1": 2.0}
    assert outline(box) == ([0.123456789, 1.0, 1.0, 0.123456789], [-1.0, -1.0, 2.0, 2.0])
    triangle = {"type": "poly", "x": [0.0, 1.0, 0.5], "y": [0.0, 0.0, 1.0]}
    assert outline(triangle) == (triangle["x"], triangle["y"])
    line = {"type": "poly", "x": [0.0, 1.0, 2.0], "y": [0.0, 1.0, 2.0]}
    assert outline(line) == (line["x"], line["y"])
    assert outline({"type": "span"}) == ([], [])
