"""A search among words and blocks: its history and its continuation."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maenas.budgets import parse_budgets
from maenas.nas import Evaluator, Journal, MaxEntropy, Outcome, Problem, Settings, search
from maenas.nas.executors import InProcess
from maenas.nas.searchers.islands import search_islands
from maenas.search_spaces import Space
from maenas.search_spaces.moves import Genomes

ENGINE = importlib.import_module("maenas.nas.search")
EVERY = 300


@pytest.fixture(scope="module")
def evaluator(choices: Space) -> Evaluator:
    score = MaxEntropy((1.0, 1.0, 1.0, 4.0))
    return Evaluator(Problem(choices, parse_budgets(["9MMACs"]), score=score))


def found(
    evaluator: Evaluator,
    folder: Path,
    evaluations: int,
    resume: bool = False,
    report: Callable[[object], None] = lambda progress: None,
) -> Outcome:
    space = evaluator.problem.space
    start = np.array([space.origin], dtype=np.int16)
    settings = Settings(evaluations, 0, (9e6,))
    return search(evaluator, settings, start, Journal(folder, space), resume, report)


def test_words_and_blocks_are_written_as_json_and_read_again(
    evaluator: Evaluator, choices: Space, tmp_path: Path
) -> None:
    outcome = found(evaluator, tmp_path, 600)
    _, *lines = (tmp_path / "history.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line)["genes"] for line in lines]
    genomes = [
        [gene.values.index(value) for gene, value in zip(choices.genes, row, strict=True)]
        for row in rows
    ]
    assert len(genomes) == outcome.unique
    blocks = {row[2] for row in rows}
    assert blocks == {"res_k1kx", "mob", "conv_stem"}
    for row, genome in zip(rows[:50], genomes[:50], strict=True):
        backbone = choices.decode(genome)
        assert backbone.stages[1].kind == row[2]
    _, chunks = Journal(tmp_path, choices).read()
    read = np.concatenate([chunk.genomes for chunk in chunks])
    assert read.tolist() == genomes


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not(
    evaluator: Evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = found(evaluator, tmp_path / "whole", 2000)
    monkeypatch.setattr(ENGINE, "SAVE_EVERY_S", -1.0)
    stopping = iter([False] * 5 + [True])

    def report(progress: object) -> None:
        if next(stopping):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        found(evaluator, tmp_path / "parts", 2000, report=report)
    parts = found(evaluator, tmp_path / "parts", 2000, resume=True)
    assert parts.best == whole.best
    assert parts.scores.tolist() == whole.scores.tolist()


def test_evolution_finds_the_best_of_all(
    evaluator: Evaluator, every_choice: Genomes, tmp_path: Path
) -> None:
    every = evaluator(every_choice)
    outcome = found(evaluator, tmp_path, 3000)
    assert outcome.scores.max() == pytest.approx(every.scores[every.feasible].max())


def test_islands_find_it_as_well(evaluator: Evaluator, every_choice: Genomes) -> None:
    every = evaluator(every_choice)
    start = np.array([evaluator.problem.space.origin], dtype=np.int16)
    settings = Settings(3000, 0, (9e6,), islands=2, migrate_every=EVERY)
    outcome = search_islands(evaluator, settings, start, InProcess())
    assert outcome.scores.max() == pytest.approx(every.scores[every.feasible].max())
