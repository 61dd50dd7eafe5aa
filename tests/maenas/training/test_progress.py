"""The lines of a training on the terminal."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import torch

from maenas.detector.train import EpochResult, Jump, StepResult
from maenas.terminal import progress
from maenas.terminal.log import printed
from maenas.training.progress import TrainLine


def test_an_evaluation_reports_now_the_best_and_what_to_expect(caplog):
    caplog.set_level(logging.INFO)
    rows = [
        {"epoch": epoch, "loss": 2.0, "ap": ap, "ap50": 2 * ap}
        for epoch, ap in ((2.0, 0.1), (4.0, 0.16), (6.0, 0.2), (8.0, 0.19))
    ]
    with TrainLine(0, 100, 20, 0, torch.device("cpu"), rows[:2]) as line:
        line.epoch(EpochResult(6, rows[2], True))
        line.epoch(EpochResult(7, {"epoch": 7.0, "loss": 2.0}, False))
        line.epoch(EpochResult(8, rows[3], False))
    first, second = caplog.messages
    assert first == "epoch 6/20: loss 2.000, AP 0.2000, AP50 0.4000, the best so far"
    said, _, expected = second.partition("; ")
    assert said == (
        "epoch 8/20: loss 2.000, AP 0.1900, AP50 0.3800, best AP 0.2000, AP50 0.4000 at epoch 6"
    )
    # 0.38 at the epoch 8 and 0.32 at 4: 0.38 + 0.06 (1 - 8 / 20) is 0.416
    assert expected.startswith("AP50 at the end about 0.42 (0.35 to 0.")
    assert expected.endswith("an estimate)")


def test_an_ap_of_zero_is_not_called_the_best(caplog):
    caplog.set_level(logging.INFO)
    row = {"epoch": 1.0, "loss": 2.0, "ap": 0.0, "ap50": 0.0}
    with TrainLine(0, 100, 20, 0, torch.device("cpu")) as line:
        line.epoch(EpochResult(1, row, True))
    assert caplog.messages[0].endswith("AP 0.0000, AP50 0.0000, nothing is found yet")


def test_the_gain_that_the_end_of_mosaic_may_bring_is_in_the_interval(caplog):
    caplog.set_level(logging.INFO)
    rows = [{"epoch": 2.0 * number, "loss": 2.0, "ap": 0.5, "ap50": 0.8} for number in range(1, 5)]
    for plain_epochs in (10, 14):
        with TrainLine(0, 100, 20, plain_epochs, torch.device("cpu"), rows[:3]) as line:
            line.epoch(EpochResult(8, rows[3], False))
    before, after = (message.partition("; ")[2] for message in caplog.messages)
    # 0.3 (1 - 0.8) is 0.06
    assert before == "AP50 at the end about 0.80 (0.79 to 0.87, an estimate)"
    assert after == "AP50 at the end about 0.80 (0.79 to 0.81, an estimate)"


def steps_of(monkeypatch, capsys, level: int) -> list[str]:
    """Lines of a resumed training whose first step takes 8 s, as a command of a level prints."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr("maenas.training.progress.memory_gb", lambda device: 1.5)
    parts = {"quality_focal": 0.375, "giou": 0.5, "distribution_focal": 0.25}
    with printed(level), TrainLine(214, 1000, 20, 10, torch.device("cpu")) as line:
        line._every_s = 0.0
        for number, seconds in enumerate((8.0, 2.0, 2.0, 2.0), 214):
            clock.now += seconds
            line.step(StepResult(4, number, 0.0019, parts, 1.0, 8, True, seconds, 0.16))
    return capsys.readouterr().err.splitlines()


def test_a_line_of_a_training_fits_80_columns_and_leaves_out_the_first_step(monkeypatch, capsys):
    lines = steps_of(monkeypatch, capsys, logging.INFO)
    assert lines[0] == "train: epoch 5/20, 215/1,000 steps, loss 1.125, 1.5 GB, lr 0.0019"
    assert lines[3] == "train: epoch 5/20, 218/1,000 steps, 26:04 left, loss 1.125, 4.0 images/s"


def test_a_training_of_hours_on_a_cpu_says_once_how_to_shorten_it(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    parts = {"giou": 0.5}
    for kind, total, told in (("cpu", 1806, 1), ("cpu", 1804, 0), ("cuda", 1806, 0)):
        caplog.clear()
        monkeypatch.setattr("maenas.training.progress.memory_gb", lambda device: 1.5)
        with TrainLine(0, total, 20, 0, torch.device(kind)) as line:
            for number in range(6):
                clock.now += 2.0
                line.step(StepResult(0, number, 0.01, parts, 1.0, 8, True, 2.0, 0.1))
        said = [each for each in caplog.messages if each.startswith("about 1:00:0")]
        assert len(said) == told
        assert all("--epochs N" in each and "--resume" in each for each in said)


def test_verbose_adds_the_parts_of_the_loss(monkeypatch, capsys):
    last = steps_of(monkeypatch, capsys, logging.DEBUG)[-1]
    assert last.endswith("8% waiting for data, 1.5 GB, lr 0.0019, qfl 0.375, giou 0.500, dfl 0.250")


def test_epochs_that_are_left_out_are_told_and_have_no_part_in_the_time_left(monkeypatch, capsys):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    rows = [{"epoch": 4.0, "ap": 0.3}, {"epoch": 5.0, "ap": 0.2}, {"epoch": 7.0, "ap": 0.2}]
    with printed(logging.INFO), TrainLine(0, 1000, 20, 4, torch.device("cpu"), rows) as line:
        line._every_s = 0.0
        for number in (0, 1, 2, 3):
            clock.now += 2.0
            line.step(StepResult(0, number, 0.0019, {"giou": 0.5}, 1.0, 8, True, 2.0, 0.0))
        line.jump(Jump(7, 16, 900))
        clock.now += 2.0
        line.step(StepResult(16, 904, 0.0019, {"giou": 0.5}, 1.0, 8, True, 2.0, 0.0))
        line.jump(Jump(18, 20, 100))
    *_, before, told, after, end = capsys.readouterr().err.splitlines()
    assert "4/1,000 steps, 33:12 left" in before
    assert (
        told == "AP has not risen for 3 epochs: the training continues without mosaic, at epoch 17"
    )
    assert "905/1,000 steps, 3:10 left" in after
    assert end == "AP has not risen for 14 epochs: the training ends"
