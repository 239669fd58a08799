"""Reads the server's command line as `tensorflow_model_server` reads its own.

Values come only as `--flag=value`, booleans also as `--flag`; of a flag given twice the
last counts. A value that cannot be read ends the program with the usage and status 255; so does
`--help`. An argument that is not known is told, with the usage, and the server starts all the same.

    parsed = parse(sys.argv[1:], program=sys.argv[0])

Nothing is printed here and nothing started: `Parsed` says what to print and how to go on. Flags,
defaults and what must not be combined stand in `serving.server.options`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

from serving.server.options import ServerOptions, check
from serving.wire.errors import ServingError

__all__ = ["EXIT_FAILURE", "Parsed", "ServerOptions", "check", "failure", "parse", "usage"]

EXIT_FAILURE = 255
PROGRAM = "tensorflow_model_server"

_INTEGER = re.compile(r"\s*[+-]?[0-9]+", re.ASCII)
_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

Field = dataclasses.Field


@dataclasses.dataclass(frozen=True, slots=True)
class Parsed:
    """What a command line asks for.

    Attributes:
        options: Its values, defaults where it has none.
        messages: Lines for stderr.
        stdout: Text to print, or "".
        exit_code: The status to end with at once, or None to start the server.
    """

    options: ServerOptions
    messages: tuple[str, ...] = ()
    stdout: str = ""
    exit_code: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class _Sorted:
    values: dict[str, Any]
    unknown: list[str]
    complaints: list[str]


def installed_versions() -> tuple[str, str]:
    """Returns the versions of Ringway and TensorFlow, "unknown" for one that is not installed."""
    return _version("ringway"), _version("tensorflow")


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def parse(
    arguments: Sequence[str],
    *,
    program: str = PROGRAM,
    versions: Callable[[], tuple[str, str]] = installed_versions,
) -> Parsed:
    """Reads a command line.

    Args:
        arguments: Those after the program's name.
        program: Its name, for the usage.
        versions: Gives what `--version` prints: the server's version and TensorFlow's.

    Returns:
        What to print and how to go on. Nothing is raised: bad values have an exit code.
    """
    found = _sort(arguments)
    if found.complaints or found.unknown[:1] == ["--help"]:
        return Parsed(ServerOptions(), tuple(found.complaints), usage(program), EXIT_FAILURE)
    options = ServerOptions(**found.values)
    if options.version:
        server, library = versions()
        text = f"TensorFlow ModelServer: Ringway {server}\nTensorFlow Library: {library}\n"
        return Parsed(options, stdout=text, exit_code=0)
    text = f"unknown argument: {found.unknown[0]}\n{usage(program)}" if found.unknown else ""
    return Parsed(options, _remarks(options), text)


def _remarks(options: ServerOptions) -> tuple[str, ...]:
    if options.rest_api_port and not options.rest_enabled:
        return (
            "server_options.http_port cannot be same as grpc_port. Please use a different port "
            "for HTTP/REST API. Skipped exporting HTTP/REST API.",
        )
    return ()


def _sort(arguments: Sequence[str]) -> _Sorted:
    found = _Sorted({}, [], [])
    for index, argument in enumerate(arguments):
        if argument == "--":
            found.unknown.extend(arguments[index:])
            break
        _take(argument, found)
    return found


def _take(argument: str, found: _Sorted) -> None:
    name, equals, text = argument.removeprefix("--").partition("=")
    field = _FIELDS.get(name) if argument.startswith("--") else None
    if field is None or not (equals or field.type == "bool"):
        found.unknown.append(argument)
        return
    try:
        found.values[name] = _read(field, text) if equals else True
    except ValueError:
        found.complaints.append(f"Couldn't interpret value {text} for flag {name}.")


def _read(field: Field, text: str) -> Any:
    if field.type == "bool":
        return _boolean(text)
    if field.type == "int":
        return _integer(text, _INT64 if field.metadata["wide"] else _INT32)
    if field.type == "float":
        return _decimal(text)
    return text


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError(text) from None


def _integer(text: str, allowed: range) -> int:
    if not _INTEGER.fullmatch(text) or int(text) not in allowed:
        raise ValueError(text)
    return int(text)


def _decimal(text: str) -> float:
    # Python would allow digits grouped by _ and blanks at the end, sscanf does not.
    if "_" in text or text != text.rstrip():
        raise ValueError(text)
    return float(text)


_FIELDS = {field.name: field for field in dataclasses.fields(ServerOptions)}


def usage(program: str = PROGRAM) -> str:
    """Returns the text of `--help`: a line per flag, Ringway's own under a heading of their own."""
    defaults = ServerOptions()
    theirs, own = (
        "".join(
            _line(field, defaults) for field in _FIELDS.values() if field.metadata["own"] == is_own
        )
        for is_own in (False, True)
    )
    return f"usage: {program}\nFlags:\n{theirs}Flags of Ringway:\n{own}"


def _line(field: Field, defaults: ServerOptions) -> str:
    shown = _shown(getattr(defaults, field.name))
    setting = f"--{field.name}={shown}"
    return f"\t{setting:<33}\t{_type_name(field)}\t{field.metadata['usage']}\n"


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:f}"
    return str(default) if isinstance(default, int) else f'"{default}"'


def _type_name(field: Field) -> str:
    if field.type == "int":
        return "int64" if field.metadata["wide"] else "int32"
    return {"str": "string"}.get(str(field.type), str(field.type))


def failure(error: ServingError) -> str:
    """Returns the line to print, before exit status 255, when the server cannot start."""
    return f"Failed to start server. Error: {error.code.name}: {error.message}\n"
