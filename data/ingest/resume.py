"""What an ingest that was stopped has done already, and whether it still holds.

The journal of the unfinished survey names every file read with its state (size, times) and the
catalogue with its content. Where one of them has changed since, nothing of it is used: spectra of
before would stand beside values of now.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.atomic import partial_folder
from data.ingest.batch import FileContents, Rejection
from data.ingest.file_list import file_state
from data.json_file import read_json
from data.partial.folder import held
from data.survey_writer import SurveyWriter, finish_interrupted


@dataclass
class Done:
    """What was done before.

    Attributes:
        files: Names of the files that were read.
        rejected: What was rejected of them.
        masked: Bit of the masks -> how many pixels it left out, of how many (`""`).
        remarks: Remark on accepted spectra -> how many have it.
        restarted: Why all of it was thrown away; empty where it was not.
    """

    files: set[str] = field(default_factory=set)
    rejected: list[Rejection] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    restarted: str = ""


def take_up(
    writer: SurveyWriter, *, settings: Mapping[str, Any], content: Mapping[str, str]
) -> Done:
    """Return what a survey's journal says was done, after checking that it still holds.

    Args:
        writer: The survey being written; begun anew where a file or the catalogue has changed.
        settings: All that decides what is accepted and how, JSON-ready.
        content: Name -> digest of what the result depends on besides: the catalogue, say.

    Raises:
        ValueError: It was begun with other settings.
    """
    if not writer.notes:
        _begin(writer, settings, content)
        return Done()
    first, *steps = writer.notes
    if first.get("settings") != dict(settings):
        raise ValueError(
            f"{partial_folder(writer.out)} was begun with other settings ("
            f"{_difference(first.get('settings') or {}, settings)}); repeat those, or start anew "
            "with --no-resume"
        )
    states = [state for step in steps for state in step["files"].items()]
    before = first.get("content", {})
    other = [name for name, value in content.items() if before.get(name) != value]
    changed = f"the {other[0]}" if other else _first_changed(states)
    if changed:
        writer.restart()
        _begin(writer, settings, content)
        return Done(restarted=f"{changed} has changed since the ingest was stopped: it starts anew")
    return Done(
        files={name for name, _state in states},
        rejected=[Rejection(*item) for step in steps for item in step["rejected"]],
        masked=sum((Counter(step["masked"]) for step in steps), Counter()),
        remarks=sum((Counter(step["remarks"]) for step in steps), Counter()),
    )


def finish_stopped(out: Path, *, settings: Mapping[str, Any], content: Mapping[str, str]) -> bool:
    """Complete a survey that was stopped in its last steps; False if there is none.

    Raises:
        ValueError: It is of other settings, or of a catalogue that has changed since.
    """
    partial = partial_folder(out)
    if not (partial / "survey.json").is_file():
        return False
    with held(partial, out=out):
        known = read_json(partial / "survey.json", what="survey").get("ingest", {})
        now = {**settings, "content": dict(content)}
        if known != now:
            raise ValueError(
                f"{partial} is a survey of other inputs or settings ("
                f"{_difference(known, now)}) that lacks only its last "
                "step; repeat those to complete it, or start anew with --no-resume"
            )
        return finish_interrupted(out)


def note_of(contents: FileContents) -> dict[str, Any]:
    """Return what the journal keeps of a batch of files."""
    return {
        "files": dict(zip(contents.files, contents.states, strict=True)),
        "remarks": dict(contents.remarks),
        "masked": dict(contents.masked),
        "rejected": [[item.file, item.object_id, item.reason] for item in contents.rejected],
    }


def digest(path: Path | None) -> str:
    """Return the digest of a file's content; empty for None."""
    if path is None:
        return ""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "blake2b").hexdigest()


def _begin(writer: SurveyWriter, settings: Mapping[str, Any], content: Mapping[str, str]) -> None:
    writer.append_blocks([], note={"settings": dict(settings), "content": dict(content)})


def _first_changed(states: Iterable[tuple[str, str]]) -> str:
    return next((name for name, state in states if file_state(name) != state), "")


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return "; ".join(f"{name}: {before.get(name)}, now {now.get(name)}" for name in names)
