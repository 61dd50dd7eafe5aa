"""Hooks of mkdocs: pages that are generated from the code, and links that leave `docs/`.

The reference is made when the site is built and is never committed, so it cannot be outdated.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from types import NoneType
from typing import Any, get_args

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.models import ArgumentInfo

import maenas
from maenas.cli.commands import GROUPS
from maenas.cli.options import TRAINING
from maenas.cli.training.data import data
from maenas.plugins import REGISTRARS

ROOT = Path(__file__).parents[2]
# Pages that stand at the top of the repository, and their names in the site.
AT_THE_TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
# The script that the plugin `offline` loads from a network, and ours that does the same.
SHIM, OURS = "https://unpkg.com/iframe-worker/shim", "site/offline.js"
LINK = re.compile(r"(!?)\[([^\]]*)\]\(\s*([^)\s]+)\s*\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and those at the top of the repository."""
    pages = {site: (ROOT / name).read_text("utf-8") for name, site in AT_THE_TOP.items()}
    pages["reference/commands.md"] = "\n".join(commands_page())
    pages["reference/python.md"] = "\n".join(python_page())
    pages["reference/formats.md"] = "\n".join(formats_page())
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """The text of a page with links that hold inside the site."""
    source = page.file.src_uri
    if source in ("index.md", "tutorial.md"):
        page.meta["hide"] = ["navigation"]  # a single page has no neighbours to list
    homes = {site: PurePosixPath(name) for name, site in AT_THE_TOP.items()}
    folder = homes.get(source, PurePosixPath("docs") / source).parent

    def inside(match: re.Match[str]) -> str:
        mark, text, target = match.groups()
        path, _, anchor = target.partition("#")
        if not path or "://" in path:
            return match[0]
        there = os.path.normpath(folder / path)
        there = AT_THE_TOP.get(there, there.removeprefix("docs/"))
        if not (ROOT / "docs" / there).exists() and there not in AT_THE_TOP.values():
            return f"`{there}`" if text.strip("`") == there else f"{text} (`{there}`)"
        here = os.path.relpath(there, PurePosixPath(source).parent)
        return f"{mark}[{text}]({here}{'#' if anchor else ''}{anchor})"

    return LINK.sub(inside, markdown)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """A page of the site that loads nothing from a network."""
    return output.replace(SHIM, os.path.relpath(OURS, PurePosixPath(page.url).parent))


def on_post_template(output_content: str, template_name: str, **_: Any) -> str:
    """The page for addresses that do not exist, without the search that it would load."""
    return output_content.replace(f'<script src="{SHIM}"></script>', "")


def commands_page() -> Iterator[str]:
    """The page about the command line: every command with its arguments and options."""
    yield "# Command line\n"
    yield "Generated from the commands. `maenas COMMAND --help` prints the same.\n"
    for panel, commands in GROUPS.items():
        yield f"## {panel}\n"
        for command in commands:
            yield from command_section(f"maenas {spelled(command.__name__)}", command)
        if panel == TRAINING:
            for each in data.registered_commands:
                assert each.callback is not None
                name = each.name or spelled(each.callback.__name__)
                yield from command_section(f"maenas data {name}", each.callback)
    yield "## Exit codes\n"
    yield "| code | meaning |\n|---|---|"
    yield "| 0 | the command did what it says |"
    yield "| 2 | bad input or a missing device; one line says which |"
    yield "| 3 | no network meets the budgets |"
    yield "| 130, 143, 129 | stopped by Ctrl-C, SIGTERM, SIGHUP; what was done is saved |"


def command_section(name: str, command: Callable[..., object]) -> Iterator[str]:
    """The section of a command: its description, and tables of its arguments and options."""
    tables: dict[str, list[str]] = {}
    words = [name]
    for each in inspect.signature(command, eval_str=True).parameters.values():
        kind, info = (*get_args(each.annotation), None, None)[:2]
        if info is None or info.hidden:  # the context of a command is no option
            continue
        is_argument = isinstance(info, ArgumentInfo)
        if is_argument:
            words.append((info.metavar or each.name).upper())
        panel = info.rich_help_panel or ("Arguments" if is_argument else "Options")
        tables.setdefault(panel, []).append(parameter_row(each, kind, info))
    yield f"### {name} {{ #{name.replace(' ', '-')} }}\n"
    yield f"{inspect.getdoc(command)}\n"
    yield f"```text\n{' '.join(words)} [OPTIONS]\n```\n"
    for panel, rows in tables.items():
        yield f"| {panel} | value | |\n|---|---|---|"
        yield from rows
        yield ""


def parameter_row(parameter: inspect.Parameter, kind: Any, info: Any) -> str:
    """The row of an option or an argument: its names, its type, its help.

    Args:
        parameter: parameter of the function of the command.
        kind: its type.
        info: what typer was told about it.
    """
    # typer takes the first name for a default, and corrects that when it builds the command
    given = (info.default, *(info.param_decls or ()))
    names = [name for name in given if isinstance(name, str) and name.startswith("-")]
    names = names or [f"--{spelled(parameter.name)}"]
    if isinstance(info, ArgumentInfo):
        names = [(info.metavar or parameter.name).upper()]
    types = [each.__name__ for each in get_args(kind) or (kind,) if each is not NoneType]
    value = "" if "bool" in types else f"`{info.metavar or ', '.join(types)}`"
    said = " ".join((info.help or "").split()).replace("|", "\\|")
    default = parameter.default
    if info.show_default is True and default not in (None, False, inspect.Parameter.empty):
        said += f" Default: `{default}`."
    return f"| {' '.join(f'`{name}`' for name in names)} | {value} | {said} |"


def spelled(name: str) -> str:
    """The name of a command or an option on the command line."""
    return name.replace("_", "-")


def python_page() -> Iterator[str]:
    """The page about the Python API: every public name, and the bases of plugins."""
    functions = [command.__name__ for several in GROUPS.values() for command in several]
    public = [name for name in maenas.__all__ if not name.startswith("_")]
    others = [name for name in public if name not in functions]
    yield "# Python\n"
    yield "Generated from the docstrings. `import maenas` has the names of the first three parts.\n"
    yield "## The functions of the commands\n"
    yield from (f"::: maenas.{name}\n" for name in functions if name in public)
    yield "## Further functions\n"
    yield from (f"::: maenas.{name}\n" for name in others if name.islower())
    yield "## Classes\n"
    yield from (f"::: maenas.{name}\n" for name in others if not name.islower())
    yield "## What a plugin derives from\n"
    yield "::: maenas.plugins.register\n"
    yield from (f"::: {home}.{base}\n" for base, (home, _, _) in REGISTRARS.items())


def formats_page() -> Iterator[str]:
    """The page about files: the JSON Schema of every format."""
    yield "# File formats\n"
    yield "JSON Schemas made from the code that reads the files, as `maenas schema` prints them.\n"
    for name, schema in maenas.schemas().items():
        yield f"## {name}\n"
        yield f"{schema.get('description', '')}\n"
        yield f"```json\n{json.dumps(schema, indent=2)}\n```\n"


class Examples(griffe.Extension):
    """Doctests under `Example:` are shown as code, as those under griffe's own `Examples:`."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = text
