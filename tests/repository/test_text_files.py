"""Text files are UTF-8 wherever they are read or written, on every machine."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.json_file import read_json
from tests.fixtures.paths import ROOT

PARTS = ("data", "model", "explorer", "benchmarks")
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Environment of a machine whose own encoding is not UTF-8."""
WORDS = "χ² − Ω Müller"
SCRIPT = f"""
import sys
from pathlib import Path
from data.commands import Command, run_commands
from data.json_file import read_json, write_json
from model.training.config import read_recipe

folder = Path(sys.argv[1])
write_json(folder / "written.json", {{"name": {WORDS!a}}})
assert read_json(Path("data/demo/atlas.json"), what="atlas")["scores"][-6]["label"]
assert read_recipe(str(folder / "recipe.toml"))["latents"] == 3

def told(config):
    sys.stdout.write({WORDS!a})

from data.info import InfoConfig
sys.modules["told"] = sys.modules["__main__"]
sys.exit(run_commands("p", "", [Command("info", "", "told", "InfoConfig", "told")], ["info", "s"]))
"""


@pytest.fixture
def ascii_machine() -> dict[str, str]:
    environment = os.environ | ASCII
    ask = [sys.executable, "-c", "import locale; print(locale.getpreferredencoding(False))"]
    told = subprocess.run(ask, env=environment, capture_output=True, text=True, check=True).stdout
    if "utf" in told.lower():
        pytest.skip("there is no locale without UTF-8")
    return environment


def test_files_are_the_same_on_a_machine_without_utf_8(ascii_machine, tmp_path):
    (tmp_path / "recipe.toml").write_bytes(f"latents = 3  # {WORDS}\n".encode())
    run = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(run, env=ascii_machine, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    assert WORDS.encode() in (tmp_path / "written.json").read_bytes()
    assert read_json(tmp_path / "written.json", what="test") == {"name": WORDS}
    assert done.stdout == WORDS.encode("ascii", "backslashreplace")


@pytest.mark.parametrize("part", PARTS)
def test_encodings_are_said(part):
    """Ruff (PLW1514) sees only paths whose type it can tell."""
    files = sorted((ROOT / part).rglob("*.py"))
    assert not [f"{path}:{line}" for path in files for line in _without_encoding(path)]


def _without_encoding(path: Path) -> Iterator[int]:
    """Yield the lines where a text file is opened in the locale's encoding."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        words = [item.value for item in node.args[:1] if isinstance(item, ast.Constant)]
        as_text = node.func.attr in ("read_text", "write_text") or (
            node.func.attr == "open" and bool({"w", "a", "x", "r"} & set(map(str, words)))
        )
        as_text |= node.func.attr == "open" and any(word.arg == "newline" for word in node.keywords)
        if as_text and not any(word.arg == "encoding" for word in node.keywords):
            yield node.lineno
