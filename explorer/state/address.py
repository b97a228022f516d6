"""Write the state to the query of the URL and read it back: a view can be reloaded or shared."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import numpy as np
import param

from explorer.state.dataset import Dataset
from explorer.state.path import Path
from explorer.state.planes import plane_of
from explorer.state.selection import inside_region, passing
from explorer.state.state import ExplorerState

NAMES = {
    "columns": "columns",
    "sets": "selections",
    "map": "embedding",
    "lx": "latent_x",
    "ly": "latent_y",
    "c": "colour",
    "scale": "colour_scale",
    "clip": "clip",
    "cmap": "palette",
    "view": "view",
    "filters": "filters",
    "region": "region",
    "near": "mark_neighbours",
    "frame": "frame",
    "smooth": "smoothing",
    "lines": "lines",
    "height": "flux_range",
    "over": "overplot_neighbours",
    "stack": "overplot_selection",
    "pins": "pins",
    "stacked": "stacked",
    "window": "window",
    "path": "path",
    "track": "track",
    "knots": "n_knot",
    "target": "target",
    "plot": "plot",
    "of": "histogram",
    "xy": "scatter",
    "corner": "corner",
    "groups": "compared",
    "at": "slider_latents",
    "score": "score",
    "ordinary": "ordinary_first",
    "only": "outlier_options",
    "tab": "tab",
}
"""Name in the address -> parameter of the state. `id` and `theme` are beside these."""
FORMER_TABS = {"Attention": "Inspect"}
"""Titles in addresses of before -> titles now."""
GRADUAL = {
    "view", "slider_latents", "clip", "smoothing", "window", "knots", "n_knot",
}  # fmt: skip
"""Parameters that change by steps: no step of theirs is a page of the browser's history."""
ROUNDED = {"view", "path", "slider_latents"}
"""Parameters that say how something looks: `DIGITS` of their numbers do. Others are exact."""
DIGITS = 6
MOST_COLUMNS = 20
"""Calculated columns that an address may ask for."""
MOST_VERTICES = 60
"""Vertices of a path kept in the URL; one drawn by hand has hundreds."""

