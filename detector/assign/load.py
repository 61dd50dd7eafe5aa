"""The assigners by their name in a recipe."""

from __future__ import annotations

from maenas.detector.assign.align_ota import AlignOTA
from maenas.detector.assign.assigner import Assigner
from maenas.detector.assign.atss import ATSS
from maenas.detector.assign.sim_ota import SimOTA
from maenas.detector.assign.tood import TOOD

ASSIGNERS: dict[str, type[Assigner]] = {
    "align_ota": AlignOTA,
    "atss": ATSS,
    "sim_ota": SimOTA,
    "tood": TOOD,
}
