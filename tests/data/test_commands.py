"""A dataclass becomes a command line: every option, its default and its help from one place."""

import gc
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from data.__main__ import COMMANDS
from data.commands import Command, run_commands, setting
from tests.fixtures.paths import ROOT


@dataclass(frozen=True, kw_only=True)
class Config:
    inputs: tuple[Path, ...] = setting(help="what to read", positional=True)
    out: Path = setting(help="what to write")
    n_step: int = setting(help="steps", default=7)
    rate: float = setting(help="rate", default=0.5)
    table: Path | None = setting(help="a table", default=None)
    kind: Literal["a", "b"] = setting(help="which", default="a", choices=("a", "b"))
    fast: bool = setting(help="faster", default=False)
    names: tuple[str, ...] = setting(help="names", default=("x",))

    def __post_init__(self) -> None:
        if self.n_step < 1:
            raise ValueError(f"n_step must be at least 1, got {self.n_step}")


SEEN: list[Config] = []


def work(config: Config) -> None:
    if config.kind == "b":
        raise OSError("disk full")
    if config.rate > 9:
        raise KeyboardInterrupt
    SEEN.append(config)


FIRST = Command("first", "another", __name__, "Config", "work")
WORK = Command("work", "do the work", __name__, "Config", "work")


def run(*words: str) -> int:
    return run_commands("program", "A program.", (FIRST, WORK), words)


def test_defaults_come_from_the_dataclass():
    assert run("work", "in", "--out", "here") == 0
    assert SEEN[-1] == Config(inputs=(Path("in"),), out=Path("here"))


def test_every_option_reaches_its_field():
    words = "work in1 in2 --out here --n-step 3 --rate 2 --table t --kind a --fast --names p q"
    assert run(*words.split()) == 0
    assert SEEN[-1] == Config(
        inputs=(Path("in1"), Path("in2")),
        out=Path("here"),
        n_step=3,
        rate=2.0,
        table=Path("t"),
        fast=True,
        names=("p", "q"),
    )
    assert run("work", "in", "--out", "here", "--no-fast") == 0
    assert SEEN[-1].fast is False


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("work in --out here --n-step 0", 2, "error: n_step must be at least 1, got 0"),
        ("work in --out here --kind b", 2, "error: disk full"),
        ("work in --out here --rate 10", 130, "stopped"),
    ],
)
def test_mistakes_end_without_a_traceback(capsys, words, status, message):
    assert run(*words.split()) == status
    error = capsys.readouterr().err
    assert error.strip() == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("work in", "required: --out"),
        ("work in --out here --kind c", "invalid choice"),
        ("work in --out here --n-step x", "invalid int"),
        ("play", "invalid choice"),
    ],
)
def test_unknown_words_are_told(capsys, words, message):
    with pytest.raises(SystemExit) as stop:
        run(*words.split())
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_told_with_the_destination(capsys, monkeypatch):
    def fill(config: Config) -> None:
        with Path("/dev/full").open("w", encoding="utf-8") as file:
            file.write("more than fits")

    monkeypatch.setitem(globals(), "work", fill)
    assert run("work", "in", "--out", "runs/here") == 2
    told = capsys.readouterr().err
    assert told.strip().endswith("No space left on device: runs/here could not be written")


def test_output_that_nobody_reads_is_no_error():
    """As of `| head`: without a word, with the status of a program that the system ends."""
    script = (
        "import sys; from data.__main__ import main\n"
        "from data import info\n"
        "info._facts = info._classes = info._numbers = lambda _: ['x' * 999] * 999\n"
        "info.Survey = type('Survey', (), {'__init__': lambda self, path: None, 'catalog': 0})\n"
        "sys.exit(main(['info', 'survey']))"
    )
    command = [sys.executable, "-c", script]
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, cwd=ROOT) as program:
        os.close(writer)
        assert program.communicate()[1] == b""
    assert program.returncode == 141


def test_help_shows_each_option_with_its_default(capsys):
    with pytest.raises(SystemExit):
        run("work", "--help")
    shown = " ".join(capsys.readouterr().out.split())
    for text in ("--n-step", "steps (default: 7)", "rate (default: 0.5)", "what to read"):
        assert text in shown


@pytest.mark.parametrize("name", ["ingest", "info"])
def test_real_commands_show_their_help(capsys, name):
    with pytest.raises(SystemExit) as stop:
        run_commands("program", "", COMMANDS, [name, "--help"])
    assert stop.value.code == 0
    assert name in capsys.readouterr().out


def test_listing_commands_imports_none_of_them(capsys):
    before = set(sys.modules)
    with pytest.raises(SystemExit):
        run_commands("program", "", (Command("x", "y", "nowhere.at.all", "C", "f"),), ["--help"])
    assert "x" in capsys.readouterr().out
    assert set(sys.modules) - before == set()


def test_importing_a_command_leaves_garbage_collection_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "half_a_command.py").write_text("raise ImportError('half')")
    monkeypatch.syspath_prepend(tmp_path)
    command = Command("half", "fails", "half_a_command", "Config", "run")
    for was_on in (True, False):
        if not was_on:
            gc.disable()
        try:
            with pytest.raises(ImportError, match="half"):
                run_commands("program", "", (command,), ["half"])
            assert gc.isenabled() == was_on
        finally:
            gc.enable()
