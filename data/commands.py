"""Make command lines from configuration dataclasses: each field becomes one option.

A field that is itself a dataclass groups settings for the program; on the command line they stand
beside the others, by their own names.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import io
import os
import select
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

Config = TypeVar("Config")


def setting(
    *,
    help: str,  # noqa: A002 - the word argparse uses
    default: Any = dataclasses.MISSING,  # noqa: ANN401
    choices: Sequence[str] | None = None,
    positional: bool = False,
) -> Any:  # noqa: ANN401 - stands where a value of any type stands
    """Declare a field of a command's configuration.

    Args:
        help: The line that `--help` prints.
        default: The value when the option is not given; without one it is required.
        choices: The words allowed.
        positional: Make it a positional argument, not `--name`; a tuple takes one or more.
    """
    metadata = {"help": help, "choices": choices, "positional": positional}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def settings_of(config: type) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    """Return field and type of every setting by its name, those of nested dataclasses included."""
    hints = typing.get_type_hints(config)
    settings: dict[str, tuple[dataclasses.Field[Any], Any]] = {}
    for field in dataclasses.fields(config):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            settings |= settings_of(typing.cast(type, hint))
        else:
            settings[field.name] = (field, hint)
    return settings


def from_flat_values(config: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a configuration from values by name, nested dataclasses from those that are theirs."""
    hints = typing.get_type_hints(config)
    given: dict[str, Any] = {}
    for field in dataclasses.fields(typing.cast(Any, config)):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            given[field.name] = from_flat_values(typing.cast(type, hint), values)
        elif field.name in values:
            given[field.name] = values[field.name]
    return config(**given)


def flat_values(config: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return the values of a configuration by name, those of nested dataclasses included."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        values |= flat_values(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return values


@dataclasses.dataclass(frozen=True)
class Command:
    """A command, imported only when it runs, so that `--help` is quick.

    Attributes:
        name: The word typed.
        help: One line.
        module: Where `config` and `run` are, e.g. `data.ingest.command`.
        config: Name of the frozen dataclass of its settings.
        run: Name of the function that takes it.
    """

    name: str
    help: str
    module: str
    config: str
    run: str


def run_commands(
    program: str, description: str, commands: Sequence[Command], argv: Sequence[str] | None
) -> int:
    """Run one command; 0 on success, 2 on a mistake the user can mend.

    Where nobody reads what it writes any more (`| head`) it ends in silence, with the status of a
    program that this ends (128 + SIGPIPE).

    The configuration is built from the options given alone, so that a `from_options` of its class
    can put a configuration file between them and the defaults.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # of a terminal that can not show all letters
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(prog=program, description=description)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for command in commands:
        subparser = subparsers.add_parser(
            command.name,
            help=command.help,
            description=command.help,
        )
        if argv[:1] == [command.name]:
            add_options(subparser, getattr(_imported(command.module), command.config))
    options = vars(parser.parse_args(argv))
    name = options.pop("command")
    chosen = next(item for item in commands if item.name == name)
    module = _imported(chosen.module)
    run: Callable[[Any], None] = getattr(module, chosen.run)
    made: Any = None
    try:
        config = getattr(module, chosen.config)
        made = (
            config.from_options(**options)
            if hasattr(config, "from_options")
            else (from_flat_values(config, options))
        )
        run(made)
        sys.stdout.flush()
    except (ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return 141
        sys.stderr.write(f"error: {_with_path(error, getattr(made, 'out', None))}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    return 0


def _nobody_reads() -> bool:
    """Return whether the other end of our output is closed; if so, nothing more is sent there."""
    try:
        output = sys.stdout.fileno()
    except OSError:  # of a test or a notebook
        return False
    poll = select.poll()
    poll.register(output, select.POLLOUT)
    closed = any(event & select.POLLERR for _, event in poll.poll(0))
    if closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return closed


def _with_path(error: Exception, out: Path | None) -> str:
    """Return what an error says, with the destination if it is the system's and names no file."""
    unnamed = isinstance(error, OSError) and error.errno is not None and error.filename is None
    return f"{error}: {out} could not be written" if unnamed and out is not None else str(error)


def keep_inputs(*, outputs: Iterable[Path], inputs: Iterable[Path | None]) -> None:
    """Refuse to write to a file or folder that the command reads.

    Raises:
        ValueError: An output is one of the inputs.
    """
    read = [path for path in inputs if path is not None and path.exists()]
    for path in outputs:
        if path.exists() and any(path.samefile(other) for other in read):
            raise ValueError(f"{path} is read by this command; choose another --out")


def _imported(name: str) -> types.ModuleType:
    """Import a module without searching what it makes for garbage, now or when the program ends.

    Libraries make half a million objects that stay; those searches are a sixth of a short command.
    """
    if name in sys.modules:
        return sys.modules[name]
    was_on = gc.isenabled()
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def add_options(parser: argparse.ArgumentParser, config: type) -> None:
    """Add an option to a parser for each setting of a configuration."""
    for field, hint in settings_of(config).values():
        options: dict[str, Any] = {"help": field.metadata["help"].replace("%", "%%")}
        kind, many = _plain_type(hint)
        required = field.default is dataclasses.MISSING
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["type"] = kind
            if many:
                options["nargs"], options["action"] = "+", _AsTuple
            if field.metadata["choices"]:
                options["choices"] = field.metadata["choices"]
            elif not field.metadata["positional"]:
                options["metavar"] = kind.__name__.upper()
        if not required:
            options["default"] = argparse.SUPPRESS
            if field.default is not None:
                options["help"] += f" (default: {_words(field.default)})".replace("%", "%%")
        if field.metadata["positional"]:
            parser.add_argument(field.name, metavar=field.name.upper(), **options)
        else:
            name = "--" + field.name.replace("_", "-")
            parser.add_argument(name, required=required, dest=field.name, **options)


def _words(default: Any) -> str:  # noqa: ANN401 - of any setting
    """Return a default as it is typed."""
    words = map(str, default) if isinstance(default, tuple) else [str(default)]
    return " ".join(words) or "none"


def _plain_type(hint: Any) -> tuple[type, bool]:  # noqa: ANN401
    """Return the type of one value, and whether the option takes several."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(item for item in typing.get_args(hint) if item is not type(None))
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], True
    if typing.get_origin(hint) is typing.Literal:
        return str, False
    if hint not in (str, int, float, bool, Path):
        raise TypeError(f"a setting must be str, int, float, bool, Path or a tuple, got {hint}")
    return hint, False


class _AsTuple(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None) -> None:  # noqa: ANN001
        setattr(namespace, self.dest, tuple(values or ()))
