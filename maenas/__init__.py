"""The best object detector for a latency budget: searched, built and trained by one package."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.blocks.errors import MaenasError
    from maenas.detection.detector import Detector
    from maenas.detector.ops.thresholds import Thresholds

__version__ = "0.2.0"
__all__ = ["Detector", "MaenasError", "Thresholds", "__version__"]

# Public names are imported when they are asked for: `maenas --help` waits for none of them, and
# a search never loads torch.
_HOMES = {
    "Detector": "maenas.detection.detector",
    "MaenasError": "maenas.blocks.errors",
    "Thresholds": "maenas.detector.predict.thresholds",
}


def __getattr__(name: str) -> object:
    """A public name, imported from the module that defines it."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
