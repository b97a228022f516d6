"""What the atlas and its model are: the card, the scores, how the training went."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn

from explorer.line_spread import LineSpreadView
from explorer.start_page import COMMANDS, DEMO
from explorer.state.dataset import Dataset
from explorer.state.state import ExplorerState
from explorer.theme.theme import ink, paint
from model.verdict import Verdict, verdict

CHI2 = "chi2_red"

hv.renderer("bokeh")  # loads the plotting backend

_STYLE = """
p {font-size: 13px; line-height: 1.5; margin: 6px 0 0}
pre {font-size: 13px; line-height: 1.5; margin: 6px 0 12px; white-space: pre-wrap}
h3 {font-size: 13px; margin: 14px 0 4px; font-weight: 600}
table {border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums}
th, td {text-align: left; vertical-align: top; padding: 2px 16px 2px 0; font-weight: 400;
  overflow-wrap: anywhere}
th {opacity: .7; white-space: nowrap}
"""


class AboutView(pn.viewable.Viewer):
    """The model card of the atlas, and the curves of its training."""

    def __init__(self, state: ExplorerState) -> None:
        """Describe the atlas of this session."""
        super().__init__()
        self._state = state

    def html(self) -> str:
        """Return the card; everything from files as text."""
        dataset = self._state.dataset
        atlas = dataset.atlas
        info: Mapping[str, Any] = atlas.info
        model = _read_model_card(atlas)
        parts = [
            _section("Atlas", _atlas_facts(self._state)),
            _section("Model", model.get("facts", {})),
            _section("Measured at the end of training", model.get("metrics", {})),
            _section("Scores", {s.label: dataset.explanation(s) for s in atlas.scores}),
            _section(
                "Embeddings",
                {e["label"]: _inline(e.get("settings", {})) for e in info.get("embeddings", [])},
            ),
            _section("Density of the latents", info.get("flow", {})),
            _section("Notes", dict(enumerate(info.get("notes", []), start=1))),
            _section("Made with", info.get("versions", {})),
        ]
        if judged := judge(dataset):
            parts.insert(0, f"<p>{escape(judged.text)}</p>")
        if Path(atlas.path).resolve() == DEMO:
            parts.insert(0, f"<h3>Your own spectra</h3><pre>{escape(COMMANDS)}</pre>")
        return "".join(parts)

    def curves(self, dark: bool) -> pn.viewable.Viewable:
        """Return the losses over the training, where the model came with its history."""
        history = _read_history(self._state.dataset.atlas)
        if history is None:
            return pn.pane.HTML(
                "<p>This model came without a training history.</p>", margin=(4, 10)
            )
        train, valid = ink(dark).emission, ink(dark).model
        colours = {"train_loss": train, "valid_loss": valid}
        colours |= {"train_fidelity": ink(dark).decoded, "valid_fidelity": ink(dark).text}
        drawn = [
            hv.Curve(
                history.dropna(subset=[name]), "step", name, label=name.replace("_", " ")
            ).opts(
                color=colour,
                line_width=1.8,
                line_dash="dashed" if name.endswith("fidelity") else "solid",
            )  # fmt: skip
            for name, colour in colours.items()
            if name in history and bool(history[name].notna().any())
        ]
        if not drawn:
            return pn.pane.HTML("<p>The training history holds no losses.</p>", margin=(4, 10))
        overlay = hv.Overlay(drawn).opts(
            responsive=True, height=260, ylabel="loss", legend_position="top_right", logy=False,
            toolbar=None, hooks=[lambda plot, _element: _style(plot.state, dark=dark)],
        )  # fmt: skip
        return pn.pane.HoloViews(overlay, sizing_mode="stretch_width", height=260, margin=(4, 10))

    def __panel__(self) -> pn.viewable.Viewable:
        """Return curves and card."""
        card = pn.pane.HTML(
            self.html(), stylesheets=[_STYLE], sizing_mode="stretch_width", margin=(4, 12)
        )
        curves = pn.bind(self.curves, self._state.param.dark)
        return pn.Column(
            curves, LineSpreadView(self._state), card,
            sizing_mode="stretch_both", scroll=True, margin=0,
        )  # fmt: skip


def judge(dataset: Dataset) -> Verdict | None:
    """Judge the model by the atlas's own spectra; None where their chi2 is not known."""
    if CHI2 not in dataset.numeric_columns:
        return None
    chi2 = dataset.numeric(CHI2)
    finite = chi2[np.isfinite(chi2)]
    return verdict(float(np.median(finite)) if len(finite) else np.nan)


def _style(figure: Any, *, dark: bool) -> None:  # noqa: ANN401 - Bokeh's figure
    """Let a figure of HoloViews look like the others."""
    paint(figure, dark=dark)
    figure.update(outline_line_color=None, min_border_right=10)
    figure.legend.update(label_text_font_size="11px", padding=3, spacing=1, click_policy="hide")


def _atlas_facts(state: ExplorerState) -> dict[str, Any]:
    dataset = state.dataset
    info = dataset.atlas.info
    return {
        "name": dataset.name,
        "objects": f"{len(dataset):,}",
        "made": info.get("created", ""),
        "spectra": _inline(info.get("source", {})),
        "seed": info.get("seed", ""),
    }


def _read_model_card(atlas: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    """Return facts and metrics from the model's own model.json."""
    path = Path(atlas.path) / "model" / "model.json"
    facts: dict[str, Any] = {
        "kind": atlas.model.kind,
        "latents": atlas.model.n_latent,
        "rest frame": (
            f"{atlas.model.wave_rest[0]:.0f}-{atlas.model.wave_rest[-1]:.0f} Angstrom, "
            f"{len(atlas.model.wave_rest)} pixels"
        ),
    }
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return {"facts": facts | {"card": f"can not be read: {error}"}}
    facts |= {key: _inline(value) for key, value in content.get("config", {}).items()}
    training = content.get("training", {})
    facts |= {
        f"training: {key}": _inline(value)
        for key, value in training.get("config", {}).items()
        if value not in (None, "", False) and key not in ("out", "config")
    }
    metrics = training.get("metrics") or content.get("metrics") or {}
    return {"facts": facts, "metrics": {key: _inline(value) for key, value in metrics.items()}}


def _read_history(atlas: Any) -> pd.DataFrame | None:  # noqa: ANN401
    path = Path(atlas.path) / "model" / "history.csv"
    try:
        history = pd.read_csv(path)
    except (OSError, ValueError):
        return None
    return history if "step" in history and len(history) else None


def _inline(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, Mapping):
        told = ((key, _inline(item)) for key, item in value.items())
        return ", ".join(f"{key} {text}" for key, text in told if text)
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_inline(item) for item in value)
    return str(value)


def _section(title: str, rows: Mapping[Any, Any]) -> str:
    cells = "".join(
        f"<tr><th>{escape(str(name))}</th><td>{escape(_inline(value))}</td></tr>"
        for name, value in rows.items()
        if _inline(value)
    )
    return f"<h3>{escape(title)}</h3><table>{cells}</table>" if cells else ""
