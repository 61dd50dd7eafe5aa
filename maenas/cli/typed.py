"""Which options of a command the user typed."""

from __future__ import annotations

import typer


def typed(context: typer.Context, **renamed: str) -> frozenset[str]:
    """Config fields given on the command line: a resumed run must agree only with these.

    Args:
        context: context of the command.
        renamed: fields whose option has another name, as `option=field`.
    """
    from maenas.cli.everywhere import OPTIONS

    names_here = (name for name in context.params if name not in OPTIONS)
    sources = {name: context.get_parameter_source(name) for name in names_here}
    names = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    return frozenset({renamed.get(name, name) for name in names})
