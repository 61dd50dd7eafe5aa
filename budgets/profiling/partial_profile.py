"""File of an unfinished profile: it keeps the measurements so far if the process is killed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from maenas.blocks.errors import SpecError
from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.json_file import parse_object
from maenas.blocks.files.plain_file import MIB, read_bytes
from maenas.blocks.op import Op
from maenas.budgets.latency import Precision
from maenas.budgets.pricing.op_rows import op_row, row_op
from maenas.budgets.pricing.table import LatencyTable
from maenas.budgets.pricing.table_sample import TableSample, table_sample

FORMAT = "maenas/unfinished-profile@1"
LARGEST = 256 * MIB
PARTIAL = ".partial"  # behind the name of the table
NO_PROFILE = "is not a partial profile"
DROP = "--exist-ok drops it"


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurement of one item, with its operators.

    Attributes:
        ops: operators that the indices of the sample refer to.
        sample: times of the graph.
        precision: number format that the session computed in; None if it was read from a file.
        note: remark of the session about its precision.
    """

    ops: tuple[Op, ...]
    sample: TableSample
    precision: Precision | None = field(default=None, compare=False)
    note: str = field(default="", compare=False)


class PartialProfile:
    """The file that keeps measurements until the table is written, one line per graph.

    Args:
        path: path of the file.
        header: description of the profile; only a profile with the same header can resume.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self._header = {"format": FORMAT, **header}

    @property
    def has_begun(self) -> bool:
        """Whether the file keeps a measurement; a killed start leaves less than that."""
        return len(self._lines()) > 1

    def is_part_of(self, table: LatencyTable) -> bool:
        """Whether a table has the measurements: it was written, and then the process was killed."""
        lines = self._lines()
        with parsing(self.path, wrong=NO_PROFILE, hint=DROP):
            kept = {(each.sample.name, each.sample.ms) for each in map(self._measured, lines[1:])}
        there = {(sample.name, sample.ms) for sample in table.samples}
        return bool(kept) and {name for name, _ in kept} == {name for name, _ in kept & there}

    def load(self) -> list[Measured]:
        """Read the measurements in the file, without an incomplete last line.

        A file without a measurement is removed, whatever settings it was begun with.

        Raises:
            SpecError: if the file belongs to another profile or is not a profile.
        """
        lines = self._lines()
        with parsing(self.path, wrong=NO_PROFILE, hint=DROP):
            if len(lines) > 1:
                self._cut()
                return self._parsed(lines)
            if lines:
                self._require_ours(lines[0])
        self.remove()
        return []

    def _require_ours(self, header: str) -> None:
        """Raise `SpecError` if a first line is not that of a partial profile: the file stays."""
        found = parse_object(header, self.path, wrong=NO_PROFILE, hint=DROP).get("format")
        if found != FORMAT:
            raise SpecError(f"{self.path}: {NO_PROFILE}; {DROP}.")

    def _lines(self) -> list[str]:
        """The complete lines of the file; [] without a file."""
        if not self.path.exists():
            return []
        content = read_bytes(self.path, limit=LARGEST)
        return content[: content.rfind(b"\n") + 1].decode("utf-8", errors="replace").splitlines()

    def _cut(self) -> None:
        """Remove an incomplete last line."""
        content = read_bytes(self.path, limit=LARGEST)
        if not content.endswith(b"\n"):
            self.path.write_bytes(content[: content.rfind(b"\n") + 1])

    def _parsed(self, lines: Sequence[str]) -> list[Measured]:
        header = parse_object(lines[0], self.path, wrong=NO_PROFILE, hint=DROP)
        different = [key for key in self._header if header.get(key) != self._header[key]]
        if different:
            there = ", ".join(
                f"{key} {header.get(key)}, not {self._header[key]}" for key in different
            )
            raise SpecError(
                f"{self.path}: is a partial profile of other settings ({there}); --exist-ok "
                "drops it."
            )
        return [self._measured(line) for line in lines[1:]]

    def _measured(self, line: str) -> Measured:
        data = parse_object(line, self.path, wrong=NO_PROFILE, hint=DROP)
        ops = tuple(row_op(row) for row in data["rows"])
        return Measured(ops, table_sample(data["sample"], str(self.path)))

    def append(self, measured: Measured) -> None:
        """Append a measurement to the file.

        Raises:
            SpecError: if the file cannot be written.
        """
        line = {
            "rows": [op_row(op) for op in measured.ops],
            "sample": asdict(measured.sample),
        }
        try:
            with self.path.open("a", encoding="utf-8") as file:
                if file.tell() == 0:
                    file.write(json.dumps(self._header) + "\n")
                file.write(json.dumps(line, separators=(",", ":")) + "\n")
        except OSError as error:
            raise SpecError(f"{self.path}: cannot be written: {error.strerror or error}.") from None

    def remove(self) -> None:
        """Delete the file, which is no longer needed."""
        self.path.unlink(missing_ok=True)
