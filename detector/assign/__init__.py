"""Label assignment: which object each position of the head learns."""

from detector.assign.align_ota import AlignOTA
from detector.assign.assigner import (
    Assigner,
    Assignment,
    Predictions,
    Priors,
    Targets,
    padded_targets,
)
from detector.assign.atss import ATSS
from detector.assign.named import ASSIGNERS
from detector.assign.sim_ota import SimOTA
from detector.assign.tood import TOOD

__all__ = [
    "ASSIGNERS",
    "ATSS",
    "TOOD",
    "AlignOTA",
    "Assigner",
    "Assignment",
    "Predictions",
    "Priors",
    "SimOTA",
    "Targets",
    "padded_targets",
]
