"""The file beside a TensorRT engine that holds its metadata."""

from __future__ import annotations

from pathlib import Path

from maenas.blocks.files.json_file import read_json
from maenas.detector.errors import ModelError
from maenas.detector.runtimes.metadata import Metadata, read_metadata


def sidecar(path: Path) -> Path:
    """Path of the metadata file of an engine, whose own format cannot hold metadata."""
    return path.with_name(f"{path.name}.json")


def sidecar_metadata(path: Path) -> Metadata:
    """Read the metadata file of an engine.

    Raises:
        ModelError: if the file is missing or damaged.
    """
    beside = sidecar(path)
    text = read_json(
        beside,
        error=ModelError,
        missing="no such file; `maenas export` writes it beside the engine.",
    )
    return read_metadata(text, beside)
