"""Distillation: a small detector learns from the feature maps of a larger one."""

from maenas.detector.distill.cwd import CWD
from maenas.detector.distill.feature_loss import FeatureLoss
from maenas.detector.distill.mgd import MGD
from maenas.detector.distill.mimic import Mimicking
from maenas.detector.distill.options import DistillOptions
from maenas.detector.distill.teacher import Teacher
from maenas.detector.distill.teaching import FEATURE_LOSSES, Teaching, teaching

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
