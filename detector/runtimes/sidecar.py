"""The file beside a TensorRT engine that holds its metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maenas.blocks.files.json_file import read_json
from maenas.detector.errors import ModelError
from maenas.detector.runtimes.metadata import Metadata, read_metadata


def sidecar(path: Path) -> Path:
    """Path of the metadata file of an engine, whose own format cannot hold metadata."""
    return path.with_name(f"{path.name}.json")


HOST_CODE = "version_compatible"  # key of an engine that holds code of TensorRT's runtime


def sidecar_metadata(path: Path) -> Metadata:
    """Read the metadata file of an engine.

    Raises:
        ModelError: if the file is missing or damaged.
    """
    return read_metadata(_text(path), sidecar(path))


def allows_host_code(path: Path) -> bool:
    """Whether the metadata file of an engine says that code in the engine may run.

    Raises:
        ModelError: if the file is missing or damaged.
    """
    return _text(path).get(HOST_CODE) == "true"


def _text(path: Path) -> dict[str, Any]:
    """The content of the metadata file of an engine."""
    found: dict[str, Any] = read_json(
        sidecar(path),
        error=ModelError,
        missing="no such file; `maenas export` writes it beside the engine.",
    )
    return found
