"""Logs of a kit's script: which graph, what the machine is, and each run of the tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from maenas.blocks.files.plain_file import MIB, read_bytes
from maenas.budgets.kit.runtime import LogError
from maenas.budgets.kit.script import MARK

LARGEST = 64 * MIB
LINE = re.compile(rf"^{MARK} (\w+) ?(.*)$")


@dataclass(frozen=True, slots=True)
class Section:
    """One run of the tool.

    Attributes:
        kind: "prepare", "reference", "graph" or "layers".
        text: output of the tool.
        status: exit status of the tool; None if the log ends before it.
    """

    kind: str
    text: str
    status: int | None


@dataclass(frozen=True, slots=True)
class KitLog:
    """The log of one graph.

    Attributes:
        kit: identifier of the kit that the log belongs to.
        graph: name of the graph.
        facts: what the script found out about the machine.
        clocks: clocks in MHz before each run of the graph, by their names.
        sections: runs of the tool in order.
        is_complete: whether the script finished this log.
    """

    kit: str
    graph: str
    facts: dict[str, str]
    clocks: dict[str, list[float]]
    sections: tuple[Section, ...]
    is_complete: bool

    def of(self, kind: str) -> list[Section]:
        """Return the runs of one kind."""
        return [section for section in self.sections if section.kind == kind]

    @property
    def failure(self) -> Section | None:
        """The run that failed, which ended the log; None if none did."""
        wrong = [one for one in self.sections if one.status and one.kind != "layers"]
        return wrong[-1] if wrong else None


def read_log(path: Path) -> KitLog:
    """Read a log.

    Raises:
        LogError: if it was not written by the script of a kit.
    """
    text = read_bytes(path, limit=LARGEST, error=LogError).decode("utf-8", "replace")
    lines = text.replace("\r\n", "\n").split("\n")
    head = LINE.match(lines[0])
    words = head[2].split() if head and head[1] == "log" else []
    if len(words) != 2:
        raise LogError("was not written by measure.sh")
    facts: dict[str, str] = {}
    clocks: dict[str, list[float]] = {}
    for line in lines:
        found = LINE.match(line)
        if found is not None and found[1] == "fact":
            key, _, value = found[2].partition(" ")
            if not key.endswith("_mhz"):
                facts.setdefault(key, value.strip())
            elif re.fullmatch(r"\d+(\.\d+)?", value.strip()):
                clocks.setdefault(key, []).append(float(value))
    is_complete = any(line == f"{MARK} done" for line in lines)
    kit, graph = words
    return KitLog(kit, graph, facts, clocks, tuple(_sections(lines)), is_complete)


def _sections(lines: list[str]) -> Iterator[Section]:
    kind: str | None = None
    output: list[str] = []
    for line in lines:
        found = LINE.match(line)
        if found is not None and found[1] == "begin":
            kind, output = found[2].strip(), []
        elif found is not None and found[1] == "end" and kind is not None:
            status = found[2].strip()
            yield Section(kind, "\n".join(output), int(status) if status.isdigit() else 1)
            kind = None
        elif kind is not None:
            output.append(line)
    if kind is not None:
        yield Section(kind, "\n".join(output), None)
