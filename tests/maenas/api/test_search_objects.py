"""Scores, searchers, spaces, blocks and executors handed to `maenas.search` as objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

import maenas
from maenas.backbone_search.objects import SearchObjects, take_score, take_searcher, take_space
from maenas.backbone_search.plan import plan
from maenas.backbone_search.results.result import Result
from maenas.blocks import BLOCKS, Op
from maenas.nas import (
    ALGORITHMS,
    SCORES,
    Evolution,
    EvolutionOptions,
    RandomSearch,
    Score,
    SearcherFactory,
)
from maenas.nas.executors import InProcess
from maenas.runs.config import SearchConfig
from maenas.search_spaces import load_space
from tests.maenas.conftest import SMALL_SPACE

SMALL: dict[str, Any] = {"template": "t", "input_size": 64, "evaluations": 300, "finalists": 0}


@dataclass(frozen=True, slots=True)
class Channels(Score):
    """Output channels of the main path, times a factor."""

    name: ClassVar[str] = "channels"
    weights: tuple[float, ...] | None = None
    factor: float = 1.0

    def op(self, op: Op) -> float:
        return self.factor * op.out_shape[0] if op.path == "main" else 0.0


class Patient(RandomSearch):
    """Random search under another name."""

    name: ClassVar[str] = "patient"


@dataclass(frozen=True)
class Maker:
    """An object that makes searchers, with an option of its own."""

    first: int = 64
    name: str = "made"

    def __call__(self, *arguments: Any) -> Evolution:
        return Evolution(*arguments, options=EvolutionOptions(first=self.first))


class Counted(InProcess):
    """This process, counting tasks."""

    tasks = 0
    closed = False

    def map(self, function: Any, items: Any) -> Any:
        self.tasks += len(items)
        return super().map(function, items)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder with the small space; what is registered here is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL_SPACE)
    kept = [(known, dict(known)) for known in (BLOCKS, SCORES, ALGORITHMS)]
    yield tmp_path
    for known, before in kept:
        known.clear()  # type: ignore[attr-defined]
        known.update(before)  # type: ignore[attr-defined]


def found(budget: str = "100MMACs", **options: Any) -> Result:
    return maenas.search(budget, **{**SMALL, "space": "small.yaml", **options})


def test_a_score_is_maximised_with_the_options_of_the_object() -> None:
    result = found(score=Channels(factor=2.0), searcher="exact")
    best = result.best
    assert result.config.score == "channels:factor=2.0"
    assert best.score == pytest.approx(Channels(factor=2.0)(best.backbone))
    spec = yaml.safe_load(Path("runs/search/exp/best.yaml").read_text("utf-8"))
    assert spec["score"]["name"] == "channels"
    assert spec["score"]["options"] == {"factor": 2.0}


def test_weights_of_a_score_object_are_those_of_the_search() -> None:
    weighted = Channels(weights=(0.0, 0.0, 0.0, 1.0))
    assert take_score(weighted, None) == ("channels", weighted.weights, weighted)
    assert take_score(Channels(), (0, 0, 0, 1)) == ("channels", weighted.weights, weighted)
    assert take_score(Channels(), None) == ("channels", None, Channels())


@pytest.mark.parametrize(
    ("searcher", "name"),
    [
        (Patient, "patient"),
        (partial(Evolution, options=EvolutionOptions(first=64)), "evolution"),
        (Maker(), "made"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_searcher_is_a_class_a_partial_or_an_object_that_makes_one(
    searcher: SearcherFactory, name: str
) -> None:
    assert take_searcher(searcher) == (name, searcher)
    config = SearchConfig(budgets=("100MMACs",), algorithm=name)
    (subproblem,) = plan(config, SearchObjects(searcher=searcher))
    assert subproblem.searcher is searcher


def test_a_searcher_object_proposes_and_its_options_are_those_of_a_resumed_run() -> None:
    first = found(searcher=Maker(), weights=(1, 1, 2, 4), executor=(executor := Counted()))
    assert first.config.algorithm == "made"
    assert executor.tasks == 2  # bounds and baseline
    assert not executor.closed
    with pytest.raises(maenas.MaenasError, match="searcher or device model has changed"):
        found(searcher=Maker(first=32), resume=True)


def test_a_space_is_an_object_as_well() -> None:
    space = load_space("small.yaml")
    name, taken = take_space(space)
    (subproblem,) = plan(
        SearchConfig(budgets=("100MMACs",), space=name, weights=(1, 1, 2, 4)),
        SearchObjects(space=taken),
    )
    assert name == "small"
    assert subproblem.problem.space.stages == space.stages


def test_blocks_are_known_from_then_on(folder: Path) -> None:
    from tests.maenas.plugins.my_plugin import WideStage  # registers what it defines

    text = SMALL_SPACE.replace("block: res_k1kx", "block: wide_stage")
    data = yaml.safe_load(text)
    for stage in data["stages"]:
        stage.pop("bottleneck_channels", None)
    (folder / "wide.yaml").write_text(yaml.safe_dump(data))
    BLOCKS.pop("wide_stage", None)
    with pytest.raises(maenas.MaenasError, match="no such block 'wide_stage'"):
        found(space="wide.yaml")
    result = found("200MMACs", space="wide.yaml", blocks=[WideStage], score="macs")
    assert maenas.load_backbone(result.folder) == result.best.backbone


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"score": 3}, "score: must be a name or a Score, got 3"),
        ({"searcher": 3}, "searcher: must be a name, a class derived from Searcher"),
        ({"searcher": int}, "must be a class derived from Searcher"),
        ({"blocks": [int]}, "must be a class derived from Block"),
        ({"executor": InProcess(), "workers": 2}, "leave workers and ray out"),
        ({"rerank": "naswot", "finalists": 0}, "needs at least 2 finalists, got 0"),
        ({"rerank": int}, "must be a name or a function"),
        ({"rerank": "naswort"}, "did you mean naswot"),
        ({"rerank": "naswot", "verify": 1}, "both choose among the finalists"),
        ({"rerank": "naswot", "searcher": "exact"}, "keeps one network"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    options: dict[str, Any], says: str, folder: Path
) -> None:
    with pytest.raises(maenas.MaenasError, match=says):
        found(**{"score": "macs", "finalists": 2, **options})
    assert not (folder / "runs").exists()


def test_a_number_without_a_unit_is_refused_as_on_the_command_line(folder: Path) -> None:
    with pytest.raises(maenas.MaenasError, match=r"lacks a unit; did you mean 3\.8ms"):
        maenas.search(3.8, device="t4")  # type: ignore[arg-type]
