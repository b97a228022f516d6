"""Fills pages from the code: commands from their settings, the API from docstrings, lists.

A line `<!-- commands of PACKAGE -->`, `<!-- modules of PACKAGE -->`, `<!-- scores -->` or
`<!-- keys -->` in a page is replaced.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from data.commands import Command, add_options
from explorer.keys import KEYS
from model.atlas.scores import SCORES

ROOT = Path(__file__).parents[1]


def commands(package: str) -> str:
    """Return the commands of a package as Markdown: a table of options each."""
    main = import_module(f"{package}.__main__")
    return "\n\n".join(_command(package, command) for command in main.COMMANDS)


def _command(package: str, command: Command) -> str:
    name = f"python -m {package} {command.name}"
    parser = argparse.ArgumentParser(prog=name, add_help=False)
    add_options(parser, getattr(import_module(command.module), command.config))
    rows = [_option(action) for action in parser._actions]  # noqa: SLF001 - argparse lists them nowhere else
    table = "\n".join(["| option | what it does |", "|---|---|", *rows])
    return f"## `{name}`\n\n{command.help[:1].upper()}{command.help[1:]}.\n\n{table}"


def _option(action: argparse.Action) -> str:
    flags = ", ".join(f"`{flag}`" for flag in action.option_strings) or f"`{action.metavar}`"
    values = f" of {', '.join(f'`{item}`' for item in action.choices)}" if action.choices else ""
    text = (action.help or "").replace("%%", "%").replace("|", "\\|").replace("<", "&lt;")
    required = "" if not action.option_strings or not action.required else " **(required)**"
    return f"| {flags}{values} | {text}{required} |"


def modules(package: str) -> str:
    """Return the modules of a package as Markdown: a section for each folder and module."""
    return "\n\n".join(_modules(package))


def _modules(package: str) -> Iterator[str]:
    paths = [path for path in (ROOT / package).rglob("*.py") if not path.stem.startswith("__")]
    paths = sorted(path.relative_to(ROOT) for path in paths)
    for folder, inside in groupby(sorted(paths, key=lambda path: path.parent), _folder):
        yield f"## {folder}"
        for path in inside:
            name = ".".join(path.with_suffix("").parts)
            yield f"### {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```"


def _folder(path: Path) -> str:
    return f"{path.parent}/"


def scores() -> str:
    """Return the outlier scores of an atlas as a Markdown table."""
    rows = [f"| `{score.column}` | {score.label} | {score.explanation} |" for score in SCORES]
    return "\n".join(["| column | name | what it says |", "|---|---|---|", *rows])


def keys() -> str:
    """Return the keys of the explorer as a Markdown table."""
    named = [(" ".join(f"`{key}`" for key in pressed.split()), what) for pressed, what in KEYS]
    rows = [f"| {pressed} | {what} |" for pressed, what in named]
    return "\n".join(["| key | what it does |", "|---|---|", *rows])


def _fill(_app: Sphinx, _name: str, source: list[str]) -> None:
    makers = {"commands": commands, "modules": modules, "scores": scores, "keys": keys}
    source[0] = re.sub(
        r"^<!-- (commands|modules|scores|keys)(?: of (\w+))? -->$",
        lambda found: makers[found[1]](*filter(None, [found[2]])),
        source[0],
        flags=re.MULTILINE,
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Fill the pages as they are read."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
