"""What pages name exists: files, links, commands, options, modules; and every block is run."""

from __future__ import annotations

import inspect
import re
import shlex
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from maenas.cli.commands import GROUPS
from maenas.cli.training.data import data
from tests.pages.page import DOCS, INDENTED, INLINE, PAGES, ROOT, blocks_of, name_of, parse, prose
from tests.test_layering import CIRCLES, ROOMS, TOP_FOLDERS

FOLDERS = (*TOP_FOLDERS, "maenas", "benchmarks", "tests", "docs")
IN_QUOTES = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`")
LINK = re.compile(r"\]\(\s*(?!https?:)([^)\s]+)\s*\)")
STARTS = re.compile(r"(?:^|\s)maenas ")
LANGUAGES = {"bash", "python", "yaml", "text"}
DIRECTIVES = {"", "file", "output", "slow", "not run", "fake gpu", "output of make search"}
# All reasons that a block may have for not being run.
REASONS = {
    "it needs two machines",
    "it needs a cluster",
    "it needs another package index",
    "it needs a Jetson that can be reached",
    "it needs a device with a tool of its vendor",
    "it needs a checkpoint that cannot be downloaded in a test",
    "it is this test suite",
    "it is a part of .ci/run",
}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = set(IN_QUOTES.findall(page.read_text("utf-8")))
    missing = {path for path in named if "NAME" not in path and not (ROOT / path).exists()}
    assert missing == set()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(page.read_text("utf-8"))):
        path, _, anchor = link.partition("#")
        there = page.parent / path if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(link)
    assert broken == []


@cache
def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub and mkdocs make them."""
    headings = re.findall(r"^#+ (.*)", prose(page.read_text("utf-8")), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_one_that_a_test_knows_how_to_treat(page: Path) -> None:
    text = page.read_text("utf-8")
    blocks = blocks_of(page)
    assert text.count("```") == 2 * len(blocks)  # no fence that the parser overlooks
    assert {block.language for block in blocks} <= LANGUAGES
    assert {block.directive for block in blocks} <= DIRECTIVES
    assert {block.detail for block in blocks if block.directive == "not run"} <= REASONS
    assert INDENTED.search(text) is None, "a command in a block without a fence is never run"


def test_a_block_with_an_unknown_directive_or_an_indented_command_would_be_found() -> None:
    (block,) = parse("<!-- skip -->\n```bash\nmaenas zoo\n```\n")
    assert block.directive not in DIRECTIVES
    assert INDENTED.search("Run:\n\n    maenas zoo\n") is not None


@cache
def options() -> dict[str, set[str]]:
    """The names of the options of every command of `maenas`, by the name of the command."""
    commands = {each.__name__: each for several in GROUPS.values() for each in several}
    for each in data.registered_commands:
        assert each.callback is not None
        commands[f"data {each.name or each.callback.__name__}"] = each.callback
    return {
        name.replace("_", "-"): {
            option
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            for option in names_of(parameter)
        }
        for name, command in commands.items()
    }


def names_of(parameter: inspect.Parameter) -> list[str]:
    """The names of a parameter on the command line, that of a negated flag among them."""
    infos = getattr(parameter.annotation, "__metadata__", ())
    # typer takes the first name for a default, and corrects that when it builds the command
    given = [each for info in infos for each in (info.default, *(info.param_decls or ()))]
    named = [name for name in given if isinstance(name, str) and name.startswith("-")]
    plain = f"--{parameter.name.replace('_', '-')}"
    return [part for name in named or [plain] for part in name.split("/")]


def unknown(line: str) -> list[str]:
    """Commands and options of a line for a shell that `maenas` does not have."""
    words = shlex.split(line.replace("'", '"') if line.count("'") % 2 else line, comments=True)
    words = words[words.index("maenas") + 1 :]
    if not words or words[0].startswith("-") or words[0].isupper():
        return []
    name = next((n for n in (" ".join(words[:2]), words[0]) if n in options()), None)
    if name is None:
        return [] if words == ["data"] else [line]
    given = {word.partition("=")[0].rstrip(",.") for word in words if word.startswith("--")}
    return [f"{name} {option}" for option in given - options()[name] - {"--help", "--plugin"}]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_a_page_mentions_exists_with_its_options(page: Path) -> None:
    text = page.read_text("utf-8")
    inline = [code for code in INLINE.findall(prose(text)) if code.startswith("maenas ")]
    scripts = [block for block in blocks_of(page) if block.language == "bash"]
    shown = [line for block in scripts for line in block.commands if STARTS.search(line)]
    assert [wrong for line in [*inline, *shown] for wrong in unknown(line)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_benchmark_and_every_make_target_that_a_page_mentions_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    modules = re.findall(r"python -m\s+(benchmarks[.\w]*)", text)
    assert [name for name in modules if find_spec(name) is None] == []
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"`make ([a-z-]+)[^`]*`", text)
    assert [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


def test_a_command_or_an_option_that_does_not_exist_would_be_found() -> None:
    assert unknown("maenas seek --budget 3ms") != []
    assert unknown("maenas search --bugdet 3ms") != []
    assert unknown("maenas data make-shapes --sides 3") != []
    assert unknown("maenas search --budget 3ms  # a comment") == []


def test_the_readme_is_short_and_begins_with_the_two_commands_of_a_fresh_machine() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 150
    first, second, *_ = (block for block in parse(text) if block.language == "bash")
    assert (first.text, second.text) == ("make search\n", "make test\n")
    assert set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", text)) == set()  # no placeholder


def test_the_page_about_the_house_shows_every_room() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    table = page[page.index("| part | room |") : page.index("## Where does it go?")]
    rooms = re.findall(r"`(\w+)/`", table)
    for part, inner in ROOMS.items():
        assert set(inner) - set(rooms) - {"devices"} == set(), part


def test_the_page_about_the_house_gives_a_reason_for_every_circle_of_imports() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for circle in CIRCLES:
        files = [f"{module.rpartition('.')[2]}.py" for module in circle]
        assert [row for row in rows if all(f"/{file}`" in row for file in files)] != [], circle
