"""The results of several searches: as data, as a table, and as a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from maenas import __version__
from maenas.backbone_search.report.searches import searches_text
from maenas.backbone_search.report.summary import NO_COMPARISON
from maenas.backbone_search.results.data import SearchesData
from maenas.backbone_search.results.plots import plot_searches
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.json_file import json_text
from maenas.budgets import show
from maenas.terminal.console import OUT

SCHEMA = "maenas/searches-result@1"


OWN_FILES = ("result.json", "report.html", "searches.png")


@dataclass(frozen=True, slots=True)
class Entry:
    """One search among several.

    Attributes:
        name: name of its folder.
        result: content of its `result.json`; None if no network meets the budgets.
        note: reason why there is no result.
    """

    name: str
    result: dict[str, Any] | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Searches:
    """All searches of one command.

    Attributes:
        folder: folder that holds one run folder for each search.
        entries: searches in the order given, devices innermost.
    """

    folder: Path
    entries: tuple[Entry, ...]

    def to_json(self) -> dict[str, Any]:
        """All results as plain data."""
        data: SearchesData = {
            "schema": SCHEMA,
            "version": __version__,
            "folder": str(self.folder),
            "searches": [
                {"name": entry.name, "note": entry.note, "result": entry.result}
                for entry in self.entries
            ],
        }
        return dict(data)


def write_searches(searches: Searches) -> None:
    text = json_text(searches.to_json(), indent=2)
    write_text(searches.folder / "result.json", text + "\n")
    plot_searches(networks(searches), searches.folder / "searches.png")
    write_text(
        searches.folder / "report.html",
        searches_text(searches.folder, HEAD, rows(searches), networks(searches)),
    )


def networks(searches: Searches) -> dict[str, list[dict[str, Any]]]:
    """The networks of each search, sorted by limit if the search has a family."""
    return {
        entry.name: entry.result.get("family", [entry.result])
        for entry in searches.entries
        if entry.result is not None
    }


HEAD = ("search", "scale", "budget", "cost", "of score's optimum", "random", "layers", "spec")


def rows(searches: Searches) -> list[tuple[str, ...]]:
    """A table row for each network of each search."""
    lines: list[tuple[str, ...]] = []
    for entry in searches.entries:
        if entry.result is None:
            lines.append((entry.name, *[""] * (len(HEAD) - 2), entry.note or ""))
            continue
        for network in entry.result.get("family", [entry.result]):
            quantity, limit = next(iter(network["budget"].items()))
            random = network["random_score"]
            lines.append(
                (
                    entry.name,
                    network["template"],
                    show(quantity, limit),
                    show(quantity, network[quantity]),
                    f"{100 * network['share_of_optimum']:.3f} %",
                    "none" if random is None else _share(random, network["optimum_at_most"]),
                    str(network["layers"]),
                    network["spec"],
                )
            )
    return lines


def _share(score: float, optimum: float) -> str:
    return f"{100 * (1 - (optimum - score) / (abs(optimum) or 1.0)):.3f} %"


def print_searches(searches: Searches) -> None:
    """Print the table at the end."""
    table = Table(title=f"searches in {searches.folder}", box=SIMPLE_HEAD, padding=0)
    for name in HEAD[:-1]:
        table.add_column(name, justify="left" if name == "search" else "right", no_wrap=True)
    table.add_column(HEAD[-1], overflow="fold")
    for row in rows(searches):
        table.add_row(*row)
    OUT.print(table)
    OUT.print(NO_COMPARISON)
    OUT.print(f"report: {searches.folder / 'report.html'}")
