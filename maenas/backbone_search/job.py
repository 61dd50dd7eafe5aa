"""One search that is ready to run."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from maenas.backbone_search.effort import Effort
from maenas.backbone_search.finalists import (
    forward_of,
)
from maenas.backbone_search.objects import SearchObjects
from maenas.backbone_search.plan import Subproblem, fingerprint
from maenas.backbone_search.tasks import (
    PreparedSearch,
    prepare,
    skipped_note,
)
from maenas.backbone_search.verify import Verifier, make_verifier
from maenas.blocks import SpecError
from maenas.budgets import InfeasibleError
from maenas.nas import (
    EXACT,
    ForwardScore,
)
from maenas.runs.config import SearchConfig, save_config


@dataclass(slots=True)
class Job:
    """One search that is ready to run.

    Attributes:
        config: options of the search.
        folder: folder of the run.
        resume: whether the run in the folder is continued.
        subproblems: planned subproblems.
        parts: prepared subproblems, those whose budgets some network meets.
        notes: notes for the user.
        verifier: device that measures the finalists; None without `verify`.
        objects: objects that replace what the options name.
        started: start time in seconds of the monotonic clock.
    """

    config: SearchConfig
    folder: Path
    resume: bool
    subproblems: list[Subproblem]
    parts: list[PreparedSearch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verifier: Verifier | None = None
    objects: SearchObjects | None = None
    started: float = field(default_factory=time.monotonic)

    def prepare(self, effort: Effort, elsewhere: Collection[str] = ()) -> None:
        """Prepare the subproblems, before anything is written.

        Args:
            effort: compute options.
            elsewhere: devices of other searches of the same command.
        Raises:
            InfeasibleError: if no network meets the budgets.
        """
        if effort.rerank is not None:
            self._check_rerank(effort.rerank)
        if effort.verify:
            self.verifier = make_verifier(
                self.config,
                self.subproblems,
                effort.verify,
                effort.ray,
                effort.verify_with,
                effort.verify_timeout,
                self.folder,
                elsewhere,
            )
        self.parts, notes = prepared_parts(self.subproblems)
        self.notes += notes

    def _check_rerank(self, rerank: str | ForwardScore) -> None:
        """Raise `SpecError` unless the finalists can be ranked again."""
        if self.config.algorithm == EXACT:
            raise SpecError(
                "rerank: the exact solver keeps one network; use --algorithm evolution, which "
                "keeps finalists."
            )
        if len(self.subproblems[-1].limits) > 1:
            raise SpecError(
                "rerank: chooses among the finalists of one budget, and a range has several; give "
                "--budget such as 5ms."
            )
        forward_of(rerank, self.subproblems[-1].problem)

    def save_config(self) -> None:
        """Write the options into the folder."""
        stamp = fingerprint(self.subproblems, self.objects)
        save_config(self.config, stamp, self.folder / "config.yaml")

    def folder_of(self, part: PreparedSearch) -> Path:
        """The folder of a subproblem's files: a subfolder if there are several subproblems."""
        return self.folder if len(self.parts) == 1 else self.folder / part.subproblem.template.name

    def goes_on(self, part: PreparedSearch) -> bool:
        """Whether a subproblem has a saved state to continue from."""
        return self.resume and (self.folder_of(part) / "state.json").exists()


def prepared_parts(subproblems: list[Subproblem]) -> tuple[list[PreparedSearch], list[str]]:
    """The subproblems whose budgets some network meets, and notes on the others."""
    parts: list[PreparedSearch] = []
    notes: list[str] = []
    refused: InfeasibleError | None = None
    for subproblem in subproblems:
        try:
            part = prepare(subproblem)
        except InfeasibleError as error:
            refused = error
            notes.append(str(error))
            continue
        parts.append(part)
        note = skipped_note(part)
        if note is not None:
            notes.append(note)
    if not parts:
        assert refused is not None
        raise refused
    return parts, notes
