"""The journal of a run on disk: one line per evaluated network, and the state to resume from."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from maenas.blocks import MaenasError
from maenas.blocks.files.atomic_write import write_bytes
from maenas.blocks.files.checksum import has_checksum, is_intact, seal
from maenas.blocks.files.format_line import check_format
from maenas.blocks.files.json_file import parse_object
from maenas.blocks.files.plain_file import GIB, read_bytes
from maenas.blocks.files.words import one_line, shown
from maenas.budgets.arrays import Float64Array
from maenas.nas.evaluator import Evaluation
from maenas.nas.problem import QUANTITIES
from maenas.search_spaces import Gene, Space
from maenas.search_spaces.moves import Genomes

HISTORY_FORMAT = "maenas/history@1"
AGAIN = "the run cannot be resumed, start it again with --exist-ok"
STATE_FORMAT = "maenas/state@2"
OLDER_STATE = "maenas/state@1"  # without a checksum
BLOCK_BYTES = 1 << 20  # bytes of the history that are read at once
CHUNK = 1 << 15  # networks of the history that are handed on at once
STATE_KEYS = {
    "history_bytes": int,
    "history_crc32": int,
    "rows": int,
    "evaluations": int,
    "curve": list,
    "searcher": dict,
}


class JournalError(MaenasError):
    """The files of a run cannot be written or read, or do not match each other."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive networks of a history.

    Attributes:
        genomes: (n, genes), indices into the values of the genes.
        scores: (n,), score of each network.
        costs: (n, axes), cost of each network.
        feasible: (n,), whether the network meets every budget.
    """

    genomes: Genomes
    scores: Float64Array
    costs: Float64Array
    feasible: NDArray[np.bool_]


class Journal:
    """The files `history.jsonl` and `state.json` of one run.

    The history only grows. The state is replaced in one step and holds the length of the history
    in bytes and its checksum. Resuming cuts off lines that a killed run wrote after its last state
    and refuses a history that was changed.

    Args:
        folder: folder of the run; must exist.
        space: space of the genomes, which are written by their values.
        axes: names of the costs, as `Problem.axes`.
    """

    def __init__(self, folder: Path, space: Space, axes: Sequence[str] = QUANTITIES) -> None:
        self.history_path = folder / "history.jsonl"
        self.state_path = folder / "state.json"
        self._genes = space.genes
        self._axes = tuple(axes)
        self._file: IO[str] | None = None
        self._crc32 = 0  # checksum of the history so far
        self.rows = 0

    def create(self) -> None:
        """Create an empty history.

        Raises:
            JournalError: if it cannot be written.
        """
        header = {"format": HISTORY_FORMAT, "genes": [str(gene) for gene in self._genes]}
        with _as_journal_error(self.history_path, "written"):
            self.state_path.unlink(missing_ok=True)  # the old state belongs to the old history
            self._file = self.history_path.open("w", encoding="utf-8", newline="\n")
            self._write(json.dumps(header) + "\n")

    def append(self, genomes: Genomes, evaluation: Evaluation) -> None:
        """Add evaluated genomes.

        Raises:
            JournalError: if they cannot be written, as on a full disk.
        """
        self.append_lines(history_lines(self._genes, genomes, evaluation, self._axes))

    def append_lines(self, lines: Sequence[str]) -> None:
        """Add evaluated genomes as `history_lines` writes them.

        Raises:
            JournalError: if they cannot be written, as on a full disk.
        """
        assert self._file is not None
        numbered = [f'{{"i": {index}, {line}' for index, line in enumerate(lines, self.rows)]
        with _as_journal_error(self.history_path, "written"):
            self._write("".join(numbered))
        self.rows += len(lines)

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the state, so that a killed run can resume from here.

        Raises:
            JournalError: if it cannot be written; the previous state is kept.
        """
        assert self._file is not None
        with _as_journal_error(self.history_path, "written"):
            self._file.flush()
            os.fsync(self._file.fileno())
            size = self.history_path.stat().st_size
        saved = {
            "format": STATE_FORMAT,
            "crc32": "00000000",
            "history_bytes": size,
            "history_crc32": self._crc32,
            "rows": self.rows,
            **state,
        }
        write_bytes(self.state_path, seal((json.dumps(saved) + "\n").encode()))

    def close(self) -> None:
        """Close the history."""
        if self._file is not None:
            with _as_journal_error(self.history_path, "written"):
                self._file.close()
            self._file = None

    def read(self) -> tuple[dict[str, Any], Iterator[Chunk]]:
        """The last state and its history, a chunk at a time; the files on disk stay unchanged.

        Raises:
            JournalError: if a file is missing, damaged, newer or of another space. Damage within
                the history is found when its chunk is read, or after the last one.
        """
        state = self._read_state()
        size, rows = state["history_bytes"], state["rows"]
        count, crc32 = self._scan(size)
        lines = self._lines(size)
        header = self._parse(next(lines, ""), 1)
        check_format(self.history_path, header.get("format"), HISTORY_FORMAT)
        if header.get("genes") != [str(gene) for gene in self._genes]:
            raise JournalError(f"{self.history_path}: line 1: belongs to another search space.")
        if count != rows + 1:
            raise JournalError(
                f"{self.history_path}: damaged: {count - 1:,} networks where "
                f"{self.state_path} expects {rows:,}."
            )
        return state, self._chunks(state, lines, crc32)

    def reopen(self, state: Mapping[str, Any]) -> None:
        """Cut the history back to a state that was read, and continue from it.

        Raises:
            JournalError: if it cannot be written.
        """
        with _as_journal_error(self.history_path, "written"):
            os.truncate(self.history_path, state["history_bytes"])
            self._file = self.history_path.open("a", encoding="utf-8", newline="\n")
        self._crc32 = state["history_crc32"]
        self.rows = state["rows"]

    def _write(self, text: str) -> None:
        assert self._file is not None
        self._file.write(text)
        self._crc32 = zlib.crc32(text.encode("utf-8"), self._crc32)

    def _read_state(self) -> dict[str, Any]:
        content = read_bytes(
            self.state_path,
            limit=GIB,
            error=JournalError,
            missing="no such file; there is no run to resume.",
        )
        state = parse_object(
            content, self.state_path, error=JournalError, wrong="damaged", hint=AGAIN
        )
        if state.get("format") != OLDER_STATE:
            check_format(self.state_path, state.get("format"), STATE_FORMAT)
        for key, kind in STATE_KEYS.items():
            value = state.get(key)
            if not isinstance(value, kind) or (isinstance(value, int) and value < 0):
                raise JournalError(f"{self.state_path}: damaged: {key} is {shown(value)}; {AGAIN}.")
        if not is_intact(content) and (state["format"] == STATE_FORMAT or has_checksum(content)):
            raise JournalError(
                f"{self.state_path}: damaged: changed since it was written; {AGAIN}."
            )
        return state

    def _chunks(
        self, state: Mapping[str, Any], lines: Iterator[str], crc32: int
    ) -> Iterator[Chunk]:
        """The networks in the lines after the header, then a check of all that was read."""
        index_of = [
            {value: index for index, value in enumerate(gene.values)} for gene in self._genes
        ]
        for first in range(0, state["rows"], CHUNK):
            count = min(CHUNK, state["rows"] - first)
            genomes = np.empty((count, len(self._genes)), dtype=np.int16)
            scores, costs = np.empty(count), np.empty((count, len(self._axes)))
            feasible = np.empty(count, dtype=bool)
            for position, line in enumerate(islice(lines, count)):
                number = first + position + 2
                row = self._parse(line, number)
                try:
                    genomes[position] = [
                        known[value] for known, value in zip(index_of, row["genes"], strict=True)
                    ]
                    scores[position] = row["score"]
                    costs[position] = [row[axis] for axis in self._axes]
                    feasible[position] = row["feasible"]
                except (KeyError, TypeError, ValueError, OverflowError) as error:
                    raise JournalError(
                        f"{self.history_path}: line {number}: damaged: {one_line(error)}; {AGAIN}."
                    ) from None
            yield Chunk(genomes, scores, costs, feasible)
        if crc32 != state["history_crc32"]:
            raise JournalError(
                f"{self.history_path}: damaged: changed since {self.state_path} was written; the "
                "run cannot be resumed, start it again with --exist-ok."
            )

    def _scan(self, size: int) -> tuple[int, int]:
        """Number of lines and checksum of the history's first bytes, a block at a time."""
        count = crc32 = read = 0
        block = b"\n"
        with _as_journal_error(self.history_path, "read"), self.history_path.open("rb") as file:
            while read < size and (block := file.read(min(BLOCK_BYTES, size - read))):
                count += block.count(b"\n")
                crc32 = zlib.crc32(block, crc32)
                read += len(block)
        if read < size:
            raise JournalError(
                f"{self.history_path}: truncated: {read:,} bytes where {self.state_path} "
                f"expects {size:,}; {AGAIN}."
            )
        return count + (not block.endswith(b"\n")), crc32

    def _lines(self, size: int) -> Iterator[str]:
        """The lines in the history's first bytes, one at a time."""
        with _as_journal_error(self.history_path, "read"), self.history_path.open("rb") as file:
            while size > 0 and (line := file.readline(size)):
                size -= len(line)
                yield line.decode("utf-8", errors="replace").removesuffix("\n")

    def _parse(self, line: str, number: int) -> dict[str, Any]:
        where = f"{self.history_path}: line {number}"
        return parse_object(line, where, error=JournalError, wrong="damaged", hint=AGAIN)


