"""Distillation: a small detector learns from the maps of a larger one."""

from detector.distill.cwd import CWD
from detector.distill.feature_loss import FeatureLoss
from detector.distill.mgd import MGD
from detector.distill.mimic import Mimicking
from detector.distill.options import DistillOptions
from detector.distill.teacher import Teacher
from detector.distill.teaching import FEATURE_LOSSES, Teaching, teaching

__all__ = [
    "CWD",
    "FEATURE_LOSSES",
    "MGD",
    "DistillOptions",
    "FeatureLoss",
    "Mimicking",
    "Teacher",
    "Teaching",
    "teaching",
]
