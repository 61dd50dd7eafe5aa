"""The detector's loss against plain loops, and what must hold in training."""

from __future__ import annotations

from math import floor

import numpy as np
import pytest
import torch
from torch import Tensor

from maenas.detector.assign import ASSIGNERS, AlignOTA, Assigner
from maenas.detector.losses import LossWeights, detection_loss
from maenas.detector.model.raw_level import RawLevel
from maenas.testing.scenes import BINS, CASES, CLASSES, Scene, scene
from tests.slow_assign import partly_annotated, slow_iou

every_assigner = pytest.mark.parametrize(
    "assign", [kind() for kind in ASSIGNERS.values()], ids=[*ASSIGNERS]
)


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_plain_loops_say(case: str) -> None:
    batch = scene(case)
    found = detection_loss(batch.levels, batch.targets, AlignOTA())
    assert {name: part.item() for name, part in found.items()} == pytest.approx(
        slow_loss(batch), rel=1e-4, abs=1e-6
    )


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("case", ["some objects", "ignore regions", "no objects"])
def test_with_classes_that_are_not_annotated_it_is_what_plain_loops_say(
    case: str, seed: int
) -> None:
    batch = partly_annotated(scene(case), seed)
    found = detection_loss(batch.levels, batch.targets, AlignOTA())
    assert {name: part.item() for name, part in found.items()} == pytest.approx(
        slow_loss(batch), rel=1e-4, abs=1e-6
    )


@every_assigner
def test_a_class_that_is_not_annotated_is_learned_by_the_priors_of_its_objects_alone(
    assign: Assigner,
) -> None:
    batch = partly_annotated(scene("some objects"), 1)
    assert batch.targets.annotated is not None
    maps = [level.scores.requires_grad_() for level in batch.levels]
    matched = assign(batch.predictions, batch.priors, batch.targets).matched
    sum(detection_loss(batch.levels, batch.targets, assign).values()).backward()
    gradient = torch.cat([leaf.grad.flatten(2) for leaf in maps], dim=2).mT  # (B, N, C)
    learned = batch.targets.annotated[:, None].expand_as(gradient).clone()
    image, prior = (matched >= 0).nonzero(as_tuple=True)
    own = batch.targets.labels[image, matched[image, prior]]
    assert not learned[image, prior, own].all()  # some objects have such a class
    learned[image, prior, own] = True
    assert (gradient != 0).equal(learned)


@every_assigner
def test_a_mask_of_classes_that_are_all_annotated_changes_no_bit(assign: Assigner) -> None:
    batch = scene("ignore regions")
    known = torch.ones_like(batch.predictions.logits[:, 0], dtype=torch.bool)
    masked = batch.targets._replace(annotated=known)
    found, expected = (
        [*losses.values(), *torch.autograd.grad(sum(losses.values()), maps)]
        for maps in [[leaf.requires_grad_() for level in batch.levels for leaf in level]]
        for losses in (
            detection_loss(batch.levels, targets, assign) for targets in (masked, batch.targets)
        )
    )
    assert all(map(torch.equal, found, expected))


@every_assigner
@pytest.mark.parametrize("case", CASES)
def test_every_map_gets_a_finite_gradient(assign: Assigner, case: str) -> None:
    batch = scene(case)
    leaves = [leaf.requires_grad_() for level in batch.levels for leaf in level]
    sum(detection_loss(batch.levels, batch.targets, assign).values()).backward()
    assert all(leaf.grad is not None and leaf.grad.isfinite().all() for leaf in leaves)


def test_without_objects_the_boxes_have_a_gradient_of_zero() -> None:
    batch = scene("no objects")
    leaves = [level.distances.requires_grad_() for level in batch.levels]
    parts = detection_loss(batch.levels, batch.targets, AlignOTA())
    assert parts["giou"].item() == parts["distribution_focal"].item() == 0
    sum(parts.values()).backward()
    assert all(leaf.grad is not None and not leaf.grad.any() for leaf in leaves)


def test_ignored_priors_have_no_class_loss() -> None:
    batch = scene("ignore regions")
    maps = [level.scores.requires_grad_() for level in batch.levels]
    ignored = AlignOTA()(batch.predictions, batch.priors, batch.targets).ignored
    detection_loss(batch.levels, batch.targets, AlignOTA())["quality_focal"].backward()
    gradient = torch.cat([leaf.grad.flatten(2) for leaf in maps], dim=2).mT  # (B, N, C)
    assert ignored.any()
    assert not gradient[ignored].any()
    assert gradient[~ignored].abs().sum(dim=-1).min() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_maps_cost_what_their_numbers_cost_in_full(dtype: torch.dtype) -> None:
    batch = scene("some objects")
    half = [RawLevel(*(part.to(dtype) for part in level)) for level in batch.levels]
    full = [RawLevel(*(part.float() for part in level)) for level in half]
    with torch.autocast("cpu", torch.bfloat16):
        found = detection_loss(half, batch.targets, AlignOTA())
    expected = detection_loss(full, batch.targets, AlignOTA())
    assert {part.dtype for part in found.values()} == {torch.float32}
    assert {name: part.item() for name, part in found.items()} == pytest.approx(
        {name: part.item() for name, part in expected.items()}, rel=1e-6
    )


