"""What all tests share: no latency table of whoever runs them changes what they see."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maenas.budgets.device import FOLDER_VARIABLE

# Tests run side by side, and their maps are so small that threads would only wait for each other.
# Libraries read it when they are loaded, and processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# pytest-xdist sets it in its processes, and the console reads it once, when it is imported
os.environ.pop("COLUMNS", None)
# Some containers switch the cache of compiled modules off; then each of the processes that tests
# start would compile all of maenas again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The files that take longest, in order: two processes that share the files end together only if
# these are not the last ones.
LONGEST = (
    "tests/pages/test_blocks.py",
    "tests/maenas/backbone_search/test_search.py",
    "tests/maenas/backbone_search/test_resume.py",
    "tests/maenas/backbone_search/test_start.py",
    "tests/maenas/training/test_family.py",
    "tests/detector/export/test_export.py",
    "tests/detector/model/test_contract.py",
    "tests/maenas/training/test_train.py",
    "tests/maenas/training/test_interrupted.py",
    "tests/maenas/plugins/test_plugins.py",
    "tests/maenas/test_bad_input.py",
    "tests/maenas/pipeline/test_run.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the longest files first; all others keep their order."""
    ranks = {str(config.rootpath / name): rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(str(item.path), len(ranks)))


@pytest.fixture(scope="session")
def folder_of_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests of a process: thousands of their own would take half a minute."""
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(autouse=True)
def tables_folder(folder_of_tables: Path) -> Iterator[Path]:
    """An empty folder of latency tables in place of the user's."""
    folder_of_tables.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder_of_tables))
        yield folder_of_tables
    if any(folder_of_tables.iterdir()):
        shutil.rmtree(folder_of_tables)


@pytest.fixture
def printed_records() -> Iterator[None]:
    """Log records are printed on stderr, as in a command."""
    from maenas.terminal.log import printed

    with printed():
        yield
