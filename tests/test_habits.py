"""Habits of tests, docstrings and pages, read from their source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGES = ("blocks", "budgets", "search_spaces", "nas", "detector", "maenas", "benchmarks")
# docs/writing.md lists the phrases that all other pages avoid.
DOCS = sorted((TESTS.parent / "docs").rglob("*.md"))
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *(str(page.relative_to(TESTS.parent)) for page in DOCS if page.name != "writing.md"),
)
PROCESS_CALLS = ("run", "communicate", "wait", "check_output", "check_call")
FRAGMENT = re.compile(r"(?:Of|It|As|On|That|Whoever|Whatever)\b")
# An attribute, argument or error whose description does not begin with a noun.
NO_NOUN = re.compile(r"^ +\w+: (?:of|it|its|as|on|that|whatever)\b.*", re.MULTILINE)
# Phrases that docs/writing.md replaces by words of the field.
BANNED = re.compile(
    r"\b(?:whoever|whatever is|in hand|by heart|dear(?:er|est)?|passed over|taken off|anew|nobody"
    r"|goes on (?:from|after|with)|of ours|one a (?:class|level|core))\b",
    re.IGNORECASE,
)


def assertions_with_or(text: str) -> list[int]:
    """Lines of assertions that hold an `or`, in generators and calls as well."""
    return [
        statement.lineno
        for statement in ast.walk(ast.parse(text))
        if isinstance(statement, ast.Assert)
        and any(isinstance(part, ast.Or) for part in ast.walk(statement.test))
    ]


def test_no_assertion_holds_an_or() -> None:
    """One of its sides can hide that the other has become wrong."""
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in assertions_with_or(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["assert a or b", "assert any(a or b for a in c)", "assert f(a or 0) == 1"]
)
def test_an_or_is_found_wherever_it_hides(text: str) -> None:
    assert assertions_with_or(text) == [1]


def suffixes_in_small_letters(text: str) -> list[int]:
    """Lines that compare the suffix of a path as it is written, so `.YAML` is not found."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Attribute)
        and node.left.attr == "suffix"
        and isinstance(node.comparators[0], ast.Constant | ast.Tuple)
    ]


def test_suffixes_count_in_any_case() -> None:
    """`maenas.blocks.files.suffixes` compares them."""
    found = [
        f"{path.relative_to(TESTS.parent)}:{line}"
        for package in PACKAGES
        for path in sorted((TESTS.parent / package).rglob("*.py"))
        for line in suffixes_in_small_letters(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text", ['path.suffix == ".json"', 'Path(name).suffix not in (".yaml", ".yml")']
)
def test_a_suffix_in_small_letters_is_found(text: str) -> None:
    assert suffixes_in_small_letters(text) == [1]


def impatient_calls(text: str) -> list[int]:
    """Lines of calls that end a process after a number of seconds of their own."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in PROCESS_CALLS
        for keyword in call.keywords
        if keyword.arg == "timeout" and isinstance(keyword.value, ast.Constant)
    ]


def test_no_test_limits_a_process_to_the_time_of_a_quick_machine() -> None:
    """A busy machine takes minutes for what takes a second; `PATIENCE_S` is the only limit."""
    files = sorted(path for path in TESTS.rglob("*.py") if path.name != "test_gpu_check.py")
    found = {
        f"{path.relative_to(TESTS)}:{line}"
        for path in files
        for line in impatient_calls(path.read_text("utf-8"))
    }
    assert found == set()


def test_an_impatient_call_is_found() -> None:
    assert impatient_calls("import subprocess\nsubprocess.run(['a'], timeout=60)") == [2]
    assert impatient_calls("process.wait(timeout=PATIENCE_S)") == []


def docstrings(text: str) -> list[str]:
    """Every docstring of a module."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = (
        ast.get_docstring(node) for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)
    )
    return [one for one in found if one]


def unclear(text: str) -> list[str]:
    """Docstrings that open with a fragment, and descriptions that do not begin with a noun."""
    found: list[str] = []
    for docstring in docstrings(text):
        if FRAGMENT.match(docstring):
            found.append(docstring.splitlines()[0])
        found += [line.strip() for line in NO_NOUN.findall(docstring)]
    return found


def sources() -> list[Path]:
    """Every Python file of the packages, each once: links are not followed."""
    files = [path for folder in PACKAGES for path in sorted((TESTS.parent / folder).rglob("*.py"))]
    linked = {parent for path in files for parent in path.parents if parent.is_symlink()}
    return [path for path in files if linked.isdisjoint(path.parents)]


def test_docstrings_are_sentences_or_noun_phrases() -> None:
    found = {
        str(path.relative_to(TESTS.parent)): lines
        for path in sources()
        if (lines := unclear(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_no_page_message_or_docstring_uses_a_phrase_that_the_glossary_replaces() -> None:
    paths = [*sources(), *(TESTS.parent / page for page in PAGES)]
    found = {
        str(path.relative_to(TESTS.parent)): phrases
        for path in paths
        if (phrases := BANNED.findall(path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "docstring", ["Of the recipe.", "It is read.", "A step.\n\n    Args:\n        lr: its rate."]
)
def test_a_docstring_that_is_a_fragment_is_found(docstring: str) -> None:
    assert len(unclear(f'def function():\n    """{docstring}"""\n')) == 1
