"""The best object detector for a latency budget: searched, built and trained by one package.

All of it:

    import maenas

    result = maenas.run("30ms", data="pets/data.yaml", device="cpu")
    print(result.ap, result.measured_ms, result.model)
    detector = maenas.Detector(result.detector)
    found = detector("street.jpg", min_score=0.3)
    print(found.labels, found.scores, found.boxes)

Step by step:

    found = maenas.search("3.8ms", device="t4", data="pets/data.yaml")
    maenas.build_detector(found.folder, "detector")
    detector = maenas.Detector("detector")
    trained = detector.train("pets/data.yaml", epochs=50)
    print(trained.best_ap, detector.val("pets/data.yaml").ap50)
    print(detector.export("detector.onnx").path)

Nothing is printed: progress and notes go to the logger "maenas", so
`logging.basicConfig(level=logging.INFO)` shows them.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

# Before any other import, since libraries report their usage when they are imported: nothing is
# sent anywhere. `budgets/usage_reports.py` says what each entry switches off.
os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true",
    NNCF_CI="1",
    ORT_DISABLE_TELEMETRY="1",
    RAY_USAGE_STATS_ENABLED="0",
)
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

# A user's program decides which records are shown; without set-up nothing is printed.
logging.getLogger(__name__).addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from maenas.api.calibration import calibrate
    from maenas.api.data import (
        check_data,
        convert_data,
        data_stats,
        make_shapes,
        show_data,
        union_data,
    )
    from maenas.api.detection import detect, val
    from maenas.api.detector import Detector
    from maenas.api.export import export
    from maenas.api.inspection import checks, score, show, table, tables, zoo
    from maenas.api.judge import calibrate_score, judge
    from maenas.api.kit import read_kit, write_kit
    from maenas.api.latency import compare, extend_profile, measure, predict, profile
    from maenas.api.networks import build_detector, import_weights, load_backbone
    from maenas.api.race import race
    from maenas.api.run import run
    from maenas.api.schemas import schema, schemas
    from maenas.api.search import search, search_each, search_portfolio
    from maenas.api.training import card, distill, train, train_family
    from maenas.backbone_search.effort import Effort
    from maenas.blocks.errors import MaenasError
    from maenas.detector.ops.thresholds import Thresholds
    from maenas.detector.predict.results import Objects
    from maenas.runs.config import SearchConfig

__version__ = "0.2.0"

# Public names are imported when they are first used: `maenas --help` waits for none of them, and
# a search never loads torch.
_HOMES = {
    "Detector": "maenas.api.detector",
    "Effort": "maenas.backbone_search.run",
    "MaenasError": "maenas.blocks.errors",
    "Objects": "maenas.detector.predict.results",
    "SearchConfig": "maenas.runs.config",
    "Thresholds": "maenas.detector.ops.thresholds",
    "build_detector": "maenas.api.networks",
    "calibrate_score": "maenas.api.judge",
    "card": "maenas.api.training",
    "calibrate": "maenas.api.calibration",
    "check_data": "maenas.api.data",
    "checks": "maenas.api.inspection",
    "compare": "maenas.api.latency",
    "convert_data": "maenas.api.data",
    "data_stats": "maenas.api.data",
    "detect": "maenas.api.detection",
    "distill": "maenas.api.training",
    "export": "maenas.api.export",
    "extend_profile": "maenas.api.latency",
    "import_weights": "maenas.api.networks",
    "judge": "maenas.api.judge",
    "load_backbone": "maenas.api.networks",
    "make_shapes": "maenas.api.data",
    "measure": "maenas.api.latency",
    "predict": "maenas.api.latency",
    "profile": "maenas.api.latency",
    "race": "maenas.api.race",
    "read_kit": "maenas.api.kit",
    "run": "maenas.api.run",
    "schema": "maenas.api.schemas",
    "schemas": "maenas.api.schemas",
    "score": "maenas.api.inspection",
    "search": "maenas.api.search",
    "search_each": "maenas.api.search",
    "search_portfolio": "maenas.api.search",
    "show": "maenas.api.inspection",
    "show_data": "maenas.api.data",
    "table": "maenas.api.inspection",
    "tables": "maenas.api.inspection",
    "train": "maenas.api.training",
    "train_family": "maenas.api.training",
    "union_data": "maenas.api.data",
    "val": "maenas.api.detection",
    "write_kit": "maenas.api.kit",
    "zoo": "maenas.api.inspection",
}
__all__ = [
    "Detector",
    "Effort",
    "MaenasError",
    "Objects",
    "SearchConfig",
    "Thresholds",
    "__version__",
    "build_detector",
    "calibrate",
    "calibrate_score",
    "card",
    "check_data",
    "checks",
    "compare",
    "convert_data",
    "data_stats",
    "detect",
    "distill",
    "export",
    "extend_profile",
    "import_weights",
    "judge",
    "load_backbone",
    "make_shapes",
    "measure",
    "predict",
    "profile",
    "race",
    "read_kit",
    "run",
    "schema",
    "schemas",
    "score",
    "search",
    "search_each",
    "search_portfolio",
    "show",
    "show_data",
    "table",
    "tables",
    "train",
    "train_family",
    "union_data",
    "val",
    "write_kit",
    "zoo",
]


def __getattr__(name: str) -> object:
    """A public name, imported from the module that defines it."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
