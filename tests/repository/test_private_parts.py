"""Only explorer/server touches private parts of Panel and Bokeh."""

import ast
import importlib
import tomllib
from pathlib import Path

import pytest

from tests.fixtures.paths import ROOT

OUTSIDE = [
    ROOT / "launch.py",
    *(path for path in sorted((ROOT / "explorer").rglob("*.py")) if path.parent.name != "server"),
]
PUBLIC = {"panel", "panel.custom", "panel.viewable"}
DOCUMENTED = {"_esm", "_stylesheets"}
"""Class attributes by which components are written, in spite of their names."""
LIBRARIES = {"panel", "panel_material_ui", "bokeh"}


def test_ruff_forbids_private_members() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "SLF" in lint["select"]
    ignored = {files for files, rules in lint["per-file-ignores"].items() if "SLF" in rules}
    assert ignored <= {"tests/*", "benchmarks/*"}


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_exception_from_the_rule_and_public_imports_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "SLF001" not in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "panel":
            assert node.module in PUBLIC, f"move what needs {node.module} to explorer/server"


def test_no_class_overrides_a_private_member() -> None:
    for path in OUTSIDE[1:]:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                found = getattr(importlib.import_module(name), node.name)
                overridden = _members(node) & _members_of_libraries(found) - DOCUMENTED
                assert not overridden, f"{name}.{node.name} overrides {sorted(overridden)}"


def _members(node: ast.ClassDef) -> set[str]:
    """Return the names that a class body defines, and those it gives to `self`."""
    names: set[str] = set()
    for item in ast.walk(node):
        if isinstance(item, ast.FunctionDef):
            names.add(item.name)
        elif isinstance(item, ast.Name | ast.Attribute) and isinstance(item.ctx, ast.Store):
            names.add(item.id if isinstance(item, ast.Name) else item.attr)
    return names


def _members_of_libraries(found: type) -> set[str]:
    """Return the private members that a class has from Panel or Bokeh."""
    return {
        member
        for base in found.__mro__[1:]
        if base.__module__.split(".")[0] in LIBRARIES
        for member in vars(base)
        if member.startswith("_") and not member.startswith("__")
    }
