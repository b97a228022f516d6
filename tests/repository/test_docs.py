"""Every command and every setting is documented."""

import re
from importlib import import_module

import pytest

from data.__main__ import COMMANDS as DATA_COMMANDS
from data.__main__ import main as data_main
from data.commands import settings_of
from model.__main__ import COMMANDS as MODEL_COMMANDS
from model.__main__ import main as model_main
from tests.fixtures.paths import ROOT

COMMANDS = [("data", command) for command in DATA_COMMANDS] + [
    ("model", command) for command in MODEL_COMMANDS
]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "data").rglob("README.md")]
PAGES += [path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts]
NAMES = [f"{package} {command.name}" for package, command in COMMANDS]


@pytest.mark.parametrize(("package", "command"), COMMANDS, ids=NAMES)
def test_every_setting_is_shown_by_help(package, command, capsys):
    main = {"data": data_main, "model": model_main}[package]
    with pytest.raises(SystemExit, match="0"):
        main([command.name, "--help"])
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    settings = settings_of(getattr(import_module(command.module), command.config))
    for field, _ in settings.values():
        assert field.metadata.get("help"), f"{command.name}: {field.name} has no help line"
        name = (
            field.name.upper()
            if field.metadata["positional"]
            else "--" + field.name.replace("_", "-")
        )
        assert name in shown


@pytest.mark.parametrize(("package", "command"), COMMANDS, ids=NAMES)
def test_every_command_is_shown_at_work(package, command):
    assert any(f"python -m {package} {command.name}" in path.read_text() for path in PAGES)


@pytest.mark.parametrize("package", ["data", "model"])
def test_reference_pages_are_made_from_the_code(package):
    reference = ROOT / "docs" / "reference"
    assert f"<!-- commands of {package} -->" in (reference / "commands.md").read_text()
    assert f"<!-- modules of {package} -->" in (reference / f"{package}.md").read_text()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path):
    for link in re.findall(r"\]\(([^)#:\s]+)[)#]", path.read_text()):
        assert (path.parent / link).exists(), f"{path.relative_to(ROOT)} links to {link}"


def test_the_code_map_names_every_room_and_nothing_else():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    code_map = text.split("## Code map")[1].split("## Conventions")[0]
    for section in re.split(r"^(?=\w+/$)", code_map, flags=re.MULTILINE)[1:]:
        package = ROOT / section.split("/", 1)[0]
        named = set(re.findall(r"`(\w+)/`", section))
        rooms = {path.parent.name for path in package.glob("*/*.py")}
        assert rooms <= named, f"ARCHITECTURE.md does not name {package.name}/{rooms - named}"
        assert all((package / name).is_dir() for name in named - {"recipes"}), named
        for name in re.findall(r"`(\w+)\.py`", section):
            assert (package / f"{name}.py").exists(), (
                f"ARCHITECTURE.md names {package.name}/{name}.py, which does not exist"
            )
