"""What a session chooses: the parameters that views read, write and watch."""

from __future__ import annotations

from typing import Any

import numpy as np
import param
from numpy.typing import NDArray

from data.arrays import BoolArray, FloatArray
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest
from explorer.state.outlier_options import OPTIONS
from explorer.state.path import Path
from explorer.state.plane import AXES, LATENTS
from explorer.theme.colour import PALETTES

MOST_PINS = 6
"""Objects compared at most."""
TABS = ("Inspect", "Table", "Plots", "Tracks", "Outliers", "Latents", "About")
"""Titles of the tabs, in order."""


class Choices(param.Parameterized):
    """Every choice and selection of one session, as parameters.

    Those marked as derived follow others: `ExplorerState` keeps them.
    """

    dataset: Dataset = param.ClassSelector(class_=Dataset, constant=True, doc="The atlas, shared.")  # type: ignore[assignment]

    # The map.
    embedding: str = param.Selector(
        objects=[], check_on_set=True, doc="Embedding shown, `latents` or `axes`."
    )  # type: ignore[assignment]
    latent_x: int = param.Integer(0, bounds=(0, None), doc="Latent or principal axis across.")  # type: ignore[assignment]
    latent_y: int = param.Integer(1, bounds=(0, None), doc="Latent or principal axis upwards.")  # type: ignore[assignment]
    colour: str = param.Selector(
        objects=[], check_on_set=True, doc="Column that colours the map, or `density`."
    )  # type: ignore[assignment]
    colour_scale: str = param.Selector(
        default="linear", objects=["eq_hist", "linear", "log"], doc="How values become colours."
    )  # type: ignore[assignment]
    clip: tuple[float, float] = param.Range(
        (1.0, 99.0), bounds=(0, 100), doc="Percentiles at which the colours end."
    )  # type: ignore[assignment]
    palette: str = param.Selector(
        default="viridis", objects=list(PALETTES), doc="Name of the colour map."
    )  # type: ignore[assignment]
    view: tuple[float, float, float, float] | None = param.Tuple(
        None, length=4, allow_None=True, doc="x0, x1, y0, y1 of the map; None = everything."
    )  # type: ignore[assignment]

    # Columns of this session, beside those of the atlas.
    columns: dict[str, str] = param.Dict(
        {}, doc="Name -> expression of the columns calculated; written by `calculate_columns`."
    )  # type: ignore[assignment]
    selections: dict[str, dict[str, Any]] = param.Dict(
        {}, doc="Name -> filters and region of a named selection; written by `name_selections`."
    )  # type: ignore[assignment]
    added: int = param.Integer(
        0, doc="Grows when columns are added to `dataset`, removed or changed. Derived."
    )  # type: ignore[assignment]

    # Objects.
    selected: int | None = param.Integer(None, allow_None=True, doc="Row of the object inspected.")  # type: ignore[assignment]
    guests: list[Guest] = param.List([], item_type=Guest, doc="Objects that the user brought.")  # type: ignore[assignment]
    guest: Guest | None = param.ClassSelector(
        class_=Guest, default=None, doc="The one inspected, in place of `selected`."
    )  # type: ignore[assignment]
    trying: bool = param.Boolean(False, doc="Redshifts are tried in Inspect.")  # type: ignore[assignment]
    trial_z: float | None = param.Number(
        None, allow_None=True, doc="Redshift tried in place of the object's own."
    )  # type: ignore[assignment]
    hovered: int | None = param.Integer(None, allow_None=True, doc="Row under the pointer.")  # type: ignore[assignment]
    filters: dict[str, Any] = param.Dict(
        {}, doc="What passes, by column (see `selection.passing`); other objects are hidden."
    )  # type: ignore[assignment]
    region: dict[str, Any] | None = param.Dict(
        None, allow_None=True, doc="What is selected: see `selection.inside_region`."
    )  # type: ignore[assignment]
    shown: BoolArray | None = param.ClassSelector(
        class_=np.ndarray, default=None, doc="Mask of what passes the filters; None = all. Derived."
    )  # type: ignore[assignment]
    subset: BoolArray | None = param.ClassSelector(
        class_=np.ndarray,
        default=None,
        doc="Mask of what lies in the region and is shown. Derived.",
    )  # type: ignore[assignment]
    mark_neighbours: bool = param.Boolean(False, doc="Mark the selected object's neighbours.")  # type: ignore[assignment]
    n_neighbours: int = param.Integer(10, bounds=(1, 100), doc="How many neighbours.")  # type: ignore[assignment]
    highlight: list[int] = param.List([], item_type=int, doc="Rows a view wants marked on the map.")  # type: ignore[assignment]
    highlight_label: str = param.String("", doc="What the highlighted objects are.")  # type: ignore[assignment]

    # Paths drawn on the map.
    drawing: str = param.Selector(
        default="off", objects=["off", "freehand", "knots"], doc="What dragging on the map draws."
    )  # type: ignore[assignment]
    path: Path | None = param.ClassSelector(
        class_=Path, default=None, doc="Path on the map, drawn or of a track."
    )  # type: ignore[assignment]
    knots: NDArray[np.float64] | None = param.ClassSelector(
        class_=np.ndarray, default=None, doc="Points marked on `path`, shape (n_knot, 2)."
    )  # type: ignore[assignment]

    track_latents: FloatArray | None = param.ClassSelector(
        class_=np.ndarray, default=None, doc="Of the track shown, shape (n_knot, n_latent)."
    )  # type: ignore[assignment]
    track: dict[str, Any] | None = param.Dict(
        None,
        allow_None=True,
        doc="What made the track shown, if it was not drawn: a recipe's name and settings.",
    )  # type: ignore[assignment]
    n_knot: int = param.Integer(20, bounds=(3, 60), doc="Knots of a track.")  # type: ignore[assignment]

    # The spectrum.
    frame: str = param.Selector(
        default="observed", objects=["observed", "rest"], doc="Frame of the wavelength axis."
    )  # type: ignore[assignment]
    smoothing: int = param.Integer(
        0, bounds=(0, 25), doc="Width of the smoothing, pixels; 0 = none."
    )  # type: ignore[assignment]
    lines: str = param.Selector(
        default="major", objects=["off", "major", "all"], doc="Which spectral lines are drawn."
    )  # type: ignore[assignment]
    flux_range: str = param.Selector(
        default="all",
        objects=["all", "continuum", "window"],
        doc="Pixels that the height of the flux panel fits.",
    )  # type: ignore[assignment]
    overplot_neighbours: bool = param.Boolean(False, doc="Draw the neighbours' spectra too.")  # type: ignore[assignment]
    overplot_selection: bool = param.Boolean(
        False, doc="Draw the stack of the selected objects too."
    )  # type: ignore[assignment]
    pins: list[str] = param.List(
        [], item_type=str, bounds=(0, MOST_PINS), doc="`object_id` of objects drawn for comparison."
    )  # type: ignore[assignment]
    stacked: bool = param.Boolean(False, doc="Draw the pinned spectra above each other.")  # type: ignore[assignment]
    picking_window: bool = param.Boolean(False, doc="Dragging on the spectrum picks `window`.")  # type: ignore[assignment]
    window: tuple[float, float] | None = param.NumericTuple(
        None, length=2, allow_None=True, doc="Rest-frame window asked about, Angstrom."
    )  # type: ignore[assignment]
    target: str = param.String(
        "Hα", doc="What attention is asked about: a line, `D4000`, `window` or `off`."
    )  # type: ignore[assignment]

    # The plots.
    plot: str = param.Selector(
        default="histogram",
        objects=["histogram", "scatter", "corner", "compare"],
        doc="Plot shown.",
    )  # type: ignore[assignment]
    histogram: str = param.String("", doc="Column of the histogram; empty = that of the colour.")  # type: ignore[assignment]
    scatter: list[str] = param.List(
        [], item_type=str, doc="Columns of the scatter plot: across, upwards; empty = usual ones."
    )  # type: ignore[assignment]
    corner: str = param.Selector(
        default=LATENTS, objects=[LATENTS, AXES], doc="What the corner plot shows in pairs."
    )  # type: ignore[assignment]
    compared: list[str] = param.List(
        [], item_type=str, doc="Names of the two groups compared; empty = usual ones."
    )  # type: ignore[assignment]

    # The latents.
    slider_latents: list[float] | None = param.List(
        None, allow_None=True, doc="Latents that the sliders were moved to; None = not moved."
    )  # type: ignore[assignment]

    # The outliers.
    score: str | None = param.Selector(
        default=None, objects=[None], doc="Score that ranks outliers."
    )  # type: ignore[assignment]
    ordinary_first: bool = param.Boolean(False, doc="Rank from the other end.")  # type: ignore[assignment]
    outlier_options: list[str] = param.ListSelector(
        default=[], objects=list(OPTIONS), doc="What the list of outliers leaves out or puts last."
    )  # type: ignore[assignment]

    may_write: bool = param.Boolean(
        True, constant=True, doc="Whether this person may label objects and save tracks."
    )  # type: ignore[assignment]

    # The page.
    tab: str = param.Selector(default=TABS[0], objects=list(TABS), doc="Title of the open tab.")  # type: ignore[assignment]
    first_tab: str = param.String("", doc="Title of the tab that the page opened with.")  # type: ignore[assignment]
    dark: bool = param.Boolean(False, doc="Dark theme.")  # type: ignore[assignment]
