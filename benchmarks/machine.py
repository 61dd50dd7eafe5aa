"""Machine and commit of a benchmark, for the names of its files and its output."""

from __future__ import annotations

import csv
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """Processor and Python, such as `amd-epyc-py3.11`."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1]
                break
    except OSError:
        pass
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{slug}-py{'.'.join(platform.python_version_tuple()[:2])}"


def commit() -> str:
    """Short hash of the checkout, "unknown" outside one."""
    try:
        return subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def result_path(name: str) -> Path:
    """Path of the rows of a benchmark."""
    return RESULTS / f"{name}-{machine()}.csv"


def maenas(*words: object) -> str:
    """Run a command of maenas; returns its output, while its progress goes to the terminal.

    Raises:
        CalledProcessError: if it fails.
    """
    command = [sys.executable, "-m", "maenas", *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table; none if it does not exist."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_csv(name: str, rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> Path:
    """Write rows to `results/NAME-MACHINE.csv`; returns the path."""
    RESULTS.mkdir(exist_ok=True)
    path = result_path(name)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path
