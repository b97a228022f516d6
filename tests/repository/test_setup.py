"""The set-up files say the same thing."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.fixtures.paths import ROOT
from tests.repository.test_layers import imported_packages


def _pins(text: str) -> dict[str, str]:
    return {
        name.lower(): version
        for name, version in re.findall(r"^\s*(?:- )?([\w.-]+)==([\w.]+)$", text, re.MULTILINE)
    }


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True)


def test_environment_and_requirements_name_the_same_versions() -> None:
    requirements = _pins((ROOT / "requirements.txt").read_text())
    assert requirements, "requirements.txt names no version"
    assert _pins((ROOT / "environment.yml").read_text()) == requirements


def test_every_requirement_is_pinned_and_agrees_with_the_constraints() -> None:
    constraints = _pins((ROOT / "constraints.txt").read_text())
    for name in ("requirements.txt", "requirements-test.txt"):
        lines = (ROOT / name).read_text().splitlines()
        wanted = [line for line in lines if line and not line.startswith(("#", "-r"))]
        pins = _pins("\n".join(wanted))
        assert len(pins) == len(wanted), f"{name} has a line without a version"
        for package, version in pins.items():
            assert constraints.get(package) == version, f"constraints.txt differs for {package}"


def test_groups_of_pyproject_are_the_requirements() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["dependencies"]["file"] == ["requirements.txt"]
    group = _pins("\n".join(project["dependency-groups"]["dev"]))
    assert group == _pins((ROOT / "requirements-test.txt").read_text())


def test_requirements_name_every_package_the_program_imports() -> None:
    required = {_normalised(name) for name in _pins((ROOT / "requirements.txt").read_text())}
    own = {"data", "model", "explorer"}
    modules = [path for package in own for path in (ROOT / package).rglob("*.py")]
    imported = set().union(*map(imported_packages, [ROOT / "launch.py", *modules]))
    distributions = packages_distributions()
    for name in sorted(imported - own - sys.stdlib_module_names):
        offered_by = {_normalised(item) for item in distributions.get(name, [])}
        assert offered_by & required, f"requirements.txt lacks the package of `import {name}`"


def test_ci_checks_everything() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111, ".ci/run must be executable"
    assert "make check" in script.read_text()
    commands = _make("--dry-run", "check").stdout
    order = ("ruff check", "ruff format --check", "pyright", "sphinx-build", "pytest", "-m ui")
    places = [commands.find(command) for command in order]
    assert -1 not in places, commands
    assert places == sorted(places)


@pytest.mark.parametrize("failing", ["not ui", "ui"])
def test_both_parts_of_the_tests_are_reported(failing: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nfor last; do :; done\n[ "$last" != "{failing}" ]\n')
    python.chmod(0o755)
    run = _make("--old-file=.venv/.test", "--old-file=chromium", "test", f"BIN={tmp_path}")
    assert run.returncode != 0
    unit, browser = ("FAILED" if part == failing else "passed" for part in ("not ui", "ui"))
    assert f"unit part: {unit}, browser part: {browser}" in run.stdout


def test_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("explore", "test", "check", "docs", "bench"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target} is missing"
