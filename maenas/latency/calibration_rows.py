"""Rows of a calibration: a CSV file of networks with their latency."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from io import StringIO
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.blocks import MaenasError
from maenas.blocks.files.plain_file import MIB, read_text
from maenas.blocks.files.words import did_you_mean, shown

if TYPE_CHECKING:
    from maenas.budgets.calibration.fitting import NetworkRow
    from maenas.budgets.calibration.shares import Base

NETWORK, LATENCY = "network", "latency_ms"
ALSO = {"ms": LATENCY, "milliseconds": LATENCY, "latency": LATENCY}
OPTIONAL = ("input_size", "family", "template")
COLUMNS = (NETWORK, LATENCY, *OPTIONAL)
SIZE = re.compile(r"[-_]?(?:n[sml]|[nstmlxbce]|d\d|tiny|nano|small|medium|large)$", re.IGNORECASE)


def read_rows(path: Path, base: Base) -> list[NetworkRow]:
    """Read the rows of a CSV file, with the operators of each network.

    Networks are found relative to the folder of the file, then to the current one.

    Args:
        path: file with the columns network and latency_ms, and if needed input_size, family and
            template.
        base: model that must have a price for each operator.
    Raises:
        MaenasError: for an error in the file; the message names file and row.
    """
    found: list[NetworkRow] = []
    seen: dict[object, tuple[int, float]] = {}
    for line, cells in cells_of(path):
        row = _row(path, line, cells, base)
        key = row.ops
        if key in seen:
            first, ms = seen[key]
            what = f"is the same network as row {first}; keep one of them"
            if ms != row.latency_ms:
                what = (
                    f"contradicts row {first}: the same network takes {ms:g} ms there and "
                    f"{row.latency_ms:g} ms here; keep rows of one protocol only"
                )
            raise MaenasError(f"{path}: row {line}: {row.network}: {what}.")
        seen[key] = line, row.latency_ms
        found.append(row)
    if not found:
        raise MaenasError(f"{path}: has no rows below its header.")
    return found


def cells_of(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row by column, with its number; the header is row 1."""
    table = csv.reader(StringIO(read_text(path, limit=8 * MIB).removeprefix("\ufeff")))
    try:
        rows = list(table)
    except csv.Error as error:
        raise MaenasError(f"{path}: row {table.line_num}: is not CSV: {error}.") from None
    if not rows:
        raise MaenasError(f"{path}: is empty; its first row names the columns network,latency_ms.")
    header = [ALSO.get(name.strip().lower(), name.strip().lower()) for name in rows[0]]
    for name in (NETWORK, LATENCY):
        if name not in header:
            raise MaenasError(
                f"{path}: row 1: needs the columns network and latency_ms, with a comma between "
                f"them; there is no {name}, only {shown(', '.join(header))}."
            )
    for name in header:
        if name not in COLUMNS:
            raise MaenasError(
                f"{path}: row 1: no such column {shown(name)}{did_you_mean(name, COLUMNS)}"
            )
        if header.count(name) > 1:
            raise MaenasError(f"{path}: row 1: column {name} is given twice.")
    for line, cells in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise MaenasError(
                f"{path}: row {line}: must have {len(header)} values, got {len(cells)}."
            )
        yield line, dict(zip(header, (cell.strip() for cell in cells), strict=True))


def _row(path: Path, line: int, cells: Mapping[str, str], base: Base) -> NetworkRow:
    from maenas.budgets.calibration.fitting import NetworkRow
    from maenas.budgets.image_size import parse_input_size
    from maenas.latency.workload import find_workload

    name, where = cells[NETWORK], f"{path}: row {line}"
    latency_ms = _positive(cells[LATENCY], where)
    if not name:
        raise MaenasError(f"{where}: network: is empty.")
    beside = path.parent / name
    try:
        size = parse_input_size(cells.get("input_size") or None)
        found = str(beside) if beside.exists() else name
        workload = find_workload(found, cells.get("template") or None, size)
        workload.require_known()
        for op in dict.fromkeys(workload.ops):
            base.op_ms(op)
    except MaenasError as error:
        raise MaenasError(f"{where}: {error}") from None
    label = Path(name).stem if name.lower().endswith(".onnx") else name
    family = cells.get("family") or family_of(label)
    sized = f"{label}@{cells['input_size']}" if cells.get("input_size") else label
    return NetworkRow(sized, family, latency_ms, workload.ops)


def _positive(text: str, where: str) -> float:
    """A positive number of milliseconds."""
    try:
        value = float(text)
    except ValueError:
        value = -inf
    if not 0 < value < inf:
        raise MaenasError(
            f"{where}: latency_ms: must be a positive number of milliseconds, got {shown(text)}."
        )
    return value


def family_of(network: str) -> str:
    """The name of a network without its size: "yolov8n" gives "yolov8"."""
    name = network.rpartition(":")[2].rstrip("/").rpartition("/")[2]
    return SIZE.sub("", name) or name
