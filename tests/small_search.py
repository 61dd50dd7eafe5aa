"""A search of islands that takes a second, and its space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maenas.runs.config import SearchConfig


def small_config(folder: Path, **changes: Any) -> SearchConfig:
    """Three islands in the small space that lies in `folder` as `small.yaml`."""
    asked: dict[str, Any] = {
        "budgets": ("100MMACs",),
        "space": str(folder / "small.yaml"),
        "template": "t",
        "input_size": 64,
        "weights": (1.0, 1.0, 2.0, 4.0),
        "evaluations": 6_000,
        "islands": 3,
        "migrate_every": 500,
    }
    return SearchConfig(**{**asked, **changes})
