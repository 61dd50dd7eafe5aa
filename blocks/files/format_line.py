"""The `format` line of a file: its kind and version."""

from __future__ import annotations

from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import cut, shown

LONGEST_VERSION = 9  # most digits of a version


def check_format(path: Path | str, found: object, schema: str) -> None:
    """Raise `SpecError` unless `found` is the expected format line `schema`."""
    kind, version = schema.split("@")
    if found == schema:
        return
    if found is None:
        raise SpecError(f"{path}: lacks the line `format: {schema}`.")
    if not isinstance(found, str):
        raise SpecError(f"{path}: unknown format {shown(found)}, expected {schema}.")
    found_kind, _, found_version = found.partition("@")
    if found_kind != kind:
        raise SpecError(f"{path}: is a {cut(found)}, expected {schema}.")
    known = found_version.isdecimal() and len(found_version) <= LONGEST_VERSION
    if known and int(found_version) > int(version):
        raise SpecError(
            f"{path}: written by a newer maenas ({found}; this one reads up to @{version}); "
            "upgrade maenas."
        )
    raise SpecError(f"{path}: unknown format {shown(found)}, expected {schema}.")
