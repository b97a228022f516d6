"""Only explorer/server touches private parts of Panel and Bokeh."""

import ast
import importlib
import inspect
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
    text = path.read_text()
    assert "SLF001" not in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "panel":
            assert node.module in PUBLIC, f"move what needs {node.module} to explorer/server"


def test_no_class_overrides_a_private_member() -> None:
    for path in OUTSIDE[1:]:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        for _name, found in inspect.getmembers(module, inspect.isclass):
            if found.__module__ != name:
                continue
            theirs = {
                member
                for base in found.__mro__[1:]
                if base.__module__.split(".")[0] in LIBRARIES
                for member in vars(base)
                if member.startswith("_") and not member.startswith(("__", "_param__"))
            }
            assert not theirs & set(vars(found)) - DOCUMENTED, f"{name}.{found.__name__}"
