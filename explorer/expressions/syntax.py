"""Reads an expression of columns, such as `log10(snr) > 1 and z < 0.1`, into a syntax tree.

Nothing of it is ever executed. Three barriers stand before the evaluation, which is a walk over
the tree that knows a few kinds of node (`explorer.expressions.evaluation`): the text is short, its
signs and names are checked one by one, and Python's own parser builds the tree.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass

LONGEST = 500
"""Most characters of an expression."""
WORDS = ("and", "or", "not", "in", "True", "False")
"""Words of Python that an expression may use."""

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>'[^'\\\n]*'|"[^"\\\n]*")
    |`(?P<quoted>[^`\n]*)`
    |(?P<number>(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?(?![\w.]))
    |(?P<name>[^\W\d]\w*)
    |(?P<sign>\*\*|[<>=!]=|[-+*/%<>&|~(),=])""",
    re.VERBOSE,
)
_HINTS = {
    "=": "write == to compare; a new column is name = expression",
    "&&": "write and", "||": "write or", "!": "write not, or != for unequal",
    "^": "write ** for powers", ".": "names and numbers have no dot after them here",
    ":": "a range is written 0.1 < z < 0.2", "[": "a list is written in round brackets: ('A', 'B')",
}  # fmt: skip
_DEFINITION = re.compile(r"\s*(?P<name>[^\W\d]\w{0,39})\s*=(?!=)(?P<text>.*)", re.DOTALL)


@dataclass(frozen=True)
class Syntax:
    """An expression that has been read.

    Attributes:
        text: As it was written, without spaces around.
        tree: Its syntax tree; names are keys of `columns`, functions or constants.
        columns: Name in the tree -> column that it means.
    """

    text: str
    tree: ast.expr
    columns: dict[str, str]


def definition(text: str) -> tuple[str, str]:
    """Return name and expression of `name = expression`; the name is empty where none is given."""
    match = _DEFINITION.fullmatch(text)
    return (match["name"], match["text"].strip()) if match else ("", text.strip())


def read(text: str, *, columns: Collection[str], functions: Collection[str]) -> Syntax:
    """Read an expression.

    Args:
        text: What a user wrote. A column whose name is no plain word stands in backticks.
        columns: Names of the columns it may use.
        functions: Names of the functions and constants it may use.

    Raises:
        ValueError: It is too long, uses an unknown name or sign, or is no expression.
    """
    text = text.strip()
    if not text:
        raise ValueError("write a condition such as z < 0.1, or name = expression")
    if len(text) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters, got {len(text)}")
    code, used = _translate(text, columns=columns, functions=functions)
    try:
        tree = ast.parse(code.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{text[:60]!r} is no complete expression; {_hint(text)}") from None
    return Syntax(text, tree, {name: column for column, name in used.items()})


def _translate(
    text: str, *, columns: Collection[str], functions: Collection[str]
) -> tuple[str, dict[str, str]]:
    """Return the expression with a plain name for each column, and column -> name."""
    known, used, code, at = set(columns), dict[str, str](), "", 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at : at + 12]!r} has no meaning here; {_hint(text[at:])}")
        column = match["quoted"] if match["quoted"] is not None else match["name"]
        at = match.end()
        is_word = match["quoted"] is None and (column in WORDS or column in functions)
        if column is None or (is_word and not (column in known and not _is_call(text, at))):
            code += " " if match["space"] else match[0]
            continue
        if column not in known:
            is_call = match["quoted"] is None and _is_call(text, at)
            raise ValueError(_unknown(column, list(functions if is_call else columns), is_call))
        code += used.setdefault(column, f"column_{len(used)}")
    return code, used


def _is_call(text: str, at: int) -> bool:
    return text[at:].lstrip().startswith("(")


def _unknown(name: str, known: list[str], is_call: bool) -> str:
    lower = {item.lower(): item for item in known}
    near = [lower[item] for item in difflib.get_close_matches(name.lower(), list(lower), n=4)]
    near += [item for item in known if name.lower() in item.lower() and item not in near][:3]
    kind = "function" if is_call else "column"
    if near:
        return f"there is no {kind} {name[:40]!r}; nearest: {', '.join(near)}"
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return f"there is no {kind} {name[:40]!r}; there are {', '.join(known[:12])}{more}"


def _hint(text: str) -> str:
    for sign, hint in _HINTS.items():
        if text.startswith(sign):
            return hint
    alone = re.search(r"(?<![<>=!])=(?!=)", text)
    return _HINTS["="] if alone else "write, for example, log10(snr) > 1 and z < 0.1"
