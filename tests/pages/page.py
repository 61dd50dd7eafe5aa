"""A page of Markdown as a list of fenced blocks, each with its directive.

A directive is a comment of HTML in the line before a block, invisible to a reader:

    <!-- file: my_block.py -->     the block is written to this file, and not run
    <!-- output -->                decimal numbers of the block stand in the output of the last one
    <!-- slow -->                  the block is run by `pytest -m slow` alone
    <!-- fake gpu -->              the block is run on a fake GPU with a fake TensorRT
    <!-- not run: REASON -->       nothing here can run the block; its `maenas` commands are parsed

Anywhere in a page, `<!-- with the files of: deploy.md -->` says that a reader has those of another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(DOCS.rglob("*.md")),
]
BLOCK = re.compile(
    r"^(?:<!-- (?P<directive>[^\n]*?) -->\n)?(?P<indent> *)```(?P<language>\w*)[^\n]*\n"
    r"(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
# A line of a block that Markdown would also show as code without a fence.
INDENTED = re.compile(r"\n\n {4}(?:\$ )?(?:maenas|python|pip|make) ")
OTHERS = re.compile(r"^<!-- with the files of: (\S+) -->$", re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes:
        line: number of its first line in the page.
        language: language of the fence, such as "bash"; "" if it names none.
        text: content of the block.
        directive: word of the directive before the block, such as "file"; "" without one.
        detail: text behind the word: a file name, a reason.
    """

    line: int
    language: str
    text: str
    directive: str = ""
    detail: str = ""

    @property
    def runs(self) -> bool:
        """Whether a reader can run the block."""
        return self.language in ("bash", "python") and self.directive not in ("file", "not run")

    @property
    def commands(self) -> list[str]:
        """The commands of a block for a shell, continued lines joined, comments left out."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def name_of(page: Path) -> str:
    """Path of a page below the root of the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    return parse(page.read_text("utf-8"))


def parse(text: str) -> list[Block]:
    """The fenced blocks of a text in Markdown."""
    found = []
    for match in BLOCK.finditer(text):
        word, _, detail = (match["directive"] or "").partition(": ")
        line = text.count("\n", 0, match.start("text")) + 1
        body = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        found.append(Block(line, match["language"], body, word, detail))
    return found


def files_of(page: Path) -> list[Block]:
    """The files that a reader of a page has from other pages."""
    others = re.findall(
        r"^<!-- with the files of: (\S+) -->$", page.read_text("utf-8"), re.MULTILINE
    )
    blocks = [block for other in others for block in blocks_of(page.parent / other)]
    return [block for block in blocks if block.directive == "file"]


def prose(text: str) -> str:
    """The text of a page without its fenced blocks."""
    return BLOCK.sub("", text)
