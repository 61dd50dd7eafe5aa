"""Options that stand before the command or after it: plugins, verbosity, colour, help as JSON."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from maenas.cli.complete import add_completion
from maenas.cli.option_names import as_typed, option_names
from maenas.cli.stop import interrupted
from maenas.terminal.log import ROOT

PANEL = "For every command"


def load(modules: list[str] | None) -> list[str] | None:
    """Load plugins before the command runs."""
    if modules:
        from maenas.plugins import load_plugins  # lazy, so that help starts faster

        load_plugins(modules)
    return modules


def from_level(level: int) -> Callable[[bool], bool]:
    """The callback of an option that prints log records from a level on."""

    def chosen(wanted: bool) -> bool:
        if wanted:
            set_level(level)
        return wanted

    return chosen


def set_level(level: int) -> None:
    """Print log records from a level on.

    Raises:
        BadParameter: if both --quiet and --verbose are given.
    """
    if ROOT.level not in (logging.INFO, level):
        raise typer.BadParameter("--quiet and --verbose exclude each other; give one.")
    ROOT.setLevel(level)


def without_color(wanted: bool) -> bool:
    """Print no colours; `main` has told the consoles that are made later."""
    if wanted:
        from maenas.terminal.console import ERR, OUT

        OUT.no_color = ERR.no_color = True
    return wanted


def help_as_json(context: typer.Context, wanted: bool) -> None:
    """Print the options of the command as JSON and stop."""
    if wanted:
        from maenas.cli.help_json import described
        from maenas.terminal.console import print_json

        print_json(described(context.command, context.command_path), indent=2)
        raise typer.Exit


Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="MODULE",
        callback=load,
        is_eager=True,
        rich_help_panel=PANEL,
        help="Module with blocks, scores or searchers of your own. (also MAENAS_PLUGINS)",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        *("--quiet", "-q"),
        callback=from_level(logging.ERROR),
        is_eager=True,
        rich_help_panel=PANEL,
        help="Print only errors and the result.",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        *("--verbose", "-v"),
        callback=from_level(logging.DEBUG),
        is_eager=True,
        rich_help_panel=PANEL,
        help="Print what is read, written and decided, on stderr.",
    ),
]
NoColor = Annotated[
    bool,
    typer.Option(
        "--no-color",
        callback=without_color,
        is_eager=True,
        rich_help_panel=PANEL,
        help="Print no colours. (also NO_COLOR; FORCE_COLOR prints them into a pipe)",
    ),
]
HelpJson = Annotated[
    bool,
    typer.Option(
        "--help-json",
        callback=help_as_json,
        is_eager=True,
        rich_help_panel=PANEL,
        help="Print the arguments and options as JSON.",
    ),
]
OPTIONS: dict[str, tuple[Any, Any]] = {
    "plugin_modules": (Plugins, None),
    "quiet": (Quiet, False),
    "verbose": (Verbose, False),
    "no_color": (NoColor, False),
    "help_json": (HelpJson, False),
}


def everywhere(command: Callable[..., None]) -> Callable[..., None]:
    """The same command with the options of all; a signal ends it in one line."""

    @wraps(command)
    def run(**options: Any) -> None:
        with interrupted(), as_typed(names):
            command(**{name: value for name, value in options.items() if name not in OPTIONS})

    signature = inspect.signature(command, eval_str=True)
    add_completion(signature)
    names = option_names(signature)
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in OPTIONS.items()
    ]
    parameters = [*signature.parameters.values(), *added]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
