"""Python API: JSON Schemas of the file formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.blocks.files.schema import Schema


def schema(format: str, *, out: str | Path | None = None) -> Schema:
    """The JSON Schema of a file format, draft 2020-12, made from the code that reads the files.

    Args:
        format: name of the format, such as "space"; `schemas` returns all.
        out: folder to write it into, as `FORMAT.schema.json`.
    Raises:
        MaenasError: if there is no such format, or the file cannot be written.

    Example:
        >>> maenas.schema("space")["required"]
        ['format', 'stages', 'features', 'in_shape']
    """
    from maenas.file_formats.formats import file_format, write_schemas

    chosen = file_format(format)
    made = {chosen.name: chosen.schema()}
    if out is not None:
        write_schemas(made, Path(out))
    return made[chosen.name]


def schemas(*, out: str | Path | None = None) -> dict[str, Schema]:
    """The JSON Schemas of all file formats by name.

    Args:
        out: folder to write them into, each as `FORMAT.schema.json`.
    Raises:
        MaenasError: if a file cannot be written.

    Example:
        >>> sorted(maenas.schemas())[:3]
        ['backbone', 'data', 'detect-result']
    """
    from maenas.file_formats.formats import FORMATS, write_schemas

    made = {name: each.schema() for name, each in FORMATS.items()}
    if out is not None:
        write_schemas(made, Path(out))
    return made
