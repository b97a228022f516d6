"""Examples of docstrings and documentation do what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from tests.fixtures.paths import ROOT

PROMPT = ">>> "


def _with_examples(folder: str, pattern: str) -> list[str]:
    paths = sorted((ROOT / folder).rglob(pattern))
    return [str(path.relative_to(ROOT)) for path in paths if PROMPT in path.read_text()]


@pytest.mark.parametrize("path", _with_examples("data", "*.py") + _with_examples("model", "*.py"))
def test_examples_of_docstrings(path: str) -> None:
    module = import_module(".".join(Path(path).with_suffix("").parts))
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("path", _with_examples("docs", "*.md"))
def test_examples_of_the_documentation(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(ROOT / path), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0
