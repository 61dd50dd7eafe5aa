"""A teacher and the loss that its student is held to."""

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
from maenas.detector.model.spec import DetectorSpec

FEATURE_LOSSES: dict[str, type[FeatureLoss]] = {"cwd": CWD, "mgd": MGD, "mimic": Mimicking}


@dataclass(frozen=True, slots=True)
class Teaching:
    """What a student is taught, and by whom.

    Attributes:
        teacher: in the form it runs in.
        loss: between maps, with its projections.
        options: which maps, and what they count.
    """

    teacher: Teacher
    loss: FeatureLoss
    options: DistillOptions

    def teacher_maps(self, images: Tensor, precision: torch.dtype | None) -> list[Tensor]:
        """The teacher's maps of these images, computed in numbers of its own."""
        with torch.autocast(images.device.type, precision, enabled=precision is not None):
            return self.teacher.maps(images, self.options.features, self.options.levels)


def teaching(teacher: Teacher, student: DetectorSpec, options: DistillOptions) -> Teaching:
    """A teacher for a student; projections are drawn from torch's generator."""
    loss = FEATURE_LOSSES[options.method](
        channels(student, options), channels(teacher.spec, options)
    )
    return Teaching(teacher, loss, options)


def channels(spec: DetectorSpec, options: DistillOptions) -> list[int]:
    """Widths of the maps that are compared."""
    widths = (
        spec.neck.out_channels
        if options.features == "neck"
        else tuple(shape[0] for shape in spec.backbone.feature_shapes())
    )
    return [widths[level - 3] for level in options.levels]
