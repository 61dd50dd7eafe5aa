"""The class loss in chunks against the loss of dense labels, and the memory that it takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from maenas.detector.assign import over_classes
from maenas.detector.assign.align_ota import background
from maenas.detector.assign.over_classes import sum_over_classes
from maenas.detector.losses import ClassLabels, class_loss
from tests.live_tensors import LiveTensors

IMAGES, PRIORS, CLASSES, MATCHED = 2, 300, 20, 40


@pytest.fixture(params=["one chunk", "many chunks"])
def any_chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {"one chunk": 2**20, "many chunks": 7 * CLASSES}[request.param]
    monkeypatch.setitem(over_classes.MAX_NUMBERS, "cpu", numbers)


def batch(classes: int = CLASSES) -> tuple[Tensor, ClassLabels, Tensor, Tensor]:
    """Logits, labels, ignored priors and annotated classes; some objects have another class."""
    draw = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(IMAGES, PRIORS, classes, generator=draw) - 2
    image = torch.randint(IMAGES, (MATCHED,), generator=draw)
    prior = torch.randperm(PRIORS, generator=draw)[:MATCHED]
    labels = ClassLabels(
        image,
        prior,
        torch.randint(classes, (MATCHED,), generator=draw),
        torch.rand(MATCHED, generator=draw),
    )
    ignored = torch.rand(IMAGES, PRIORS, generator=draw) < 0.1
    ignored[image, prior] = False
    return logits, labels, ignored, torch.rand(IMAGES, classes, generator=draw) < 0.6


def quality_focal(logits: Tensor, labels: Tensor) -> Tensor:
    """Quality Focal Loss as the paper states it, with autograd's derivative."""
    entropy = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return entropy * (logits.sigmoid() - labels).abs() ** 2


@pytest.mark.usefixtures("any_chunks")
@pytest.mark.parametrize(
    ("masked", "exclusive"), [(False, False), (True, False), (True, True), (False, True)]
)
def test_it_is_the_quality_focal_loss_of_dense_labels(masked: bool, exclusive: bool) -> None:
    logits, labels, ignored, annotated = batch()
    dense = torch.zeros_like(logits)
    dense[labels.image, labels.prior, labels.classes] = labels.quality
    learned = ~ignored[..., None].expand_as(logits)
    if masked:
        learned = learned & annotated[:, None]
        learned[labels.image, labels.prior, labels.classes] = True
        if exclusive:
            learned[labels.image, labels.prior] = True
    one, other = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    found = class_loss(one, labels, ignored, annotated if masked else None, exclusive)
    expected = quality_focal(other, dense).masked_fill(~learned, 0.0).sum()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    (3 * found).backward()
    (3 * expected).backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-7)
    assert (one.grad != 0).equal(learned)


@pytest.mark.usefixtures("any_chunks")
@pytest.mark.parametrize("masked", [False, True])
def test_the_sum_over_classes_is_that_of_chosen_priors_and_annotated_classes(masked: bool) -> None:
    logits, _, chosen, annotated = batch()
    found = sum_over_classes(background, logits, chosen, annotated if masked else None)
    costs = background(logits.double()) * chosen[..., None]
    if masked:
        costs *= annotated[:, None]
    torch.testing.assert_close(found.double(), costs.sum(dim=-1), rtol=1e-5, atol=0)


def test_with_701_classes_little_more_is_held_than_the_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(over_classes.MAX_NUMBERS, "cpu", 2**14)
    logits, labels, ignored, annotated = batch(701)
    logits.requires_grad_()
    size = logits.numel() * logits.element_size()
    with LiveTensors() as tensors:
        class_loss(logits, labels, ignored, annotated).backward()
    assert tensors.peak_bytes >= size  # the gradient itself
    assert tensors.peak_bytes <= 1.3 * size


def test_a_sum_over_701_classes_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(over_classes.MAX_NUMBERS, "cpu", 2**14)
    logits, _, chosen, annotated = batch(701)
    with LiveTensors() as tensors:
        sum_over_classes(background, logits, chosen, annotated)
    assert tensors.peak_bytes <= 0.3 * logits.numel() * logits.element_size()
