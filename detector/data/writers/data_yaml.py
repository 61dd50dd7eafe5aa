"""The `data.yaml` of a written data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from maenas.blocks.files.atomic_write import write_text

FILE = "data.yaml"


def write_data_yaml(folder: Path, entries: Mapping[str, str], names: Sequence[str]) -> None:
    """Write the paths of the splits, or other keys, and the names of the classes."""
    keys = {**entries, "names": dict(enumerate(names))}
    text = yaml.safe_dump(keys, sort_keys=False, allow_unicode=True, width=1000)
    write_text(folder / FILE, text)
