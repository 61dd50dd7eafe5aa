"""The assigners by the name a recipe gives them."""

from __future__ import annotations

from detector.assign.align_ota import AlignOTA
from detector.assign.assigner import Assigner
from detector.assign.atss import ATSS
from detector.assign.sim_ota import SimOTA
from detector.assign.tood import TOOD

ASSIGNERS: dict[str, type[Assigner]] = {
    "align_ota": AlignOTA,
    "atss": ATSS,
    "sim_ota": SimOTA,
    "tood": TOOD,
}
