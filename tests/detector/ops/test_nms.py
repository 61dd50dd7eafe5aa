"""NMS against the reference's results and against plain loops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maenas.detector.ops.nms import MAX_CANDIDATES, nms
from tests.fake_gpu import GPU, pretended_gpu
from tests.golden import hashed

CASES = json.loads((Path(__file__).parents[2] / "data" / "nms_golden.json").read_text())
CLASSES = 5


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['min_score']}, {case['max_iou']}")
def test_it_keeps_what_the_reference_keeps(case: dict[str, Any]) -> None:
    scores, boxes = crowd(600)
    found = nms(scores, boxes, case["min_score"], case["max_iou"], max_detections=500)
    assert len(found.scores) == case["count"]
    assert found.classes.bincount(minlength=CLASSES).tolist() == case["per_class"]
    assert found.scores.sum().item() == pytest.approx(case["sum_scores"], abs=1e-3)
    first = torch.cat((found.classes[:, None], found.scores[:, None], found.boxes), dim=1)
    expected = torch.tensor(case["first"])
    torch.testing.assert_close(first[: len(expected)], expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("scene", ["crowd", "ties", "many", "empty"])
def test_a_gpu_keeps_the_same_in_the_same_order(
    scene: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, boxes = crowd(600)
    if scene == "ties":
        scores = (scores * 4).round() / 4
    elif scene == "many":
        monkeypatch.setattr("maenas.detector.ops.nms.MAX_CANDIDATES", 500)
    elif scene == "empty":
        scores = scores * 0
    expected = nms(scores, boxes, 0.05, 0.6, max_detections=300)
    with pretended_gpu():
        found = nms(scores.cuda(), boxes.cuda(), 0.05, 0.6, max_detections=300)
        assert {each.device for each in found} == {GPU}
        assert [each.tolist() for each in found] == [each.tolist() for each in expected]


@pytest.mark.parametrize("max_iou", [0.1, 0.45, 0.7])
@pytest.mark.parametrize("min_score", [0.1, 0.5])
def test_it_keeps_what_plain_loops_keep(min_score: float, max_iou: float) -> None:
    scores, boxes = crowd(120)
    found = nms(scores, boxes, min_score, max_iou, max_detections=10_000)
    rows = zip(found.scores.tolist(), found.classes.tolist(), found.boxes.tolist(), strict=True)
    assert list(rows) == slow_nms(scores, boxes, min_score, max_iou)


def test_it_keeps_what_plain_loops_keep_of_701_classes() -> None:
    _, boxes = crowd(12)
    scores = torch.from_numpy(((hashed(7006, 12 * 701) + 1) / 2) ** 40).float().view(12, 701)
    found = nms(scores, boxes, 0.3, 0.5, max_detections=10_000)
    rows = zip(found.scores.tolist(), found.classes.tolist(), found.boxes.tolist(), strict=True)
    assert list(rows) == slow_nms(scores, boxes, 0.3, 0.5)
    assert len(found.classes.unique()) > 150


def test_a_box_may_be_found_as_several_classes() -> None:
    scores, boxes = torch.tensor([[0.9, 0.8, 0.1]]), torch.tensor([[0.0, 0.0, 9.0, 9.0]])
    found = nms(scores, boxes, min_score=0.5)
    assert found.classes.tolist() == [0, 1]
    assert found.boxes.tolist() == [boxes[0].tolist()] * 2


def test_the_best_come_first_and_the_rest_is_cut_off() -> None:
    scores, boxes = crowd(300)
    everything = nms(scores, boxes, 0.05, 0.7, max_detections=10_000)
    few = nms(scores, boxes, 0.05, 0.7, max_detections=7)
    assert everything.scores.tolist() == sorted(everything.scores.tolist(), reverse=True)
    assert few.scores.tolist() == everything.scores[:7].tolist()


def test_of_equal_scores_the_lower_class_and_earlier_position_come_first() -> None:
    corners = torch.arange(20.0)[:, None] * 10
    boxes = torch.cat((corners, corners, corners + 5, corners + 5), dim=1)
    found = nms(torch.full((20, 2), 0.5), boxes, 0.1)
    assert found.classes.tolist() == [0] * 20 + [1] * 20
    assert found.boxes[:, 0].tolist() == 2 * corners[:, 0].tolist()


def test_a_score_at_the_threshold_is_no_candidate() -> None:
    scores, boxes = torch.tensor([[0.5], [0.75]]), torch.tensor([[0.0, 0, 1, 1], [5, 5, 6, 6]])
    assert nms(scores, boxes, min_score=0.5).scores.tolist() == [0.75]


def test_a_threshold_of_1_keeps_the_most_confident_pairs_of_box_and_class() -> None:
    boxes = torch.tensor([[0.0, 0, 8, 8]] * 3)  # of equal boxes NMS would keep one
    scores = torch.tensor([[0.5, 0.9], [0.2, 0.5], [0.7, 0.5]])
    found = nms(scores, boxes, min_score=0.3, max_iou=1.0, max_detections=4)
    assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.5, 0.5])
    assert found.classes.tolist() == [1, 0, 0, 1]  # ties: lower class, then earlier position
    assert torch.equal(found.boxes, boxes[[0, 2, 0, 1]])
    assert len(nms(scores, boxes, min_score=0.3, max_iou=0.99).scores) == 2


def test_nothing_found_is_no_error() -> None:
    found = nms(torch.zeros(10, 3), torch.zeros(10, 4))
    assert [tuple(part.shape) for part in found] == [(0, 4), (0,), (0,)]


def test_beyond_the_most_candidates_the_best_enter() -> None:
    count = MAX_CANDIDATES + 1_000
    corners = torch.arange(count, dtype=torch.float32)[:, None] * 2
    boxes = torch.cat((corners, corners, corners + 1, corners + 1), dim=1)  # none overlap
    scores = torch.linspace(0.1, 0.9, count)[:, None]
    found = nms(scores, boxes, 0.05, 0.7, max_detections=count)
    assert len(found.scores) == MAX_CANDIDATES
    assert found.scores.min() > scores[999]


def crowd(count: int) -> tuple[Tensor, Tensor]:
    """Scores (count, 5) and boxes (count, 4) on some 320 pixels; with 600 those of the golden."""
    x, y = ((hashed(stream, count) + 1) * 160 for stream in (7001, 7002))
    w, h = (20 + 40 * (hashed(stream, count) + 1) for stream in (7003, 7004))
    boxes = np.stack((x - w / 2, y - h / 2, x + w / 2, y + h / 2), axis=1)
    scores = ((hashed(7005, count * CLASSES) + 1) / 2) ** 3
    return (
        torch.from_numpy(scores.reshape(count, CLASSES)).float(),
        torch.from_numpy(boxes).float(),
    )


def slow_nms(
    scores: Tensor, boxes: Tensor, min_score: float, max_iou: float
) -> list[tuple[float, int, list[float]]]:
    """The definition: best first, each kept unless a kept one of its class overlaps it too far."""
    candidates = [
        (scores[position, label].item(), label, boxes[position].tolist())
        for position in range(len(scores))
        for label in range(scores.shape[1])
        if scores[position, label] > min_score
    ]
    kept: list[tuple[float, int, list[float]]] = []
    for candidate in sorted(candidates, key=lambda each: -each[0]):
        if all(
            candidate[1] != better[1] or iou(candidate[2], better[2]) <= max_iou for better in kept
        ):
            kept.append(candidate)
    return kept


def iou(a: list[float], b: list[float]) -> float:
    """Area shared over area covered."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (sum(areas) - shared)
