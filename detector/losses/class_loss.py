"""The class loss of a batch: Quality Focal Loss over all classes of all priors, from few labels.

Only the class of a matched prior's object has a label above 0. The loss of the label 0 is computed
in chunks, and the entries with labels replace theirs: no tensor of labels exists, and the only
tensor of the size of the logits that is kept is their gradient.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from maenas.detector.assign.over_classes import row_slices
from maenas.detector.losses.quality_focal import focal_with_slope


class ClassLabels(NamedTuple):
    """The soft labels above 0 of a batch, for P matched priors.

    Attributes:
        image: (P,) int64, index of the prior's image.
        prior: (P,) int64, index of the prior.
        classes: (P,) int64, class of its object.
        quality: (P,), soft label of that class in 0..1.
    """

    image: Tensor
    prior: Tensor
    classes: Tensor
    quality: Tensor


def class_loss(
    logits: Tensor,
    labels: ClassLabels,
    ignored: Tensor,
    annotated: Tensor | None = None,
    exclusive: bool = False,
) -> Tensor:
    """The sum of the Quality Focal Loss over all classes that are learned.

    Args:
        logits: (B, N, C) float32, scores before the sigmoid.
        labels: labels of the matched priors; all other labels are 0.
        ignored: (B, N) bool, priors that learn no class; none of them is matched.
        annotated: (B, C) bool, classes that are annotated in each image. Another class is learned
            by the priors matched to an object of that class alone. None for all.
        exclusive: whether an object has one class only, so that matched priors learn that all other
            classes are absent, annotated or not.
    Returns:
        0-D float32.
    """
    loss: Tensor = _ClassLoss.apply(logits, *labels, ignored, annotated, exclusive)
    return loss


class _ClassLoss(Function):
    """Computes loss and gradient together, in chunks of rows, each with the classes of a prior."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        image: Tensor,
        prior: Tensor,
        classes: Tensor,
        quality: Tensor,
        ignored: Tensor,
        annotated: Tensor | None,
        exclusive: bool,
    ) -> Tensor:
        flat, priors = logits.flatten(0, 1), logits.shape[1]
        learned = flat if annotated is None else annotated.to(flat.dtype)  # (B, C)
        slope = torch.empty_like(flat)
        of_rows = flat.new_empty(len(flat))
        image_of_row = torch.arange(len(flat), device=flat.device) // priors
        for part in row_slices(flat):
            losses, slopes = focal_with_slope(flat[part])
            if annotated is not None:
                known = learned[image_of_row[part]]  # products are faster than masked_fill
                losses.mul_(known)
                slopes.mul_(known)
            of_rows[part] = losses.sum(dim=-1)
            slope[part] = slopes
        row = image * priors + prior
        own = flat[row, classes]
        absent = focal_with_slope(own)[0]
        if annotated is not None and exclusive:
            losses, slope[row] = focal_with_slope(flat[row])
            of_rows[row] = losses.sum(dim=-1)
        elif annotated is not None:
            absent = absent.where(annotated[image, classes], 0.0)
        matched, slope_of_matched = focal_with_slope(own, quality)
        slope[row, classes] = slope_of_matched
        of_rows[row] += matched - absent
        slope[ignored.flatten()] = 0.0
        ctx.save_for_backward(slope.view_as(logits))
        return of_rows.masked_fill_(ignored.flatten(), 0.0).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (slope,) = ctx.saved_tensors
        # In place: PyTorch sees that a saved tensor has changed and refuses a second pass.
        return slope.mul_(grads[0]), None, None, None, None, None, None, None
