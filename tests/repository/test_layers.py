"""Imports run explorer -> model -> data, never back, and never in circles."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.fixtures.paths import ROOT

FORBIDDEN = {
    "data": {"model", "explorer", "torch", "panel", "bokeh", "holoviews", "datashader"},
    "model": {"explorer", "panel", "bokeh", "holoviews"},
}
PACKAGES = ("data", "model", "explorer")
MOST_MODULES = 22
"""Modules of one folder: what a reader takes in at a glance."""
MAY_HIDE = {
    "data/commands.py",
    "model/training/command.py",  # to go: the kinds of trainers
    "model/store/storage.py",  # to go: the kinds of models
}
"""Where a module may be imported by a name computed at run time."""
KNOWN = {
    ("model.training.trained", "model.training.command"),
}
"""Imports that close a circle; to go."""


def imported_packages(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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
        wrong = imported_packages(path) & FORBIDDEN[package]
        assert not wrong, f"{path.relative_to(ROOT)} must not import {sorted(wrong)}"


def _modules(package: str) -> dict[str, ast.Module]:
    """Return module name -> syntax tree of a package's modules."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    }


def _imports(tree: ast.Module, known: set[str]) -> set[str]:
    """Return the modules of the project that a module imports, also inside functions.

    Imports for type checkers alone (`if TYPE_CHECKING:`) count too.
    """
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & known


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the nodes of a circle in a graph, or nothing where it has none."""
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return error.args[1]
    return []


def _without_known(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    return {
        name: {other for other in imported if (name, other) not in KNOWN}
        for name, imported in graph.items()
    }


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """Module -> modules that it imports."""
    trees = {name: tree for package in PACKAGES for name, tree in _modules(package).items()}
    return {name: _imports(tree, set(trees)) for name, tree in trees.items()}


def test_modules_do_not_import_in_circles(graph):
    assert _circle(_without_known(graph)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_do_not_import_in_circles(graph, package):
    """A room is a folder in a package; a module that lies in none is a room of its own."""

    def room(module: str) -> str:
        parts = module.split(".")
        return ".".join(parts[:2])

    rooms: dict[str, set[str]] = {}
    for module, imported in graph.items():
        if module.startswith(f"{package}."):
            inside = {room(name) for name in imported if name.startswith(f"{package}.")}
            rooms.setdefault(room(module), set()).update(inside - {room(module)})
    assert len(rooms) > 5
    assert _circle(rooms) == []


def test_no_import_is_hidden():
    """Only the command line imports what it is told to: a command starts without the others."""
    hidden = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if {"import_module", "__import__"}
        & {n.id for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Name)}
    }
    assert hidden <= MAY_HIDE


def test_folders_are_small_enough_to_be_read():
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    for folder in folders:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MOST_MODULES, folder


def test_a_circle_is_found():
    assert set(_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}
    assert _circle({"a": {"b"}, "b": {"c"}}) == []
