"""Loss functions of the detector."""

from maenas.detector.losses.class_loss import ClassLabels, class_loss
from maenas.detector.losses.detection_loss import (
    ONE_TO_ONE,
    LossWeights,
    assigned_loss,
    detection_loss,
)
from maenas.detector.losses.distribution_focal import distribution_focal_loss
from maenas.detector.losses.flat_maps import FlatMaps, flat_maps
from maenas.detector.losses.giou import giou_loss

__all__ = [
    "ONE_TO_ONE",
    "ClassLabels",
    "FlatMaps",
    "LossWeights",
    "assigned_loss",
    "class_loss",
    "detection_loss",
    "distribution_focal_loss",
    "flat_maps",
    "giou_loss",
]
