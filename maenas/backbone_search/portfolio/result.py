"""The result of a portfolio: as data, as text and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from typing_extensions import TypedDict

from maenas import __version__
from maenas.backbone_search.portfolio.candidates import FEATURES
from maenas.backbone_search.results.data import BesideData
from maenas.backbone_search.results.lines import optimum_line
from maenas.backbone_search.results.result import Found
from maenas.blocks import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.json_file import json_text, read_json
from maenas.report import Page, PlainNetwork, Section, commands, drawing_section, foot, page_text
from maenas.report import table as html_table
from maenas.report.tables import notes as html_notes
from maenas.report.tables import paragraph

SCHEMA = "maenas/portfolio-result@1"
RESULT_FILE, REPORT_FILE, SPEC_FILE = "result.json", "report.html", "best.yaml"
HEAD = (
    *("network", "space", "scale", "side", "score", "gap [%]", "GMACs", "params [M]"),
    *("backbone params [M]", "activations [M]", "layers", "C5 of MACs [%]", "distance"),
)
HOW = (
    f"Distance from the nearest other network in {', '.join(FEATURES)}, each divided by its "
    "standard deviation among all candidates. Scores of different names, spaces or input sizes do "
    "not compare; short trainings do."
)


class MemberData(TypedDict):
    """One network of a portfolio.

    Attributes:
        name: name of its folder.
        spec: path of its file.
        score_name: score whose optimum it is.
        score: value of that score.
        optimum_at_most: proven upper bound of that score.
        share_of_optimum: lower bound on the share of that score's optimum.
        space: name of the search space.
        template: scale of neck and head.
        input_size: side of the input image in pixels.
        latency_ms: predicted latency in milliseconds; null without a device.
        macs: multiply-accumulates of one image.
        params: number of learned values.
        layers: depth of the backbone.
        beside_score: features of the backbone.
        distance: distance from the nearest other network of the portfolio.
        command: command that searches this network alone.
    """

    name: str
    spec: str
    score_name: str
    score: float
    optimum_at_most: float
    share_of_optimum: float
    space: str
    template: str
    input_size: int
    latency_ms: float | None
    macs: int
    params: int
    layers: int
    beside_score: BesideData
    distance: float
    command: str


class PortfolioData(TypedDict):
    """The result of `maenas search --portfolio`.

    Attributes:
        schema: version of this format.
        version: version of maenas.
        folder: folder of the portfolio.
        features: features in which the networks are far from each other.
        candidates: number of certified optima that the networks were chosen from.
        members: networks, that of the score of the options first.
        notes: notes for the user.
        next: command that trains them all.
    """

    schema: str
    version: str
    folder: str
    features: list[str]
    candidates: int
    members: list[MemberData]
    notes: list[str]
    next: str


@dataclass(frozen=True, slots=True)
class Member:
    """One network of a portfolio.

    Attributes:
        name: name of its folder.
        found: network with its certificate.
        distance: distance from the nearest other network of the portfolio.
        command: command that searches this network alone.
    """

    name: str
    found: Found
    distance: float
    command: str


@dataclass(frozen=True, slots=True)
class Portfolio:
    """The result of a portfolio.

    Attributes:
        folder: folder of the portfolio.
        members: networks, that of the score of the options first.
        candidates: number of certified optima that the networks were chosen from.
        notes: notes for the user.
    """

    folder: Path
    members: tuple[Member, ...]
    candidates: int
    notes: tuple[str, ...]

    @property
    def next(self) -> str:
        """Command that trains all networks and keeps the best."""
        return f"maenas race {quote(str(self.folder))} --data data.yaml --minutes 60"

    def spec_path(self, member: Member) -> Path:
        """Path of a network's file."""
        return self.folder / member.name / SPEC_FILE

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        data: PortfolioData = {
            "schema": SCHEMA,
            "version": __version__,
            "folder": str(self.folder),
            "features": list(FEATURES),
            "candidates": self.candidates,
            "members": [self._member(each) for each in self.members],
            "notes": list(self.notes),
            "next": self.next,
        }
        return dict(data)

    def _member(self, member: Member) -> MemberData:
        found = member.found
        problem = found.subproblem.problem
        return {
            "name": member.name,
            "spec": str(self.spec_path(member)),
            "score_name": problem.score.name,
            "score": found.score,
            "optimum_at_most": found.certified.upper,
            "share_of_optimum": found.share,
            "space": problem.space.name,
            "template": found.subproblem.template.name,
            "input_size": found.backbone.in_shape[1],
            "latency_ms": found.cost.latency_ms if problem.device else None,
            "macs": found.cost.macs,
            "params": found.cost.params,
            "layers": found.backbone.layers,
            "beside_score": found.beside.to_json(),
            "distance": member.distance,
            "command": member.command,
        }


def rows(portfolio: Portfolio) -> list[tuple[str, ...]]:
    """A row of features for each network, in the order of `HEAD`."""
    return [
        (
            each.name,
            each.found.subproblem.problem.space.name,
            each.found.subproblem.template.name,
            str(each.found.backbone.in_shape[1]),
            f"{each.found.score:.3f}",
            f"{100 * (1 - each.found.share):.3f}",
            f"{each.found.cost.macs / 1e9:.3f}",
            f"{each.found.cost.params / 1e6:.2f}",
            f"{each.found.beside.params / 1e6:.2f}",
            f"{each.found.beside.activations / 1e6:.2f}",
            str(each.found.backbone.layers),
            f"{100 * each.found.beside.macs_share:.0f}",
            f"{each.distance:.2f}",
        )
        for each in portfolio.members
    ]


def write_portfolio(portfolio: Portfolio) -> None:
    """Write `report.html` and, last, `result.json`."""
    write_text(portfolio.folder / REPORT_FILE, report_text(portfolio))
    text = json_text(portfolio.to_json(), indent=2) + "\n"
    write_text(portfolio.folder / RESULT_FILE, text)


def is_written(portfolio: Portfolio) -> bool:
    """Whether the files in the folder are those of this portfolio."""
    specs = [portfolio.spec_path(member) for member in portfolio.members]
    if not all(path.is_file() for path in (*specs, portfolio.folder / REPORT_FILE)):
        return False
    try:
        return read_json(portfolio.folder / RESULT_FILE) == portfolio.to_json()
    except SpecError:
        return False


def report_text(portfolio: Portfolio) -> str:
    """The HTML of the report: features side by side, networks drawn, commands."""
    members = portfolio.members
    about = [
        f"{each.name}: {optimum_line(each.found)}; found alone by: {each.command}"
        for each in members
    ]
    drawn = [PlainNetwork(each.name, each.found.backbone, _facts(each)) for each in members]
    sections = [
        Section(
            "networks",
            "Networks",
            html_table("The networks side by side", HEAD, rows(portfolio), range(3, len(HEAD)))
            + paragraph(HOW)
            + html_notes([*about, *portfolio.notes]),
        ),
        drawing_section("stages", "Stage by stage", drawn),
        Section(
            "next",
            "Train them all",
            commands([("Short trainings decide which is best on your data.", portfolio.next)]),
        ),
    ]
    budgets = " and ".join(b.text for b in members[0].found.subproblem.problem.budgets)
    lead = f"{len(members)} certified optima of different scores within {budgets}."
    return page_text(Page("maenas: a portfolio of networks", lead, sections, foot()))


def _facts(member: Member) -> Sequence[tuple[str, str]]:
    return [("score", f"{member.found.score:.4f}"), ("layers", str(member.found.backbone.layers))]
