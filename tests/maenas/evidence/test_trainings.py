"""Trainings as tasks: recorded as they finish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maenas.evidence.training import Trained, TrainingTask, save_trained
from maenas.evidence.trainings import TrainingEffort, placed, train_all
from maenas.nas.executors import InProcess
from tests.small_detector import small_spec


class LastFirst(InProcess):
    """An executor whose last task finishes first, and whose driver is killed after a number."""

    def __init__(self, kept: int) -> None:
        self.kept = kept

    def as_completed(
        self, function: Callable[[Any], Any], items: Sequence[Any]
    ) -> Iterator[tuple[int, Any]]:
        for index in reversed(range(len(items))):
            if index == len(items) - 1 - self.kept:
                raise KeyboardInterrupt
            yield index, function(items[index])


def task(number: int) -> TrainingTask:
    return TrainingTask(
        network=f"n{number}",
        spec=small_spec(),
        data=Path("data.yaml"),
        epochs=1,
        seed=0,
        recipe=None,
        changes=(),
        folder=None,
    )


def test_a_training_that_ends_before_an_earlier_one_is_kept_when_the_driver_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def instead(task: TrainingTask) -> Trained:
        asked.append(task.name)
        return Trained(task.network, task.epochs, task.seed, 0.1, 0.2, 0.1, "0")

    monkeypatch.setattr("maenas.evidence.training.train_one", instead)
    tasks, effort = [task(number) for number in range(3)], TrainingEffort(ray="local")
    opened = "maenas.evidence.trainings.opened_executor"
    monkeypatch.setattr(opened, lambda *_: LastFirst(kept=2))
    with pytest.raises(KeyboardInterrupt):
        train_all(tasks, tmp_path, effort, "judge")
    monkeypatch.setattr(opened, lambda *_: LastFirst(kept=3))
    trained = train_all(tasks, tmp_path, effort, "judge")
    assert asked == ["n2-e1-s0", "n1-e1-s0", "n0-e1-s0"]
    assert [each.network for each in trained] == ["n0", "n1", "n2"]


def test_a_worker_of_a_cluster_gets_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = replace(task(0), recipe="own.yaml")
    sent = placed(asked, tmp_path, TrainingEffort(ray="local"))
    assert (sent.data, sent.recipe) == (tmp_path / "data.yaml", str(tmp_path / "own.yaml"))
    assert placed(replace(asked, recipe="ns"), tmp_path, TrainingEffort()).recipe == "ns"


def test_no_cluster_is_started_where_every_training_has_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trainings").mkdir()
    record = Trained("n0", 1, 0, 0.1, 0.2, 0.1, "0")
    save_trained(tmp_path / "trainings", record)
    monkeypatch.delattr("maenas.evidence.trainings.opened_executor")
    assert train_all([task(0)], tmp_path, TrainingEffort(ray="local"), "race") == [record]
