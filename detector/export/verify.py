"""Check that an exported model agrees with torch."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from maenas.blocks.layers.deploy import deploy
from maenas.detector.arrays import Floats
from maenas.detector.errors import ExportError
from maenas.detector.ops.nms import nms

if TYPE_CHECKING:
    from maenas.detector.model.layers.network import DetectorNetwork
    from maenas.detector.ops.thresholds import Thresholds
    from maenas.detector.runtimes.metadata import Precision

# Allowed f32 error, in multiples of torch's own: the order of summation differs. A trained network
# was refused at 4, for a box that was 0.0019 pixels off.
ROUNDING = 8


@dataclass(frozen=True, slots=True)
class Difference:
    """Absolute differences between two pairs of scores and boxes.

    Attributes:
        scores: largest difference of a score.
        boxes: largest difference of a box coordinate, in pixels.
        mean_scores: mean difference over all scores.
        mean_boxes: mean difference over all box coordinates, in pixels.
    """

    scores: float
    boxes: float
    mean_scores: float
    mean_boxes: float

    def __str__(self) -> str:
        return (
            f"scores {self.scores:.1e} (mean {self.mean_scores:.1e}), "
            f"boxes {self.boxes:.1e} px (mean {self.mean_boxes:.1e})"
        )


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Largest allowed difference of an exported model from torch.

    Attributes:
        of: difference that is limited, the largest or the mean.
        scores: limit for scores.
        boxes: limit for box coordinates, in pixels.
    """

    of: Literal["largest", "mean"]
    scores: float
    boxes: float


# f32 is the same computation. A fiftieth of a pixel changes no result, and detectors that have
# hardly trained, whose distributions over distances are flat, came 0.006 pixels apart. The other
# precisions round: a single box may move far where its distribution is flat, so their mean
# difference is limited.
TOLERANCES: dict[Precision, Tolerance] = {
    "f32": Tolerance("largest", 1e-3, 2e-2),
    "f16": Tolerance("mean", 2e-3, 0.5),
    "int8": Tolerance("mean", 3e-2, 8.0),
}


@dataclass(frozen=True, slots=True)
class ExactOutputs:
    """Outputs of torch for an image before NMS.

    Attributes:
        scores: (1, N, num_classes), computed in float64.
        boxes: (1, N, 4), computed in float64.
        rounding: difference of torch in float32 from these.
    """

    scores: NDArray[np.float64]
    boxes: NDArray[np.float64]
    rounding: Difference


def reference_of(network: DetectorNetwork, image: Floats) -> ExactOutputs:
    """Outputs of a network for an image (1, C, H, W); the network is not changed."""
    deployed = cast("DetectorNetwork", deploy(network)).float().cpu()
    pixels = torch.from_numpy(image)
    with torch.inference_mode():
        scores, boxes = (found.numpy() for found in deployed.predict(pixels))
        exact = copy.deepcopy(deployed).double()
        exact_scores, exact_boxes = (found.numpy() for found in exact.predict(pixels.double()))
    rounding = difference((exact_scores, exact_boxes), (scores, boxes))
    return ExactOutputs(exact_scores, exact_boxes, rounding)


def difference(
    wanted: tuple[NDArray[np.float64], NDArray[np.float64]], found: tuple[Floats, Floats]
) -> Difference:
    """Difference between scores and boxes of the same shapes.

    Raises:
        ExportError: if the shapes differ or a number is not finite.
    """
    for name, want, have in zip(("scores", "boxes"), wanted, found, strict=True):
        if want.shape != have.shape:
            raise ExportError(f"{name}: are {have.shape} where torch has {want.shape}.")
        if not np.isfinite(have).all():
            raise ExportError(f"{name}: are not all finite; the precision is too low for them.")
    scores, boxes = (abs(want - have) for want, have in zip(wanted, found, strict=True))
    return Difference(
        float(scores.max()), float(boxes.max()), float(scores.mean()), float(boxes.mean())
    )


def check(found: Difference, reference: ExactOutputs, precision: Precision) -> None:
    """Raise if a difference exceeds the tolerance of its precision.

    In f32 the tolerance grows with torch's own rounding error: where that is large, a runtime with
    another order of summation cannot come closer.

    Raises:
        ExportError: if it does; the message gives the difference.
    """
    tolerance = TOLERANCES[precision]
    scores, boxes = tolerance.scores, tolerance.boxes
    if tolerance.of == "largest":
        scores = max(scores, ROUNDING * reference.rounding.scores)
        boxes = max(boxes, ROUNDING * reference.rounding.boxes)
        within = found.scores <= scores and found.boxes <= boxes
    else:
        within = found.mean_scores <= scores and found.mean_boxes <= boxes
    if not within:
        raise ExportError(
            f"the export differs from torch: {found}; at most {scores:.1e} and {boxes:.1e} px "
            f"({tolerance.of}) are allowed in {precision}."
        )


def check_detections(detections: Floats, scores: Floats, boxes: Floats, options: Thresholds) -> int:
    """Raise unless the detections of one image equal those of our NMS on the same input.

    Args:
        detections: (max_detections, 6) as x1 y1 x2 y2 score class, zeros behind the last.
        scores: (N, num_classes), scores that the NMS got.
        boxes: (N, 4), boxes that the NMS got.
        options: thresholds of the NMS.
    Returns:
        The number of detections.
    Raises:
        ExportError: if a detection is missing, superfluous or in another place.
    """
    wanted = nms(
        torch.from_numpy(scores.copy()),
        torch.from_numpy(boxes.copy()),
        options.min_score,
        options.max_iou,
        options.max_detections,
    )
    rows = torch.cat((wanted.boxes, wanted.scores[:, None], wanted.classes[:, None]), dim=1)
    found = detections[detections[:, 4] > 0]
    if len(found) != len(rows):
        raise ExportError(f"the export finds {len(found)} objects where torch finds {len(rows)}.")
    for mine, theirs in zip(_ordered(found), _ordered(rows.numpy()), strict=True):
        if not np.allclose(mine, theirs, rtol=0, atol=1e-3):
            raise ExportError(f"the export finds {mine} where torch finds {theirs}.")
    return len(found)


def _ordered(rows: Floats) -> Floats:
    """Rows with the best first; equal scores are sorted by class and box, to compare two NMS."""
    by = (*rows[:, :4].T, rows[:, 5], -rows[:, 4])  # `lexsort` sorts by the last key first
    return rows[np.lexsort(by)]
