"""Measures what each score of an atlas finds of objects of known kinds.

python -m model recover ATLAS [--truth COLUMN]   -> tables, recovery.json, .csv and .png
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.atomic import replacing
from data.commands import keep_inputs, setting
from data.json_file import write_json
from model.atlas.atlas import Atlas
from model.atlas.cuts import paper_cuts
from model.outliers.naming import name_causes, naming_table
from model.outliers.recovery import ALL, FIRST, TOPS, Proportion, Recovery, measure_recovery
from model.outliers.recovery_figure import draw_recovery
from model.outliers.truth import Truth, read_truth


@dataclass(frozen=True, kw_only=True)
class RecoverConfig:
    """Settings of `python -m model recover`."""

    atlas: Path = setting(help="atlas folder, from `python -m model atlas`", positional=True)
    truth: str = setting(
        help="column of known classes, of the atlas or of the table (default: outlier_kind of "
        "mocks, kind or class of the table)",
        default="",
    )
    ordinary: str | None = setting(
        help="the class not looked for (default: empty if that occurs, else the commonest)",
        default=None,
    )
    catalog: Path | None = setting(
        help="table with object_id and the column, such as the explorer's labels as CSV",
        default=None,
    )
    out: Path | None = setting(help="folder of the results (default: ATLAS/recovery)", default=None)
    explain: int = setting(
        help="objects of each kind, and five times as many ordinary ones, whose reasons are told; "
        "0: none",
        default=100,
    )

    def __post_init__(self) -> None:
        """Refuse what can not be done."""
        if self.explain < 0:
            raise ValueError(f"explain must be 0 or more, got {self.explain}")


CUT = ("neg_log_p", "neg_log_p_rank")
"""Scores measured also with the cuts of Liang+2023, section 5.2: what they leave out ranks last."""


def recover(config: RecoverConfig) -> None:
    """Measure every score, print the tables, save them as JSON and CSV and a figure.

    Raises:
        ValueError: The atlas can not be read, nothing is known of its objects, or the results
            would replace the table of classes.
    """
    out = config.out or config.atlas / "recovery"
    tables = [out / "recovery.json", out / "recovery.csv"]
    keep_inputs(outputs=tables, inputs=[config.catalog])
    atlas = Atlas(config.atlas)
    truth = read_truth(
        atlas.catalog, column=config.truth, ordinary=config.ordinary, table=config.catalog
    )
    found = {
        name: measure_recovery(values, truth.kinds, ordinary=truth.ordinary)
        for name, values in rankings(atlas).items()
    }
    naming = name_causes(atlas, truth, most=config.explain) if config.explain else {}
    out.mkdir(parents=True, exist_ok=True)
    named = {kind: one.to_dict() for kind, one in naming.items()}
    write_json(tables[0], _as_dict(atlas, truth, found) | {"reasons": named})
    with replacing(tables[1]) as partial:
        _as_frame(found).to_csv(partial, index=False)
    draw_recovery(found, out / "recovery.png", title=f"{atlas.name}: {truth.column}")
    sys.stdout.write(_as_text(found, truth) + "\n")
    if naming:
        sys.stdout.write("\n" + naming_table(naming) + "\n")
    sys.stdout.write(f"saved in {out}\n")


def rankings(atlas: Atlas) -> dict[str, np.ndarray]:
    """Return what an atlas can be ranked by, higher is stranger, NaN where left out."""
    ranked = {
        score.column: (1.0 if score.higher_is_stranger else -1.0)
        * atlas.catalog[score.column].to_numpy(float)
        for score in atlas.scores
    }
    keep = paper_cuts(atlas.catalog)
    cut = {f"{name}, cuts": np.where(keep, ranked[name], np.nan) for name in CUT if name in ranked}
    return ranked | cut


def _as_dict(atlas: Atlas, truth: Truth, found: dict[str, dict[str, Recovery]]) -> dict[str, Any]:
    return {
        "atlas": atlas.name,
        "n_object": len(atlas),
        "truth": truth.column,
        "ordinary": truth.ordinary,
        "kinds": truth.counts(),
        "interval": "Wilson, 95 %: [value, low, high]",
        "scores": {
            name: {kind: recovery.to_dict() for kind, recovery in kinds.items()}
            for name, kinds in found.items()
        },
    }


def _as_frame(found: dict[str, dict[str, Recovery]]) -> pd.DataFrame:
    """Return one row for each score and kind, each measure with its interval."""
    rows = []
    for name, kinds in found.items():
        for kind, recovery in kinds.items():
            row: dict[str, Any] = {"score": name, "kind": kind}
            for measure, value in recovery.to_dict().items():
                if isinstance(value, list):
                    row |= dict(zip((measure, f"{measure}_low", f"{measure}_high"), value,
                                    strict=True))  # fmt: skip
                else:
                    row[measure] = value
            rows.append(row)
    return pd.DataFrame(rows)


def _as_text(found: dict[str, dict[str, Recovery]], truth: Truth) -> str:
    """Return the tables as text: all kinds with intervals, then each kind by score."""
    kinds, names = truth.counts(), list(found)
    lines = [
        f"{sum(kinds.values()):,} of {len(truth.kinds):,} objects to be found: {truth.column} "
        f"other than {truth.ordinary!r}",
        "",
        f"{ALL:24}{f'first {FIRST}':>18}"
        + "".join(f"{f'recall {100 * top:g} %':>18}" for top in TOPS)
        + f"{'enriched 1 %':>14}{'AUROC':>18}",
    ]
    for name, by_kind in found.items():
        one = by_kind[ALL]
        recall = "".join(_share(one.recall[top]) for top in TOPS)
        lines.append(
            f"{name:24}{_share(one.precision)}{recall}{one.enrichment[0.01].value:14.1f}"
            f"{_share(one.auroc)}"
        )
    for title, value in (
        ("AUROC", lambda one: one.auroc.value),
        ("recall in the top 1 %", lambda one: one.recall[0.01].value),
        ("recall in the top 5 %", lambda one: one.recall[0.05].value),
    ):
        width = max(len(name) for name in names) + 2
        lines += ["", f"{title:24}{'n':>6}" + "".join(f"{name:>{width}}" for name in names)]
        for kind, n in kinds.items():
            cells = "".join(f"{value(found[name][kind]):{width}.2f}" for name in names)
            lines.append(f"{kind:24.24}{n:6d}{cells}")
    return "\n".join(lines)


def _share(share: Proportion) -> str:
    return f"{f'{share.value:.2f} ({share.low:.2f}-{share.high:.2f})':>18}"
