"""Expressions of columns: agreement with NumPy, missing values, and hostile text."""

import ast
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.expressions.evaluation import (
    CONDITION,
    CONSTANTS,
    FUNCTIONS,
    NUMBER,
    Value,
    evaluate,
    words,
)
from explorer.expressions.syntax import Syntax, definition, read

Z = np.array([0.05, 0.15, np.nan, 0.25])
SNR = np.array([1.0, 10.0, 100.0, np.nan])
KIND = words(np.array([0, 1, -1, 1]), ("GALAXY", "QSO"))
COLUMNS = {
    "z": Value(NUMBER, Z), "snr": Value(NUMBER, SNR), "class": KIND, "u-g": Value(NUMBER, -Z),
    "log": Value(NUMBER, Z), "A": Value(CONDITION, np.array([1.0, 0.0, 1.0, 0.0])),
}  # fmt: skip


def compute(text: str) -> Value:
    names = (*FUNCTIONS, *CONSTANTS)
    return evaluate(read(text, columns=COLUMNS, functions=names), COLUMNS.__getitem__)


def values(text: str) -> list[float]:
    return np.broadcast_to(compute(text).data, (4,)).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log10(snr) + 2 * z ** 2", np.log10(SNR) + 2 * Z**2),
        ("-(snr // 3) % 4 / 2", -(SNR // 3) % 4 / 2),
        ("`u-g` + 1e-1", 0.1 - Z),
        ("log + log(snr)", Z + np.log(SNR)),  # a column may be called as a function is
        ("min(z, 0.1)", np.minimum(Z, 0.1)),
        ("z - median(z)", Z - 0.15),
        ("snr > percentile(snr, 50)", [0, 0, 1, np.nan]),
        ("0.1 < z < 0.2", [0, 1, np.nan, 0]),
        ("z\n<\t.2", [1, 1, np.nan, 0]),
        ("log10(z - 0.15) < 99", [np.nan, np.nan, np.nan, 1]),  # of no positive number
        ("1 / (z - z) > 0", [np.nan] * 4),
        ("class == 'QSO'", [0, 1, np.nan, 1]),
        ('class != "QSO"', [1, 0, np.nan, 0]),
        ("class in ('QSO', 'STAR')", [0, 1, np.nan, 1]),
        ("class not in ('QSO')", [1, 0, np.nan, 0]),
        ("class == class", [1, 1, np.nan, 1]),
        ("contains(class, 'gal')", [1, 0, np.nan, 0]),
        ("missing(z) or missing(class)", [0, 0, 1, 0]),
        ("where(z < 0.1, 1, snr)", [1, 10, np.nan, np.nan]),
        ("A & ~(z < 0.1) | snr == 10", None),
        ("A and not z > 0.1", [1, 0, np.nan, 0]),
    ],
)
def test_expressions_agree_with_numpy(text: str, expected: object) -> None:
    if expected is None:
        with pytest.raises(ValueError, match="stand in brackets"):
            compute(text)
        return
    np.testing.assert_array_equal(values(text), expected)


def test_unknown_values_follow_the_logic_of_sql() -> None:
    table = {"T": 1.0, "F": 0.0, "U": np.nan}
    names = {name: Value(CONDITION, np.array([value])) for name, value in table.items()}
    for left, first in table.items():
        for right, second in table.items():
            for word in ("and", "or"):
                syntax = read(f"{left} {word} {right}", columns=names, functions=())
                result = evaluate(syntax, names.__getitem__).data[0]
                known = {first, second} - {np.nan}
                decides = 0.0 if word == "and" else 1.0
                expected = decides if decides in (first, second) else 1 - decides
                if decides not in known and np.isnan([first, second]).any():
                    expected = np.nan
                np.testing.assert_equal(result, expected, f"{left} {word} {right}")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("__import__('os').system('true')", "no function '__import__'"),
        ("z.real", "no dot after them"), ("().__class__", "no dot"), ("z[0]", "round brackets"),
        ("lambda: 1", "no column 'lambda'"), ("(x for x in z)", "no column 'x'"),
        ("z if z else snr", "no column 'if'"), ("z := 1", "has no meaning"),
        ("f'z'", "no column"),
        ("z; z", "has no meaning"), ("z #", "has no meaning"), ("open('x')", "no function 'open'"),
        ("eval('1')", "no function 'eval'"), ("(" * 240 + "z" + ")" * 240, "expression"),
        ("-" * 400 + "z", "at most 40 levels"), ("not " * 100 + "z<1", "at most 40 levels"),
        ("z+" * 400 + "z", "at most 500 characters"), ("z" * 501, "at most 500 characters"),
        ("zz", "nearest: z"), ("SNR > 1", "nearest: snr"), ("logg10(z)", "nearest: log10"),
        ("z = 1", "write == to compare"), ("z <", "no complete expression"),
        ("", "write a condition"),
        ("1or 2", "has no meaning"), ("1j", "has no meaning"), ("z and snr", "join conditions"),
        ("z < 0.1 & snr > 1", "stand in brackets"), ("z < 'a'", "only be compared with a text"),
        ("class < 'B'", "compared by =="), ("class + 1", "only be compared"),
        ("log10", "write log10"),
        ("log10(z, z)", "takes 1 argument,"), ("min(z)", "takes 2 arguments"),
        ("z(1)", "no function"),
        ("min(z, sep=1)", "no column 'sep'"), ("percentile(z, snr)", "from 0 to 100"),
        ("(z, z)", "a list"),
        ("z is z", "no column 'is'"), ("`no`", "no column 'no'"), ("z ^ 2", r"write \*\*"),
        ("z && snr", "no complete"), ("contains(class, z)", "column of text"),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused_with_a_reason(text: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        compute(text)


def test_huge_powers_are_missing_and_cost_nothing() -> None:
    assert np.isnan(values("9**9**9**9**9")).all()
    assert np.isnan(values("9" * 400)).all()
    assert np.isnan(values("exp(1e300 * z) - exp(1e300)")).all()


@given(st.text(alphabet="zA'\"`()<>=!&|~+-*/%.,_ 019eandortlgm[]{}:;\\\n", max_size=60))
def test_any_text_is_computed_or_refused(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            result = compute(text)
        except ValueError:
            return
    assert result.kind in ("number", "condition", "text")


@pytest.mark.parametrize(
    "code",
    [
        "z.dtype", "z[0]", "[z]", "{z}", "{1: z}", "lambda: z", "z if z else z", "[x for x in z]",
        "(x for x in z)", "f'{z}'", "b'a'", "None", "...", "z(1)", "abs(*z)", "abs(z, out=z)",
        "(y := z)", "__import__('os')", "abs.__globals__", "z @ z", "z << 2", "z ^ z", "z is z",
        "1j",
    ],
)  # fmt: skip
def test_the_walk_itself_refuses_what_it_does_not_know(code: str) -> None:
    syntax = Syntax(code, ast.parse(code, mode="eval").body, {"z": "z"})
    with pytest.raises(ValueError, match="an expression|is a function|takes"):
        evaluate(syntax, COLUMNS.__getitem__)


def test_a_definition_is_told_from_a_comparison() -> None:
    assert definition(" ratio = z / snr ") == ("ratio", "z / snr")
    assert definition("z == 1") == ("", "z == 1")
    assert definition("z <= 1") == ("", "z <= 1")
