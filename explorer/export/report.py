"""A report: objects with their figures, facts, reasons and labels on one page of HTML.

The page holds everything itself: it opens without a network, executes nothing and asks nobody.
"""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import PurePath

import numpy as np

from explorer.export.export import Exported, stem_of
from explorer.export.figures import spectrum_figure
from explorer.labels.label import Label
from explorer.spectrum.facts import facts
from explorer.spectrum.guest_facts import estimates, guest_facts, scores
from explorer.spectrum.inspection import inspect
from explorer.spectrum.reasons import reasons_html, reasons_of
from explorer.state.dataset import Dataset
from explorer.state.guest import Guest
from model.atlas.scores import share_above

MOST_REPORTED = 100
"""Objects of one report: each takes about 150 kB and half a second."""
N_NEAR = 5
"""Nearest objects named."""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body {font: 14px/1.5 Inter, 'Segoe UI', Roboto, Arial, sans-serif; max-width: 1000px;
  margin: 32px auto; padding: 0 20px; color: #1b1f24; background: #fff}
h1 {font-size: 22px; margin: 0 0 4px} h2 {font-size: 17px; margin: 36px 0 6px;
  border-top: 1px solid #ccd; padding-top: 14px; overflow-wrap: anywhere}
img.map {max-width: 560px}
h3 {font-size: 13px; margin: 12px 0 2px} img {max-width: 100%; height: auto; display: block}
dl {display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 1px 18px;
  margin: 0; font-size: 12.5px}
dl div {display: flex; justify-content: space-between; gap: 10px; border-bottom: 1px solid #e4e6ea}
dt {color: #59616b}
dd {margin: 0; text-align: right; flex: none; max-width: 70%; overflow-wrap: break-word}
.strength {display: inline-block; width: 3em} .weak {color: #59616b} .note {white-space: pre-wrap}
section {break-inside: avoid} footer {margin-top: 40px; color: #59616b; font-size: 12px}
"""


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """How a report draws its spectra.

    Attributes:
        frame: `observed` or `rest`.
        lines: Lines labelled: `off`, `major` or `all`.
        smoothing: Gaussian of so many pixels.
    """

    frame: str
    lines: str
    smoothing: int


def report_page(
    dataset: Dataset,
    chosen: Sequence[int | Guest],
    settings: ReportSettings,
    *,
    labels: Mapping[str, Label],
    map_image: Exported | None = None,
) -> Exported:
    """Return a page about some objects; slow.

    Args:
        dataset: The atlas.
        chosen: Rows, and objects that the user brought, in order.
        settings: How spectra are drawn.
        labels: Object_id -> label.
        map_image: PNG of the map with the objects marked.

    Raises:
        ValueError: There are none, or more than `MOST_REPORTED`.
    """
    if not 0 < len(chosen) <= MOST_REPORTED:
        raise ValueError(
            f"a report is about 1 to {MOST_REPORTED} objects, got {len(chosen)}; choose fewer"
        )
    title = f"{len(chosen)} objects of {dataset.name}" if len(chosen) > 1 else dataset.name
    map_part = f"<h3>Where they lie</h3>{_image(map_image, 'map')}" if map_image else ""
    sections = "".join(_section(dataset, item, settings, labels) for item in chosen)
    html = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>{_listed(_about(dataset, settings))}{map_part}"
        f"{sections}<footer>Made by the latent-space explorer. Residuals are in units of the "
        "noise; reasons have a strength, 1 being what 0.5 % of ordinary objects reach.</footer>"
        "</body></html>"
    )
    stem = stem_of(dataset)
    if len(chosen) == 1:
        stem += "_" + re.sub(r"[^A-Za-z0-9+-]", "_", _name(dataset, chosen[0]))[:60]
    return Exported(f"{stem}_report.html", "text/html", html.encode())


def _about(dataset: Dataset, settings: ReportSettings) -> list[tuple[str, str]]:
    """Return what the report was made with."""
    info = dataset.atlas.info
    smoothing = f"Gaussian, {settings.smoothing} pixels" if settings.smoothing else "none"
    return [
        ("atlas", f"{dataset.name}, {len(dataset):,} objects"),
        ("model", f"{dataset.atlas.model.kind}, {dataset.atlas.model.n_latent} latents"),
        ("weights (SHA-256)", str(info["model"].get("weights_sha256", ""))[:16]),
        ("wavelengths", f"vacuum, {settings.frame} frame"),
        ("smoothing", smoothing),
        ("made", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("software", f"torch {version('torch')}, panel {version('panel')}"),
    ]


def _name(dataset: Dataset, chosen: int | Guest) -> str:
    return chosen.name if isinstance(chosen, Guest) else str(dataset.ids[chosen])


def _section(
    dataset: Dataset,
    chosen: int | Guest,
    settings: ReportSettings,
    labels: Mapping[str, Label],
) -> str:
    item, name = inspect(dataset, chosen), _name(dataset, chosen)
    if isinstance(chosen, Guest):
        own = guest_facts(dataset, chosen)
        more = {"Scores": scores(dataset, chosen), "What the neighbours tell": estimates(chosen)}
        near, distances = chosen.placed.neighbours, chosen.placed.distances
    else:
        own = [  # paths are those of the machine that serves
            (label, PurePath(value).name if column == "file" else value)
            for column, label, value in facts(dataset, chosen)
        ]
        more = {"Scores": _ranks(dataset, chosen)}
        graph = dataset.atlas.neighbours
        near, distances = graph.indices[chosen], graph.distances[chosen]
    more["Nearest in the latents"] = [
        (str(dataset.ids[row]), f"{distance:.3g}")
        for row, distance in zip(near[:N_NEAR], distances[:N_NEAR], strict=True)
    ]
    figure = spectrum_figure(
        item, title=f"{name}   z = {item.z:.5f}", frame=settings.frame, lines=settings.lines,
        smoothing=settings.smoothing, kind="png",
    )  # fmt: skip
    parts = "".join(f"<h3>{title}</h3>{_listed(pairs)}" for title, pairs in more.items())
    return (
        f"<section><h2>{escape(name)}</h2>{_labelled(labels.get(name))}"
        f"{_image(figure, 'spectrum, reconstruction and residual')}"
        f"{reasons_html(reasons_of(dataset, chosen))}</section>{_listed(own)}{parts}"
    )


def _ranks(dataset: Dataset, row: int) -> list[tuple[str, str]]:
    """Return each score with the share of the atlas that has at least as much."""
    pairs = []
    for name in dataset.scores:
        values = dataset.numeric(name)
        if np.isfinite(values[row]):
            share = 100 * share_above(values, values[row])
            pairs.append((dataset.label(name), f"{values[row]:.5g} ({share:.3g} %)"))
    return pairs


def _labelled(label: Label | None) -> str:
    if label is None or label.empty:
        return ""
    grade = "" if label.grade is None else f"grade {label.grade}"
    said = ", ".join(filter(None, [grade, label.kind]))
    note = f'<div class="note">{escape(label.note)}</div>' if label.note else ""
    return f"<p><b>{escape(said)}</b> by {escape(label.who)}, {escape(label.at[:10])}</p>{note}"


def _listed(pairs: Sequence[tuple[str, str]]) -> str:
    entries = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in pairs
        if value
    )
    return f"<dl>{entries}</dl>"


def _image(exported: Exported, what: str) -> str:
    coded = base64.b64encode(exported.content).decode()
    data = f"data:{exported.media_type};base64,{coded}"
    return f'<img class="{what.split(",")[0]}" alt="{escape(what)}" src="{data}">'
