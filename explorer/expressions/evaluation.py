"""Computes an expression of columns: a walk over its syntax tree, with NumPy on whole columns.

A node of a kind that is not named here is refused: attributes, subscripts, comprehensions and
everything else that could reach beyond the columns. Whole numbers are floating point from the
start, so no power grows beyond it. What can not be computed (a logarithm of a negative number, a
division by zero) is missing, NaN. Conditions are 1, 0 or, where a value they need is missing, NaN,
and `and`, `or`, `not` follow the logic of SQL: an object passes if the condition is surely true.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.arrays import IndexArray
from explorer.expressions.syntax import Syntax

DEEPEST = 40
"""Most levels of an expression."""
NUMBER, CONDITION, TEXT = "number", "condition", "text"


@dataclass(frozen=True)
class Value:
    """A number, a condition, or a text, of each object or (scalar) of all.

    Attributes:
        kind: `NUMBER`, `CONDITION` or `TEXT`.
        data: Float64; of a text the index into `names`, -1 where missing.
        names: The different texts.
    """

    kind: str
    data: Any
    names: tuple[str, ...] = ()


def words(codes: IndexArray, names: Sequence[str]) -> Value:
    """Return a column of text; `codes` are indices into `names`, -1 where missing."""
    return Value(TEXT, codes, tuple(names))


_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.true_divide,
    ast.Pow: np.power, ast.Mod: np.mod, ast.FloorDiv: np.floor_divide,
}  # fmt: skip
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_OF_NUMBERS: dict[str, Callable[..., Any]] = {
    "log10": np.log10, "log": np.log, "ln": np.log, "log2": np.log2, "exp": np.exp,
    "sqrt": np.sqrt, "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil,
    "round": np.round, "sin": np.sin, "cos": np.cos, "tan": np.tan, "arcsin": np.arcsin,
    "arccos": np.arccos, "arctan": np.arctan, "radians": np.radians, "degrees": np.degrees,
    "mean": np.nanmean, "median": np.nanmedian, "std": np.nanstd,
}  # fmt: skip
_OF_TWO: dict[str, Callable[..., Any]] = {
    "min": np.minimum, "max": np.maximum, "arctan2": np.arctan2,
    "percentile": lambda values, percent: np.nanpercentile(values, _percent(percent)),
}  # fmt: skip
FUNCTIONS = (*_OF_NUMBERS, *_OF_TWO, "missing", "where", "contains")
"""Functions that an expression may call."""
CONSTANTS = {"pi": np.pi}


def evaluate(syntax: Syntax, column: Callable[[str], Value]) -> Value:
    """Compute an expression.

    Args:
        syntax: What was read.
        column: Returns a column by its name.

    Raises:
        ValueError: It holds something that can not be computed here, or too many levels.
    """
    with np.errstate(all="ignore"):
        return _Walk(syntax, column).value(syntax.tree, 0)


class _Walk:
    """Computes node by node."""

    def __init__(self, syntax: Syntax, column: Callable[[str], Value]) -> None:
        self._columns, self._column = syntax.columns, column

    def value(self, node: ast.expr, depth: int) -> Value:
        """Return the value of a node that stands `depth` levels down."""
        if depth > DEEPEST:
            raise ValueError(f"an expression has at most {DEEPEST} levels")

        def part(item: ast.expr) -> Value:
            return self.value(item, depth + 1)

        match node:
            case ast.Constant(value=bool() | int() | float() | str() as constant):
                return _constant(constant)
            case ast.Name(id=name) if name in self._columns:
                return self._column(self._columns[name])
            case ast.Name(id=name) if name in CONSTANTS:
                return Value(NUMBER, CONSTANTS[name])
            case ast.Name(id=name):
                raise ValueError(f"{name} is a function: write {name}(...)")
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return Value(CONDITION, 1.0 - _condition(part(operand)))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Value(NUMBER, -_number(part(operand)))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return Value(NUMBER, _number(part(operand)))
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as op, left=left, right=right):
                return _joined([part(left), part(right)], isinstance(op, ast.BitAnd))
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _ARITHMETIC:
                operate = _ARITHMETIC[type(op)]
                return _finite(operate(_number(part(left)), _number(part(right))))
            case ast.BoolOp(op=op, values=values):
                return _joined([part(item) for item in values], isinstance(op, ast.And))
            case ast.Compare():
                return self._compared(node, part)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
                return _called(name, [part(item) for item in args])
        raise ValueError(f"an expression can not hold {_kind(node)}")

    def _compared(self, node: ast.Compare, part: Callable[[ast.expr], Value]) -> Value:
        """Return a chain of comparisons: `0.1 < z < 0.2`, `class in ('GALAXY', 'QSO')`."""
        links, left = list[Value](), part(node.left)
        for op, item in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, (ast.In, ast.NotIn)):
                among = item.elts if isinstance(item, ast.Tuple) else [item]
                equal = [_pair(ast.Eq, left, part(one)) for one in among]
                link = _joined(equal or [Value(CONDITION, 0.0)], False)
                if isinstance(op, ast.NotIn):
                    link = Value(CONDITION, 1.0 - link.data)
            elif type(op) in _COMPARISONS:
                right = part(item)
                link, left = _pair(type(op), left, right), right
            else:
                raise ValueError("an expression compares by < <= > >= == != in")
            links.append(link)
        return _joined(links, True)


def _constant(constant: bool | int | float | str) -> Value:
    if isinstance(constant, str):
        return Value(TEXT, 0, (constant.strip(),))
    if isinstance(constant, bool):
        return Value(CONDITION, float(constant))
    try:
        number = np.float64(constant)
    except OverflowError:  # a whole number of hundreds of digits
        number = np.float64(np.nan)
    return _finite(number)


def _number(value: Value) -> Any:  # noqa: ANN401 - an array or one number
    if value.kind == TEXT:
        raise ValueError("text can only be compared: class == 'QSO', class in ('QSO', 'STAR')")
    return value.data


def _condition(value: Value) -> Any:  # noqa: ANN401
    if value.kind != CONDITION:
        raise ValueError(
            "and, or, not join conditions such as z < 0.1; with & and | these stand in brackets"
        )
    return value.data


def _finite(data: Any) -> Value:  # noqa: ANN401
    return Value(NUMBER, np.where(np.isfinite(data), data, np.nan))


def _joined(values: list[Value], every: bool) -> Value:
    """Return `and` (every) or `or`; unknown (NaN) unless the known ones decide."""
    data = [_condition(value) for value in values]
    if len(data) == 1:
        return values[0]
    result = data[0] if every else 1.0 - data[0]
    for item in data[1:]:
        other = item if every else 1.0 - item
        result = np.where((result == 0) | (other == 0), 0.0, result * other)
    return Value(CONDITION, result if every else 1.0 - result)


def _pair(op: type, left: Value, right: Value) -> Value:
    """Return one comparison; NaN where one side is missing."""
    if TEXT in (left.kind, right.kind):
        if left.kind != right.kind:
            raise ValueError("a text can only be compared with a text in quotes: class == 'QSO'")
        if op not in (ast.Eq, ast.NotEq):
            raise ValueError("texts are compared by == != in, and contains(column, 'text')")
        names = {name: code for code, name in enumerate(left.names)}
        other = np.array([*(names.get(name, -2) for name in right.names), -1])[right.data]
        missing = (np.asarray(left.data) == -1) | (other == -1)
        return Value(CONDITION, np.where(missing, np.nan, _COMPARISONS[op](left.data, other)))
    first, second = left.data, right.data
    missing = np.isnan(first) | np.isnan(second)
    return Value(CONDITION, np.where(missing, np.nan, _COMPARISONS[op](first, second)))


def _called(name: str, args: list[Value]) -> Value:
    """Return what a function makes of its arguments."""
    wanted = 1 if name in _OF_NUMBERS or name == "missing" else 3 if name == "where" else 2
    if len(args) != wanted:
        raise ValueError(f"{name}(...) takes {wanted} argument{'s'[: wanted > 1]}, got {len(args)}")
    if name == "missing":
        (value,) = args
        absent = np.asarray(value.data) == -1 if value.kind == TEXT else np.isnan(value.data)
        return Value(CONDITION, np.where(absent, 1.0, 0.0))
    if name == "where":
        test = _condition(args[0])
        chosen = np.where(test == 1, _number(args[1]), _number(args[2]))
        return Value(NUMBER, np.where(np.isnan(test), np.nan, chosen))
    if name == "contains":
        return _contains(*args)
    data = [_number(value) for value in args]
    if name in ("mean", "median", "std", "percentile") and np.isnan(data[0]).all():
        return Value(NUMBER, np.nan)
    return _finite((_OF_NUMBERS | _OF_TWO)[name](*data))


def _percent(percent: Any) -> float:  # noqa: ANN401
    if np.ndim(percent) or not 0 <= percent <= 100:
        raise ValueError("write percentile(column, 90), with a number from 0 to 100")
    return float(percent)


def _contains(column: Value, text: Value) -> Value:
    if column.kind != TEXT or text.kind != TEXT or len(text.names) != 1:
        raise ValueError("write contains(column, 'text') with a column of text")
    wanted = text.names[0].lower()
    table = np.array([*(float(wanted in name.lower()) for name in column.names), np.nan])
    return Value(CONDITION, table[column.data])


def _kind(node: ast.expr) -> str:
    """Return what a node is called."""
    known = {
        "Attribute": "a dot after a name", "Subscript": "square brackets", "Tuple": "a list here",
        "Call": "a call of something that is no function", "Constant": "such a constant",
    }  # fmt: skip
    return known.get(type(node).__name__, f"a {type(node).__name__}")
