"""Trackers of a training: what they are told, and that none of them can end it."""

from __future__ import annotations

import logging
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from maenas.blocks.errors import SpecError
from maenas.detector.train import EpochResult, StepResult
from maenas.training.trackers.load import load_tracker, load_trackers
from maenas.training.trackers.mlflow import MlFlow
from maenas.training.trackers.tracker import TrackedRun, Tracker, Trackers
from maenas.training.trackers.wandb import WandB

EPOCH = EpochResult(1, {"epoch": 1, "step": 20, "loss": 2.0, "ap": 0.25, "lr": 0.1}, True)


def step(number: int) -> StepResult:
    return StepResult(
        *(0, number, 0.1, {"giou": 0.5}, 3.0), images=8, taken=True, seconds=2.0, waited=0.0
    )


def tracked(folder: Path, first: int = 0) -> TrackedRun:
    return TrackedRun(folder, {"optimizer.lr": 0.1}, first)


class Recorder(Tracker):
    """Writes down what it is told."""

    def __init__(self, fails_at: str = "") -> None:
        self.told: list[str] = []
        self.fails_at = fails_at

    def note(self, what: str) -> None:
        self.told.append(what)
        if what == self.fails_at:
            raise OSError("the service is gone")

    def start(self, run: TrackedRun) -> None:
        self.note(f"start {run.first_step}")

    def step(self, step: StepResult) -> None:
        self.note(f"step {step.number}")

    def epoch(self, epoch: EpochResult) -> None:
        self.note(f"epoch {epoch.number}")

    def end(self, is_finished: bool) -> None:
        self.note(f"end {is_finished}")


def test_a_tracker_is_told_start_steps_epochs_and_end(tmp_path: Path) -> None:
    recorder = Recorder()
    with Trackers([recorder], tracked(tmp_path, 7)) as trackers:
        trackers.step(step(7))
        trackers.epoch(EPOCH)
    assert recorder.told == ["start 7", "step 7", "epoch 1", "end True"]


def test_a_stopped_or_failed_training_does_not_count_as_finished(tmp_path: Path) -> None:
    stopped, failed = Recorder(), Recorder()
    with Trackers([stopped], tracked(tmp_path)) as trackers:
        trackers.is_stopped = True
    with pytest.raises(RuntimeError), Trackers([failed], tracked(tmp_path)):
        raise RuntimeError
    assert stopped.told[-1] == failed.told[-1] == "end False"


@pytest.mark.parametrize("moment", ["start 0", "step 3", "epoch 1", "end True"])
@pytest.mark.usefixtures("printed_records")
def test_a_tracker_that_fails_is_told_and_left_out_and_the_others_go_on(
    moment: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing, other = Recorder(moment), Recorder()
    with Trackers([failing, other], tracked(tmp_path)) as trackers:
        trackers.step(step(3))
        trackers.epoch(EPOCH)
    assert other.told == ["start 0", "step 3", "epoch 1", "end True"]
    assert failing.told[-1] == moment
    said = capsys.readouterr().err
    assert (
        said == "warning: Recorder: failed, the training goes on without it: the service is gone\n"
    )


def wandb_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """A module `wandb` that writes down its calls."""
    calls: list[tuple[str, Any]] = []
    run = SimpleNamespace(
        log=lambda values, step: calls.append(("log", (values, step))),
        finish=lambda exit_code: calls.append(("finish", exit_code)),
    )

    def init(**options: Any) -> Any:
        calls.append(("init", options))
        return run

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    return calls


def test_wandb_gets_settings_numbers_and_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = wandb_calls(monkeypatch)
    with Trackers([WandB()], tracked(tmp_path)) as trackers:
        for number in range(11):
            trackers.step(step(number))
        trackers.epoch(EPOCH)
    assert [name for name, _ in calls] == ["init", "log", "log", "log", "finish"]
    assert calls[0][1]["config"] == {"optimizer.lr": 0.1}
    assert calls[2][1] == (
        {"step/giou": 0.5, "step/lr": 0.1, "step/gradient": 3.0, "step/images_per_s": 4.0},
        10,
    )
    assert calls[3][1] == ({"epoch/loss": 2.0, "epoch/ap": 0.25}, 20)
    assert calls[4][1] == 0


def test_wandb_continues_the_run_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = wandb_calls(monkeypatch)
    for first in (0, 20):
        with Trackers([WandB()], tracked(tmp_path, first)):
            pass
    first, second = (options for name, options in calls if name == "init")
    assert first["id"] == second["id"]
    assert first["resume"] == "allow"


def test_mlflow_keeps_the_id_of_its_run_and_continues_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, Any]] = []

    def started(**options: Any) -> Any:
        calls.append(("start_run", options))
        return SimpleNamespace(info=SimpleNamespace(run_id="abc"))

    module = SimpleNamespace(
        start_run=started,
        log_params=lambda values: calls.append(("log_params", values)),
        log_metrics=lambda values, step: calls.append(("log_metrics", (values, step))),
        end_run=lambda status: calls.append(("end_run", status)),
    )
    monkeypatch.setitem(sys.modules, "mlflow", module)
    with Trackers([MlFlow()], tracked(tmp_path)) as trackers:
        trackers.epoch(EPOCH)
        trackers.is_stopped = True
    with Trackers([MlFlow()], tracked(tmp_path, 20)):
        pass
    assert calls == [
        ("start_run", {"run_name": str(tmp_path)}),
        ("log_params", {"optimizer.lr": 0.1}),
        ("log_metrics", ({"epoch/loss": 2.0, "epoch/ap": 0.25}, 20)),
        ("end_run", "KILLED"),
        ("start_run", {"run_id": "abc"}),
        ("end_run", "FINISHED"),
    ]


def test_none_and_an_empty_list_load_no_tracker() -> None:
    assert load_trackers(["none"]) == []
    assert load_trackers([]) == []


def test_only_verbose_says_that_tensorboard_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("maenas.training.trackers.load.is_installed", lambda package: False)
    caplog.set_level(logging.DEBUG, "maenas")
    assert load_trackers(None) == []
    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert "pip install 'maenas[tensorboard]'" in record.getMessage()


def test_a_tracker_of_a_plugin_is_named_by_module_and_object(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mine", SimpleNamespace(Mine=Recorder, made=Recorder(), no=3))
    assert isinstance(load_tracker("mine:Mine"), Recorder)
    assert isinstance(load_tracker("mine:made"), Recorder)
    with pytest.raises(SpecError, match="tracker mine:no: must be a Tracker"):
        load_tracker("mine:no")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wandbb", "did you mean wandb"),
        (
            "neptune",
            "known: tensorboard, wandb, mlflow, none; that of a plugin",
        ),
        ("wandb", r"needs Weights & Biases, .* pip install 'maenas\[wandb\]'"),
    ],
)
def test_an_unknown_or_missing_tracker_is_one_line(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(SpecError, match=said):
        load_tracker(name)


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is not installed")
def test_tensorboard_gets_events_in_the_folder_of_the_run(tmp_path: Path) -> None:
    with Trackers(load_trackers(None), tracked(tmp_path)) as trackers:
        trackers.step(step(0))
        trackers.epoch(EPOCH)
    (events,) = tmp_path.glob("events.out.tfevents.*")
    content = events.read_bytes()
    for name in (b"step/giou", b"step/lr", b"epoch/ap"):
        assert name in content
