"""Imports run explorer -> model -> data, never back."""

import ast
from pathlib import Path

import pytest

from tests.fixtures.paths import ROOT

FORBIDDEN = {
    "data": {"model", "explorer", "torch", "panel", "bokeh", "holoviews", "datashader"},
    "model": {"explorer", "panel", "bokeh", "holoviews"},
}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import absolutely"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_package_imports_only_what_lies_below(package: str) -> None:
    modules = sorted((ROOT / package).rglob("*.py"))
    assert modules
    for path in modules:
        wrong = _imports(path) & FORBIDDEN[package]
        assert not wrong, f"{path.relative_to(ROOT)} must not import {sorted(wrong)}"
