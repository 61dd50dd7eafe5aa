"""`--plugin`: user modules to load, an option of every command and of `maenas` itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from maenas.cli.stop import interrupted


def load(modules: list[str] | None) -> list[str] | None:
    """Load plugins before the command runs."""
    if modules:
        from maenas.plugins import load_plugins  # lazy, so that help starts faster

        load_plugins(modules)
    return modules


Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="MODULE",
        callback=load,
        is_eager=True,
        help="Module with blocks, scores or searchers of your own. (also MAENAS_PLUGINS)",
    ),
]


def with_plugins(command: Callable[..., None]) -> Callable[..., None]:
    """The same command with the option `--plugin`; a signal ends it in one line."""

    @wraps(command)
    def run(plugin_modules: list[str] | None = None, **options: Any) -> None:
        with interrupted():
            command(**options)

    signature = inspect.signature(command, eval_str=True)
    option = inspect.Parameter(
        "plugin_modules", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Plugins
    )
    parameters = [*signature.parameters.values(), option]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
