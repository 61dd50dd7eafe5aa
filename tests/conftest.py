"""What all tests share: no latency table of whoever runs them changes what they see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from maenas.budgets.device import FOLDER_VARIABLE

# Tests run side by side, and their maps are so small that threads would only wait for each other.
# Libraries read it when they are loaded, and processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# pytest-xdist sets it in its processes, and the console reads it once, when it is imported
os.environ.pop("COLUMNS", None)


@pytest.fixture(autouse=True)
def tables_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder of latency tables in place of the user's."""
    folder = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        yield folder