_UNUSABLE = (
    ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip
"""What reading an address can raise: it may hold anything, numbers of 400 digits included."""
_log = logging.getLogger(__name__)


def to_query(state: ExplorerState, *, defaults: Mapping[str, Any]) -> str:
    """Return the query of the address: `id` as text, else what differs from the defaults."""
    query: dict[str, str] = {}
    if state.selected is not None:
        query["id"] = state.selected_id
    for name, parameter in NAMES.items():
        value: Any = getattr(state, parameter)
        if parameter == "path":
            value = _from_path(value)
        if value != defaults[parameter]:
            if parameter in ROUNDED:
                value = _rounded(value)
            plain = isinstance(value, str)
            query[name] = value if plain else json.dumps(value, separators=(",", ":"))
    if state.dark:
        query["theme"] = "dark"
    return "?" + urlencode(query) if query else ""


def from_query(state: ExplorerState, query: Mapping[str, str]) -> list[str]:
    """Set a state from the query of an address.

    Returns:
        One message for each part that could not be applied; the others are applied.
    """
    complaints: list[str] = []
    for name, parameter in NAMES.items():
        if name not in query:
            continue
        text, before = query[name], getattr(state, parameter)
        try:
            is_text = isinstance(getattr(state, parameter), str)
            value: Any = text if is_text else json.loads(text)
            if parameter == "tab":
                value = FORMER_TABS.get(text, text)
            elif parameter == "path":
                value = _to_path(state.dataset, value)
            elif parameter == "columns":
                state.calculate_columns(_to_columns(value))
                continue
            elif parameter == "pins":
                _check_pins(state.dataset, value)
            elif parameter == "selections":
                state.name_selections(value)
                continue
            elif parameter == "filters":
                passing(state.dataset, value)
            elif parameter == "region" and value is not None:
                inside_region(state.dataset, value)
            elif parameter in ("clip", "view", "window") and value is not None:
                value = _limits(value)
            elif parameter == "scatter":
                _check_pair(value)
            setattr(state, parameter, value)
        except _UNUSABLE as error:
            _log.warning("address: %s=%s: %s", name, text[:200], error)
            setattr(state, parameter, before)
            complaints.append(f"the address asks for {name}={text[:40]}, which does not exist here")
    if object_id := query.get("id"):
        row = state.dataset.row(object_id)
        if row is None:
            complaints.append(f"no object {object_id[:40]!r} in this atlas")
        else:
            state.selected = row
    return complaints


def restore(
    state: ExplorerState, query: Mapping[str, str], *, defaults: Mapping[str, Any]
) -> list[str]:
    """Set a state to all that a query says, and to the defaults where it says nothing.

    Returns:
        Messages as of `from_query`.
    """
    with param.parameterized.batch_call_watchers(state):
        if "sets" not in query and state.selections:
            state.name_selections({})
        if "columns" not in query and state.columns:
            state.calculate_columns({})
        state.param.update(
            {
                name: value
                for name, value in defaults.items()
                if value != getattr(state, name) and name not in ("columns", "selections")
            }
        )
        if "id" not in query:
            state.selected = None
        return from_query(state, query)


def _from_path(path: Path | None) -> dict[str, Any] | None:
    """Return a path as JSON, thinned to `MOST_VERTICES`; None where the user wants none."""
    if path is None or not path.is_wanted or len(path.vertices) < 2:
        return None
    n_vertex = len(path.vertices)
    kept = np.unique(np.linspace(0, n_vertex - 1, MOST_VERTICES).round().astype(int))
    x, y = path.vertices[kept].T.tolist()
    return {"plane": path.plane, "x": x, "y": y}


def _to_path(dataset: Dataset, value: Any) -> Path:  # noqa: ANN401 - JSON
    """Return the path that `_from_path` described.

    Raises:
        ValueError: It is no path, or on a plane that the atlas does not have.
    """
    vertices = np.array([value["x"], value["y"]], dtype=float).T
    most = 10 * MOST_VERTICES
    if vertices.ndim != 2 or not 2 <= len(vertices) <= most or not np.isfinite(vertices).all():
        raise ValueError(f"a path needs 2 to {most} finite vertices")
    plane = plane_of(dataset, str(value["plane"]))
    return Path(vertices=vertices, plane=plane.key, origin="address")


def _check_pins(dataset: Dataset, value: Any) -> None:  # noqa: ANN401 - JSON
    """Raise a ValueError unless all pinned objects are there."""
    known = dataset.ids.rows(map(str, value))
    missing = [pin for pin in value if str(pin) not in known]
    if missing:
        raise ValueError(f"no object {missing[0]!r} in this atlas")


def _check_pair(value: Any) -> None:  # noqa: ANN401 - JSON
    """Raise a ValueError unless these are the two columns of a scatter plot, or none."""
    if len(value) not in (0, 2):
        raise ValueError(f"a scatter plot has two columns, got {len(value)}")


def _to_columns(value: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    """Return name -> expression, checked to be a few texts.

    Raises:
        ValueError: It is something else.
    """
    texts = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    if not texts or len(value) > MOST_COLUMNS:
        raise ValueError(f"columns must be at most {MOST_COLUMNS} names with expressions")
    return value


def _limits(value: Any) -> tuple[float, ...]:  # noqa: ANN401 - JSON
    """Return pairs of finite limits, each lower before upper."""
    limits = tuple(float(item) for item in value)
    if len(limits) % 2 or not all(
        -math.inf < low < high < math.inf
        for low, high in zip(limits[::2], limits[1::2], strict=True)
    ):
        raise ValueError(f"limits must be finite pairs, lower before upper, got {value}")
    return limits


def _rounded(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value
