"""The candidates of a portfolio that are solved: `solved.json`, from which it resumes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import isclose
from pathlib import Path

import numpy as np

from maenas.backbone_search.depth import layers_capped
from maenas.backbone_search.plan import Subproblem
from maenas.backbone_search.portfolio.candidates import Candidate
from maenas.backbone_search.results.result import Found
from maenas.blocks import MaenasError, SpecError
from maenas.blocks.files.atomic_write import write_bytes
from maenas.blocks.files.checksum import is_intact, seal
from maenas.blocks.files.format_line import check_format
from maenas.blocks.files.json_file import LIMIT, json_text, parse_object
from maenas.blocks.files.plain_file import read_bytes
from maenas.blocks.files.strict import parse
from maenas.budgets.image_size import InputSize
from maenas.nas import Certified
from maenas.runs.config import SearchConfig
from maenas.runs.named_files import found_options, kept_options

LOG = logging.getLogger(__name__)

FORMAT = "maenas/solved@1"
SOLVED_FILE = "solved.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A solved candidate as plain data.

    Attributes:
        score: name or file of the score.
        space: search space; None for that of the template.
        template: scale of neck and head; None if the budgets chose it.
        input_size: side of the input image in pixels; None for that of a space of the user's own,
            else that of the template.
        layers: limit on layers that `--layers auto` chose; None for that of the options.
        genome: genome of the network; None if no network meets the budgets.
        best: score of the network; None without one.
        upper: proven upper bound on the score; None without a network.
        note: reason why there is no network.
    """

    score: str
    space: str | None
    template: str | None
    input_size: InputSize
    layers: int | None = None
    genome: tuple[int, ...] | None = None
    best: float | None = None
    upper: float | None = None
    note: str = ""

    @classmethod
    def of(cls, candidate: Candidate) -> Solved:
        """The plain data of a solved candidate."""
        config, found = candidate.config, candidate.found
        solved = cls(
            score=config.score,
            space=config.space,
            template=config.template,
            input_size=config.input_size,
            note=candidate.note,
        )
        if found is None:
            return solved
        assert found.certified.genome is not None
        cap = found.subproblem.problem.limit("layers")
        return replace(
            solved,
            layers=None if config.layers is None or cap is None else int(cap),
            genome=tuple(found.certified.genome.tolist()),
            best=found.score,
            upper=found.certified.upper,
        )

    def is_of(self, config: SearchConfig) -> bool:
        """Whether this is the candidate that these options find."""
        ours = (self.score, self.space, self.template, self.input_size)
        return ours == (config.score, config.space, config.template, config.input_size)

    def restored(self, config: SearchConfig, subproblem: Subproblem) -> Candidate:
        """The candidate that was solved.

        Args:
            config: options of the candidate.
            subproblem: subproblem of the candidate, with a limit on layers that is not chosen yet.
        Raises:
            ValueError: if the data contradict the subproblem.
        """
        if self.genome is None or self.upper is None or self.best is None:
            return Candidate(config, None, self.note)
        problem = subproblem.problem
        if self.layers is not None:
            problem = replace(problem, budgets=layers_capped(problem, self.layers))
            subproblem = replace(subproblem, problem=problem)
        backbone = problem.space.decode(list(self.genome))
        limit, genome = problem.ranged.limit, np.array(self.genome, dtype=np.int16)
        certified = Certified(limit, self.upper, self.best, genome)
        cost = problem.cost(backbone)
        found = Found(subproblem, backbone, limit, cost, certified, None, True)
        if not isclose(found.score, self.best, rel_tol=1e-9):
            raise ValueError("the network has another score")
        return Candidate(config, found)


def save_solved(candidates: Sequence[Candidate], folder: Path) -> None:
    """Write `solved.json`, with a checksum."""
    data = {
        "format": FORMAT,
        "crc32": "00000000",
        "candidates": [asdict(kept_options(Solved.of(each), folder)) for each in candidates],
    }
    write_bytes(folder / SOLVED_FILE, seal((json_text(data) + "\n").encode()))


def load_solved(path: Path) -> list[Solved]:
    """The solved candidates in a file.

    Raises:
        SpecError: if it is missing or damaged.
    """
    content = read_bytes(path, limit=LIMIT)
    data = parse_object(content, path)
    check_format(path, data.get("format"), FORMAT)
    entries = data.get("candidates")
    if not is_intact(content) or not isinstance(entries, list):
        raise SpecError(f"{path}: is damaged: changed since it was written.")
    return [
        found_options(parse(Solved, each, f"{path}: candidates[{index}]"), path.parent)
        for index, each in enumerate(entries)
    ]


def restored_candidates(
    folder: Path, waiting: Sequence[Candidate], planned: Sequence[Subproblem]
) -> list[Candidate | None]:
    """Each candidate as an earlier process solved it; None for one that is still to solve.

    Args:
        folder: folder of the portfolio.
        waiting: all candidates.
        planned: subproblem of each, planned without a choice of the limit on layers.
    """
    path = folder / SOLVED_FILE
    if not path.exists():
        return [None] * len(waiting)
    try:
        known = load_solved(path)
        return [_restored(known, *each) for each in zip(waiting, planned, strict=True)]
    except (MaenasError, ValueError, IndexError) as error:
        LOG.warning(f"{path}: is damaged, all candidates are solved again: {error}")
        return [None] * len(waiting)


def _restored(
    known: Sequence[Solved], waiting: Candidate, subproblem: Subproblem
) -> Candidate | None:
    config = waiting.config
    solved = next((each for each in known if each.is_of(config)), None)
    return None if solved is None else solved.restored(config, subproblem)
