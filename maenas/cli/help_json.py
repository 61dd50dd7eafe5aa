"""The tree of commands as plain data: arguments, options, types, defaults and help."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

SCHEMA = "maenas/help@1"
TYPES = {bool: "boolean", int: "integer", float: "number", str: "text", Path: "path"}


def described(command: Any, path: str) -> dict[str, Any]:
    """A command or a group with its commands, as `--help-json` prints it.

    Args:
        command: command of typer.
        path: words with which it is called, such as "maenas data check".
    """
    return {"schema": SCHEMA, **described_command(command, path)}


def described_command(command: Any, path: str) -> dict[str, Any]:
    """A command without the line `schema`."""
    types = types_of(command.callback)
    parameters = [parameter for parameter in command.params if not parameter.hidden]
    data: dict[str, Any] = {
        "command": path,
        "group": group_of(command),
        "help": (command.help or "").strip(),
        "arguments": [
            described_parameter(each, types)
            for each in parameters
            if each.param_type_name == "argument"
        ],
        "options": [
            described_parameter(each, types)
            for each in parameters
            if each.param_type_name == "option"
        ],
    }
    if hasattr(command, "commands"):
        data["commands"] = [
            described_command(each, f"{path} {name}") for name, each in command.commands.items()
        ]
    return data


def described_parameter(parameter: Any, types: dict[str, type]) -> dict[str, Any]:
    """An argument or an option."""
    default = parameter.default
    is_plain = default is None or isinstance(default, bool | int | float | str | list | tuple)
    flags = [*parameter.opts, *parameter.secondary_opts]
    return {
        "name": parameter.name,
        **({"flags": flags} if parameter.param_type_name == "option" else {}),
        "metavar": parameter.metavar,
        "type": TYPES.get(types.get(parameter.name, bool), "text"),
        "default": default if is_plain else str(default),
        "required": parameter.required,
        "repeatable": getattr(parameter, "multiple", False) or parameter.nargs != 1,
        "group": group_of(parameter),
        "help": (getattr(parameter, "help", None) or "").strip(),
    }


def group_of(thing: Any) -> str | None:
    """The panel of the help in which a command or an option stands."""
    panel = getattr(thing, "rich_help_panel", None)
    return panel if isinstance(panel, str) else None


def types_of(function: Any) -> dict[str, type]:
    """The type of each parameter of a command, without None and lists."""
    if function is None:
        return {}
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return {parameter.name: bare(parameter.annotation) for parameter in parameters}


def bare(annotation: Any) -> type:
    """The type of one value of a parameter."""
    inner = [each for each in get_args(annotation) if each is not NoneType]
    if get_origin(annotation) in (Annotated, Union, UnionType, list):
        return bare(inner[0])
    return annotation if isinstance(annotation, type) else str
