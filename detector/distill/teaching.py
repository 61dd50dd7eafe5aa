"""A teacher and the feature loss of its student."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maenas.detector.distill.cwd import CWD
from maenas.detector.distill.feature_loss import FeatureLoss
from maenas.detector.distill.mgd import MGD
from maenas.detector.distill.mimic import Mimicking
from maenas.detector.distill.options import DistillOptions
from maenas.detector.distill.teacher import Teacher
from maenas.detector.model.levels import at_levels
from maenas.detector.model.spec import DetectorSpec

FEATURE_LOSSES: dict[str, type[FeatureLoss]] = {"cwd": CWD, "mgd": MGD, "mimic": Mimicking}


@dataclass(frozen=True, slots=True)
class Teaching:
    """A teacher and the feature loss of its student.

    Attributes:
        teacher: teacher in deployed form.
        loss: feature loss with its projections.
        options: options of the distillation.
    """

    teacher: Teacher
    loss: FeatureLoss
    options: DistillOptions

    def teacher_maps(self, images: Tensor, precision: torch.dtype | None) -> list[Tensor]:
        """The teacher's maps for these images, computed in `precision`; None is fp32."""
        with torch.autocast(images.device.type, precision, enabled=precision is not None):
            return self.teacher.maps(images, self.options.features, self.options.levels)


def teaching(teacher: Teacher, student: DetectorSpec, options: DistillOptions) -> Teaching:
    """The teaching of a student; PyTorch's global generator initialises the projections."""
    loss = FEATURE_LOSSES[options.method](
        channels(student, options), channels(teacher.spec, options)
    )
    return Teaching(teacher, loss, options)


def channels(spec: DetectorSpec, options: DistillOptions) -> list[int]:
    """Numbers of channels of the maps that are compared."""
    widths = (
        spec.neck.out_channels
        if options.features == "neck"
        else tuple(shape[0] for shape in spec.backbone.feature_shapes())
    )
    return at_levels(widths, options.levels)