def test_weights_weigh_their_part() -> None:
    batch = scene("some objects")
    usual = detection_loss(batch.levels, batch.targets, AlignOTA())
    weights = LossWeights(quality_focal=3.0, distribution_focal=0.5, giou=0.0)
    found = detection_loss(batch.levels, batch.targets, AlignOTA(), weights=weights)
    assert found["quality_focal"].item() == pytest.approx(3 * usual["quality_focal"].item())
    assert found["distribution_focal"].item() == pytest.approx(
        2 * usual["distribution_focal"].item()
    )
    assert found["giou"].item() == 0


def test_processes_that_share_normalisers_mean_the_loss_of_the_whole_batch() -> None:
    batch = scene("some objects")
    whole = detection_loss(batch.levels, batch.targets, AlignOTA())
    shares = [shard(batch, slice(0, 1)), shard(batch, slice(1, 3))]
    seen: list[Tensor] = []

    def remember(counts: Tensor) -> Tensor:
        seen.append(counts)
        return counts

    for share in shares:
        detection_loss(share.levels, share.targets, AlignOTA(), reduce=remember)
    mean = torch.stack(seen).mean(dim=0)
    losses = [
        detection_loss(share.levels, share.targets, AlignOTA(), reduce=lambda counts: mean)
        for share in shares
    ]
    assert len(seen) == 2  # once for each process
    for name, part in whole.items():
        assert sum(loss[name] for loss in losses).item() / 2 == pytest.approx(part.item(), rel=1e-5)


@every_assigner
def test_following_its_gradient_makes_it_smaller(assign: Assigner) -> None:
    batch = scene("some objects")
    leaves = [leaf.requires_grad_() for level in batch.levels for leaf in level]
    optimizer = torch.optim.Adam(leaves, 0.05)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = sum(detection_loss(batch.levels, batch.targets, assign).values())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def shard(batch: Scene, images: slice) -> Scene:
    """Some images of a batch."""
    levels = [RawLevel(*(part[images] for part in level)) for level in batch.levels]
    return Scene(levels, batch.targets.part(images))


def slow_loss(batch: Scene) -> dict[str, float]:
    """The parts in float64, one prior after the other."""
    logits, _ = (part.double().numpy() for part in batch.predictions)
    points, strides = (part.double().numpy() for part in batch.priors)
    matched, quality, _ = (
        part.numpy() for part in AlignOTA()(batch.predictions, batch.priors, batch.targets)
    )
    ignored = AlignOTA()(batch.predictions, batch.priors, batch.targets).ignored.numpy()
    scores = 1 / (1 + np.exp(-logits))
    target = np.zeros_like(scores)
    learned = np.ones_like(scores, bool)
    if batch.targets.annotated is not None:
        learned[:] = batch.targets.annotated[:, None].numpy()
    bins = distances_of(batch)
    giou = sides = weight = 0.0
    for image, prior in zip(*np.nonzero(matched >= 0), strict=True):
        index = matched[image, prior]
        label = int(batch.targets.labels[image, index])
        target[image, prior, label] = quality[image, prior]
        learned[image, prior, label] = True
        box = batch.targets.boxes[image, index].double().numpy()
        point, stride = points[prior], strides[prior]
        chances = np.exp(bins[image, prior])
        chances /= chances.sum(axis=-1, keepdims=True)  # (4, bins)
        left, top, right, bottom = (chances @ np.arange(BINS)) * stride
        predicted = np.array([point[0] - left, point[1] - top, point[0] + right, point[1] + bottom])
        confidence = scores[image, prior][learned[image, prior]].max()
        weight += confidence
        giou += confidence * (1 - slow_giou(predicted, box))
        wanted = np.concatenate((point - box[:2], box[2:] - point)) / stride
        for side, distance in enumerate(wanted.clip(0, BINS - 1.1)):
            lower = floor(distance)
            near, far = -np.log(chances[side, lower : lower + 2])
            sides += confidence * (near * (lower + 1 - distance) + far * (distance - lower)) / 4
    entropy = -(target * np.log(scores) + (1 - target) * np.log(1 - scores))
    focal = entropy * (target - scores) ** 2
    return {
        "quality_focal": focal[~ignored[..., None] & learned].sum() / max((matched >= 0).sum(), 1),
        "giou": 2 * giou / max(weight, 1),
        "distribution_focal": 0.25 * sides / max(weight, 1),
    }


def distances_of(batch: Scene) -> np.ndarray:
    """Logits of the bins, (B, N, 4, bins), read from the maps as the head lays them out."""
    flat = [level.distances.double().numpy().reshape(3, 4, BINS, -1) for level in batch.levels]
    return np.concatenate(flat, axis=3).transpose(0, 3, 1, 2)


def slow_giou(box: np.ndarray, other: np.ndarray) -> float:
    iou = slow_iou(box, other[None])[0]
    hull = (np.maximum(box, other)[2:] - np.minimum(box, other)[:2]).prod()
    areas = (box[2:] - box[:2]).prod() + (other[2:] - other[:2]).prod()
    union = areas / (1 + iou)  # the areas are union + intersection
    return iou - (hull - union) / hull


def test_scenes_have_the_classes_and_bins_of_the_loops() -> None:
    level = scene("some objects").levels[0]
    assert (level.scores.shape[1], level.distances.shape[1]) == (CLASSES, 4 * BINS)
