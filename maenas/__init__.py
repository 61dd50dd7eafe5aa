"""The best object detector for a latency budget: searched, built and trained by one package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.errors import MaenasError
from detector.thresholds import Thresholds

if TYPE_CHECKING:
    from maenas.detector import Detector

__version__ = "0.1.0"
__all__ = ["Detector", "MaenasError", "Thresholds", "__version__"]


def __getattr__(name: str) -> object:
    """`Detector` when it is asked for: it brings torch along, and `maenas --help` need not wait."""
    if name == "Detector":
        from maenas.detector import Detector

        return Detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
