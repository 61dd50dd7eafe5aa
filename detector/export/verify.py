"""Whether an exported model computes what torch computes."""

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

ROUNDING = 4  # times torch's own error in f32 that another order of summation may make


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two pairs of scores and boxes.

    Attributes:
        scores: of a score.
        boxes: of a side of a box, in pixels.
        mean_scores: the mean over all scores.
        mean_boxes: the mean over all sides, in pixels.
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
    """How far an export may be from torch.

    Attributes:
        of: whether the largest difference is held to it, or the mean.
        scores: of a score.
        boxes: of a side of a box, in pixels.
    """

    of: Literal["largest", "mean"]
    scores: float
    boxes: float


# f32 is the same computation. The others round: a single box may move far where its distribution
# over distances is flat, so the mean is what they are held to.
TOLERANCES: dict[Precision, Tolerance] = {
    "f32": Tolerance("largest", 1e-3, 1e-3),
    "f16": Tolerance("mean", 2e-3, 0.5),
    "int8": Tolerance("mean", 3e-2, 8.0),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """What torch finds in an image.

    Attributes:
        scores: (1, N, num_classes), computed in 64 bits.
        boxes: (1, N, 4), computed in 64 bits.
        rounding: how far torch is from that in 32 bits.
    """

    scores: NDArray[np.float64]
    boxes: NDArray[np.float64]
    rounding: Difference


def reference_of(network: DetectorNetwork, image: Floats) -> Reference:
    """What a network finds in an image (1, 3, H, W); the network is left as it is."""
    deployed = cast("DetectorNetwork", deploy(network)).float().cpu()
    pixels = torch.from_numpy(image)
    with torch.inference_mode():
        scores, boxes = (found.numpy() for found in deployed.predict(pixels))
        exact = copy.deepcopy(deployed).double()
        exact_scores, exact_boxes = (found.numpy() for found in exact.predict(pixels.double()))
    rounding = difference((exact_scores, exact_boxes), (scores, boxes))
    return Reference(exact_scores, exact_boxes, rounding)


def difference(
    wanted: tuple[NDArray[np.float64], NDArray[np.float64]], found: tuple[Floats, Floats]
) -> Difference:
    """Between scores and boxes of the same shapes.

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


def check(found: Difference, reference: Reference, precision: Precision) -> None:
    """Hold a difference to the tolerance of its precision.

    In f32, torch's own rounding counts as well: where it is large, no other order of summation
    comes closer.

    Raises:
        ExportError: saying what differs by how much.
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
    """Hold the detections of one image to our NMS on the scores and boxes that went in.

    Args:
        detections: (max_detections, 6) as x1 y1 x2 y2 score class, zeros behind the last.
        scores: (N, num_classes).
        boxes: (N, 4).
        options: of the NMS.
    Returns:
        How many there are.
    Raises:
        ExportError: if one is missing, superfluous or elsewhere.
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
    """Best first; equal scores by class and place, as NMS leaves their order open."""
    by = (*rows[:, :4].T, rows[:, 5], -rows[:, 4])  # the last counts first
    return rows[np.lexsort(by)]
