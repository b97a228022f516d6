"""Figure of a recovery: for each kind and score, AUROC and recall with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data.atomic import replacing
from model.outliers.recovery import ALL, Proportion, Recovery

_PANELS: tuple[tuple[str, Callable[[Recovery], Proportion]], ...] = (
    ("AUROC", lambda one: one.auroc),
    ("recall in the top 1 %", lambda one: one.recall[0.01]),
    ("recall in the top 5 %", lambda one: one.recall[0.05]),
)


def draw_recovery(found: Mapping[str, Mapping[str, Recovery]], path: Path, *, title: str) -> None:
    """Draw one row for each kind, one mark with its interval for each score.

    Args:
        found: Score -> kind -> recovery.
        path: PNG file.
        title: Written above.
    """
    kinds = list(next(iter(found.values())))
    figure = Figure(figsize=(13, 1.6 + 0.09 * len(kinds) * (len(found) + 2)), layout="constrained")
    panels = figure.subplots(1, len(_PANELS), sharey=True)
    for axes, (name, value) in zip(panels, _PANELS, strict=True):
        _draw_panel(axes, found, kinds, value)
        axes.set_xlabel(name)
    panels[0].set_yticks(range(len(kinds)), [_label(found, kind) for kind in kinds])
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    figure.suptitle(f"{title}; intervals of 95 % (Wilson)", fontsize=11)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=130)


def _draw_panel(
    axes: Axes,
    found: Mapping[str, Mapping[str, Recovery]],
    kinds: list[str],
    value: Callable[[Recovery], Proportion],
) -> None:
    colours = colormaps["tab20"](np.linspace(0, 1, max(len(found), 2)))
    offsets = np.linspace(-0.36, 0.36, len(found))
    for (score, by_kind), colour, offset in zip(found.items(), colours, offsets, strict=False):
        shares = [value(by_kind[kind]) for kind in kinds]
        middle = np.array([share.value for share in shares])
        reach = np.array([[share.value - share.low, share.high - share.value] for share in shares])
        axes.errorbar(
            middle, np.arange(len(kinds)) + offset, xerr=reach.T.clip(0), fmt="o", markersize=3,
            linewidth=0.8, color=colour, label=score,
        )  # fmt: skip
    for row in range(0, len(kinds), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="0.95", zorder=0)
    axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="x", color="0.85")


def _label(found: Mapping[str, Mapping[str, Recovery]], kind: str) -> str:
    return f"{kind or ALL} ({next(iter(found.values()))[kind].n})"