def history_lines(
    genes: Sequence[Gene],
    genomes: Genomes,
    evaluation: Evaluation,
    axes: Sequence[str] = QUANTITIES,
) -> list[str]:
    """The lines of the history for evaluated genomes, without the number that each begins with.

    Workers format these lines, because it would be the slowest part of the work in the process
    that writes the history.
    """
    # Numbers written by `tolist` are plain Python ones, whose repr is JSON and exact.
    columns = [_written(gene)[genomes[:, c]].tolist() for c, gene in enumerate(genes)]
    has_words = any(gene.is_category for gene in genes)
    names = [json.dumps(axis, ensure_ascii=False) for axis in axes]
    lines = []
    for values, score, costs, ok in zip(
        zip(*columns, strict=True),
        evaluation.scores.tolist(),
        evaluation.costs.tolist(),
        evaluation.feasible.tolist(),
        strict=True,
    ):
        prices = ", ".join(f"{name}: {cost!r}" for name, cost in zip(names, costs, strict=True))
        listed = f"[{', '.join(map(str, values))}]" if has_words else str(list(values))
        lines.append(
            f'"genes": {listed}, "score": {score!r}, {prices}, '
            f'"feasible": {"true" if ok else "false"}}}\n'
        )
    return lines


def _written(gene: Gene) -> NDArray[Any]:
    """(values,) of a gene as they are written: numbers, or the JSON of words, true and false."""
    if gene.is_category:
        return np.array([json.dumps(value, ensure_ascii=False) for value in gene.values])
    return np.array(gene.values)


@contextmanager
def _as_journal_error(path: Path, verb: str) -> Iterator[None]:
    """Convert a file system error into a one-line error that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise JournalError(f"{path}: no such file; there is no run to resume.") from None
    except OSError as error:
        raise JournalError(f"{path}: cannot be {verb}: {error.strerror or error}.") from None
