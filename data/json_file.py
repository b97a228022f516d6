"""JSON files that describe a folder: read with a clear error, written atomically."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.atomic import replacing


def read_json(path: Path, *, what: str) -> dict[str, Any]:
    """Return a JSON object; `what` names it in the message of the ValueError."""
    if not path.parent.is_dir():
        raise ValueError(f"{what} folder {path.parent} does not exist")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path.parent} is not {_a(what)}: it has no {path.name}") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} can not be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object, got {type(content).__name__}")
    return content


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object; `path` never holds a half-written one."""
    with replacing(path) as partial:
        partial.write_text(
            json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
