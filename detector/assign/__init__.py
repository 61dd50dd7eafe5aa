"""Label assignment: which object each anchor point of the head learns."""

from maenas.detector.assign.align_ota import AlignOTA
from maenas.detector.assign.assigner import (
    Assigner,
    Assignment,
    Predictions,
    Priors,
    Targets,
    padded_targets,
)
from maenas.detector.assign.atss import ATSS
from maenas.detector.assign.load import ASSIGNERS
from maenas.detector.assign.one_to_one import OneToOne
from maenas.detector.assign.sim_ota import SimOTA
from maenas.detector.assign.tood import TOOD

__all__ = [
    "ASSIGNERS",
    "ATSS",
    "TOOD",
    "AlignOTA",
    "Assigner",
    "Assignment",
    "OneToOne",
    "Predictions",
    "Priors",
    "SimOTA",
    "Targets",
    "padded_targets",
]
