"""The lines of a training on the terminal."""

from __future__ import annotations

import logging

import torch

from maenas.detector.train import EpochResult
from maenas.training.progress import TrainLine


def test_an_evaluation_reports_now_the_best_and_what_to_expect(caplog):
    caplog.set_level(logging.INFO)
    rows = [
        {"epoch": epoch, "loss": 2.0, "ap": ap, "ap50": 2 * ap}
        for epoch, ap in ((2.0, 0.1), (4.0, 0.16), (6.0, 0.2), (8.0, 0.19))
    ]
    with TrainLine(0, 100, 20, torch.device("cpu"), rows[:2]) as line:
        line.epoch(EpochResult(6, rows[2], True))
        line.epoch(EpochResult(7, {"epoch": 7.0, "loss": 2.0}, False))
        line.epoch(EpochResult(8, rows[3], False))
    first, second = caplog.messages
    assert first == "epoch 6/20: loss 2.000, AP 0.2000, AP50 0.4000, the best so far"
    said, _, expected = second.partition("; ")
    assert said == (
        "epoch 8/20: loss 2.000, AP 0.1900, AP50 0.3800, best AP 0.2000, AP50 0.4000 at epoch 6"
    )
    assert expected.startswith("AP50 at the end about 0.39 (")
    assert expected.endswith("an estimate)")
