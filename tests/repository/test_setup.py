"""The set-up files say the same thing."""

import re

from tests.fixtures.paths import ROOT


def _pins(text: str) -> dict[str, str]:
    return {
        name.lower(): version
        for name, version in re.findall(r"^\s*(?:- )?([\w.-]+)==([\w.]+)$", text, re.MULTILINE)
    }


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


def test_ci_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111, ".ci/run must be executable"
    assert "make test" in script.read_text()


def test_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("explore", "test", "check", "bench"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target} is missing"
