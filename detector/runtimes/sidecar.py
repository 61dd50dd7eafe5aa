"""The file beside an engine that says what the engine is."""

from __future__ import annotations

from pathlib import Path

from maenas.blocks.files.json_file import read_json
from maenas.detector.errors import ModelError
from maenas.detector.runtimes.metadata import Metadata, read_metadata


def sidecar(path: Path) -> Path:
    """The file beside an engine that says what it is: an engine has no room for it."""
    return path.with_name(f"{path.name}.json")


def sidecar_metadata(path: Path) -> Metadata:
    """What is written beside an engine.

    Raises:
        ModelError: if it is missing or damaged.
    """
    beside = sidecar(path)
    text = read_json(
        beside,
        error=ModelError,
        missing="no such file; `maenas export` writes it beside the engine.",
    )
    return read_metadata(text, beside)
