"""A run on disk: what is written, what is refused, and that nothing is lost by it."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maenas.blocks import MaenasError, SpecError
from maenas.blocks.files.checksum import seal
from maenas.budgets import parse_budgets
from maenas.nas import (
    Evaluator,
    Journal,
    JournalError,
    MaxEntropy,
    Outcome,
    Problem,
    Settings,
    search,
)
from maenas.nas.problem import QUANTITIES
from maenas.search_spaces import Space, load_space

ROOT = Path(__file__).parents[3]
ENGINE = importlib.import_module("maenas.nas.search")
SETTINGS = Settings(2000, 0, (30e6,))


@pytest.fixture(scope="module")
def evaluator(tiny: Space) -> Evaluator:
    return Evaluator(Problem(tiny, parse_budgets(["30MMACs"]), score=MaxEntropy((1.0, 1.0, 4.0))))


@pytest.fixture
def start(tiny: Space):
    return np.zeros((1, len(tiny.genes)), dtype=np.int16)


@pytest.fixture
def folder(tmp_path: Path, evaluator: Evaluator, start, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a run that was stopped after six batches and had saved five."""
    monkeypatch.setattr(ENGINE, "SAVE_EVERY_S", -1.0)
    stopping = iter([False] * 5 + [True])

    def report(progress: object) -> None:
        if next(stopping):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(
            evaluator, SETTINGS, start, Journal(tmp_path, evaluator.problem.space), False, report
        )
    return tmp_path


def resume(folder: Path, evaluator: Evaluator, start) -> Outcome:
    journal = Journal(folder, evaluator.problem.space)
    return search(evaluator, SETTINGS, start, journal, resume=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def state_of(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / "state.json").read_text("utf-8"))
    return state


def put_state(folder: Path, **changes: object) -> None:
    """Change a state and its checksum: damage that one cannot sum up."""
    state = state_of(folder) | {"crc32": "00000000"} | changes
    (folder / "state.json").write_bytes(seal(json.dumps(state).encode()))


def saved_lines(folder: Path) -> list[str]:
    content = (folder / "history.jsonl").read_bytes()[: state_of(folder)["history_bytes"]]
    return content.decode("utf-8").splitlines()


def put_lines(folder: Path, lines: list[str]) -> None:
    """Write a history and make the state fit it, checksum included: damage one cannot sum up."""
    content = ("\n".join(lines) + "\n").encode("utf-8")
    (folder / "history.jsonl").write_bytes(content)
    put_state(folder, history_bytes=len(content), history_crc32=zlib.crc32(content))


def refused(folder: Path, evaluator: Evaluator, start, message: str) -> None:
    """Resuming is one clear error that names its file, and leaves every byte as it was."""
    before = contents(folder)
    with pytest.raises((JournalError, SpecError), match=message) as error:
        resume(folder, evaluator, start)
    assert re.search(r"(history\.jsonl|state\.json): ", str(error.value))
    assert "\n" not in str(error.value)
    assert contents(folder) == before


# What is written.


def test_the_history_has_a_line_for_every_network(
    folder: Path, evaluator: Evaluator, start, tiny: Space
) -> None:
    outcome = resume(folder, evaluator, start)
    header, *lines = (folder / "history.jsonl").read_text("utf-8").splitlines()
    assert json.loads(header) == {
        "format": "maenas/history@1",
        "genes": [f"stages[{gene.stage}].{gene.field}" for gene in tiny.genes],
    }
    rows = [json.loads(line) for line in lines]
    assert [row["i"] for row in rows] == list(range(outcome.unique))
    assert [row["score"] for row in rows] == outcome.scores.tolist()
    assert [row["macs"] for row in rows] == outcome.prices.tolist()
    assert [row["feasible"] for row in rows] == outcome.feasible.tolist()
    for row in rows[:: len(rows) // 20]:
        genome = [gene.values.index(v) for gene, v in zip(tiny.genes, row["genes"], strict=True)]
        backbone = tiny.decode(genome)
        cost = evaluator.problem.cost(backbone)
        assert row["score"] == pytest.approx(evaluator.problem.score(backbone))
        assert row["layers"] == backbone.layers
        for quantity in ("latency_ms", "macs", "params", "memory_bytes"):
            assert row[quantity] == getattr(cost, quantity)
    assert set(rows[0]) == {"i", "genes", "score", "feasible", *QUANTITIES}


def test_the_state_says_how_much_of_the_history_is_its_own(folder: Path) -> None:
    state = state_of(folder)
    content = (folder / "history.jsonl").read_bytes()
    assert state["format"] == "maenas/state@2"
    assert 0 < state["history_bytes"] < len(content)  # the sixth batch came after it was saved
    own = content[: state["history_bytes"]]
    assert own.count(b"\n") == state["rows"] + 1
    assert state["history_crc32"] == zlib.crc32(own)


def test_what_was_written_after_the_last_save_is_cut_off(
    folder: Path, evaluator: Evaluator, start
) -> None:
    own = (folder / "history.jsonl").read_bytes()[: state_of(folder)["history_bytes"]]
    journal = Journal(folder, evaluator.problem.space)
    state, chunks = journal.read()
    rows = sum(len(chunk.genomes) for chunk in chunks)
    journal.reopen(state)
    journal.close()
    assert (folder / "history.jsonl").read_bytes() == own
    assert rows == journal.rows == state["rows"]


def test_a_history_is_read_a_chunk_at_a_time(
    folder: Path, evaluator: Evaluator, start, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, (whole,) = Journal(folder, evaluator.problem.space).read()
    monkeypatch.setattr("maenas.nas.history.journal.CHUNK", 100)
    _, chunks = Journal(folder, evaluator.problem.space).read()
    listed = list(chunks)
    assert {len(chunk.genomes) for chunk in listed[:-1]} == {100}
    assert len(listed) == -(-state["rows"] // 100)
    for name in ("genomes", "scores", "costs", "feasible"):
        joined = np.concatenate([getattr(chunk, name) for chunk in listed])
        assert (joined == getattr(whole, name)).all()
    resumed = search(evaluator, SETTINGS, start, Journal(folder, evaluator.problem.space), True)
    assert resumed.finalists.tolist() == search(evaluator, SETTINGS, start).finalists.tolist()


@pytest.mark.parametrize("tail", ["", '{"i": 9', "\0\0\0\0", "half a line", "\n\n"], ids=repr)
def test_whatever_a_killed_run_left_behind_its_state_does_not_matter(
    folder: Path, evaluator: Evaluator, start, tail: str
) -> None:
    expected = search(evaluator, SETTINGS, start)
    with (folder / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write(tail)
    found = resume(folder, evaluator, start)
    assert found.scores.tolist() == expected.scores.tolist()
    assert found.curve == expected.curve


def test_a_run_begun_anew_forgets_the_state_of_the_old_one(
    folder: Path, evaluator: Evaluator
) -> None:
    """Killed before its first save, it must not resume from the other's."""
    journal = Journal(folder, evaluator.problem.space)
    journal.create()
    journal.close()
    assert [path.name for path in folder.iterdir()] == ["history.jsonl"]


def test_closing_twice_is_harmless(folder: Path, tiny: Space) -> None:
    journal = Journal(folder, tiny)
    journal.reopen(state_of(folder))
    journal.close()
    journal.close()


# What is refused.


def missing(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut(name: str, by: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        size = state_of(folder)["history_bytes"] if name == "history.jsonl" else None
        path = folder / name
        os.truncate(path, (size or path.stat().st_size) - by)

    return damage


def state_is(text: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / "state.json").write_bytes(text)

    return damage


def state_has(**changes: object) -> Callable[[Path], None]:
    return lambda folder: put_state(folder, **changes)


def searcher_has(**changes: object) -> Callable[[Path], None]:
    return lambda folder: put_state(folder, searcher=state_of(folder)["searcher"] | changes)


def state_lacks(key: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        state = state_of(folder)
        del state[key]
        state["crc32"] = "00000000"
        (folder / "state.json").write_bytes(seal(json.dumps(state).encode()))

    return damage


def line_is(number: int, edit: Callable[[str], str]) -> Callable[[Path], None]:
    """Another line in place of one; the first is 1."""

    def damage(folder: Path) -> None:
        lines = saved_lines(folder)
        lines[number - 1] = edit(lines[number - 1])
        put_lines(folder, lines)

    return damage


def row_has(number: int, **changes: object) -> Callable[[Path], None]:
    return line_is(number, lambda line: json.dumps(json.loads(line) | changes))


def repeated(folder: Path) -> None:
    lines = saved_lines(folder)
    lines[9] = lines[5]
    put_lines(folder, lines)


def flipped(folder: Path) -> None:
    """One digit of a score, as a bad disk would; every line stays legal."""
    path = folder / "history.jsonl"
    content = bytearray(path.read_bytes())
    position = content.index(b".", content.index(b'"score"', 3000)) + 3
    content[position] = ord("1") if content[position] != ord("1") else ord("2")
    path.write_bytes(content)


def state_flipped(folder: Path) -> None:
    """The first digit of a number; every line stays legal."""
    path = folder / "state.json"
    content = bytearray(path.read_bytes())
    position = content.index(b'"evaluations": ') + len(b'"evaluations": ')
    content[position] = ord("1") if content[position] != ord("1") else ord("2")
    path.write_bytes(content)


def state_unsealed(folder: Path) -> None:
    state = state_of(folder)
    del state["crc32"]
    (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")


def dropped(folder: Path) -> None:
    lines = saved_lines(folder)
    put_lines(folder, lines[:-1])


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no state": (missing("state.json"), r"state\.json: no such file; there is no run to resume"),
    "no history": (missing("history.jsonl"), r"history\.jsonl: no such file"),
    "short history": (cut("history.jsonl", 1), r"truncated: [\d,]+ bytes .* expects [\d,]+"),
    "half a history": (cut("history.jsonl", 5000), "truncated.*start it again with --exist-ok"),
    "short state": (cut("state.json", 20), r"state\.json: damaged"),
    "empty state": (state_is(b""), r"state\.json: damaged"),
    "state of noise": (state_is(bytes(range(128, 256))), r"state\.json: damaged"),
    "state of a list": (state_is(b"[1, 2]"), r"state\.json: damaged: a list instead of a mapping"),
    "newer state": (state_has(format="maenas/state@3"), "state.json: written by a newer maenas"),
    "foreign state": (state_has(format="maenas/space@1"), "is a maenas/space@1, expected maenas/s"),
    "state without format": (state_lacks("format"), "lacks the line `format: maenas/state@2`"),
    **{
        f"state without {key}": (state_lacks(key), rf"state\.json: damaged: {key} is None")
        for key in ("history_bytes", "history_crc32", "rows", "evaluations", "curve", "searcher")
    },
    "one bit of the state": (state_flipped, r"state\.json: damaged: changed since it was written"),
    "state without checksum": (state_unsealed, r"state\.json: damaged: changed since it was"),
    "size as text": (state_has(history_bytes="many"), "damaged: history_bytes is 'many'"),
    "size below zero": (state_has(history_bytes=-1), "damaged: history_bytes is -1"),
    "curve as text": (state_has(curve="up"), "damaged: curve is 'up'"),
    "curve of words": (state_has(curve=["up", "down"]), r"state\.json: damaged"),
    "searcher as list": (state_has(searcher=[1]), r"damaged: searcher is \[1\]"),
    "empty searcher": (state_has(searcher={}), r"state\.json: damaged: it lacks 'rows'"),
    "rows beyond": (searcher_has(rows=[10**6]), r"state\.json: damaged: rows beyond the history"),
    "rows below": (searcher_has(rows=[-1]), r"state\.json: damaged: rows beyond the history"),
    "rows of words": (searcher_has(rows=["a"]), r"state\.json: damaged"),
    "no generator": (searcher_has(rng={}), r"state\.json: damaged"),
    "other generator": (
        searcher_has(rng={"bit_generator": "MT19937", "state": {}}),
        r"state\.json: damaged",
    ),
    "newer history": (
        line_is(1, lambda line: line.replace("@1", "@2")),
        r"history\.jsonl: written by a newer maenas",
    ),
    "foreign history": (
        line_is(1, lambda line: line.replace("maenas/history@1", "maenas/backbone@1")),
        "is a maenas/backbone@1, expected maenas/history@1",
    ),
    "other space": (
        line_is(1, lambda line: line.replace("stages[1].depth", "stages[1].kernel_size")),
        r"history\.jsonl: line 1: belongs to another search space",
    ),
    "no header": (line_is(1, lambda line: "{}"), "lacks the line `format: maenas/history@1`"),
    "header of noise": (line_is(1, lambda line: "?"), r"history\.jsonl: line 1: damaged"),
    "line of noise": (line_is(7, lambda line: line[:-9]), r"history\.jsonl: line 7: damaged"),
    "line of a list": (
        line_is(8, lambda line: "[]"),
        "line 8: damaged: a list instead",
    ),
    "no score": (line_is(9, lambda line: '{"genes": []}'), "line 9: damaged"),
    "score as text": (row_has(12, score="high"), "line 12: damaged"),
    "score as list": (row_has(12, score=[1, 2]), "line 12: damaged"),
    "value of no gene": (row_has(13, genes=[17] * 11), "line 13: damaged: it lacks 17"),
    "too few genes": (row_has(14, genes=[16]), "line 14: damaged"),
    "genes of lists": (row_has(14, genes=[[]] * 11), "line 14: damaged"),
    "row too few": (dropped, r"damaged: [\d,]+ networks where .*state\.json expects [\d,]+"),
    "network twice": (repeated, "damaged .a network is listed twice"),
    "digit changed": (flipped, r"history\.jsonl: damaged: changed since .*state\.json was written"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_refused_and_left_as_it_is(
    folder: Path, evaluator: Evaluator, start, damage: str
) -> None:
    spoil, message = DAMAGE[damage]
    if damage not in ("no state", "no history"):
        before = contents(folder)
        spoil(folder)
        assert contents(folder) != before
    else:
        spoil(folder)
    refused(folder, evaluator, start, message)


def test_a_run_in_another_space_is_refused(folder: Path, evaluator: Evaluator) -> None:
    with pytest.raises(JournalError, match="line 1: belongs to another search space"):
        Journal(folder, load_space("res")).read()


def test_a_folder_that_is_none_is_one_clear_error(tmp_path: Path, tiny: Space) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(MaenasError, match=r"history\.jsonl: cannot be written: Not a directory"):
        Journal(tmp_path / "file", tiny).create()


# A full disk.

FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
import importlib
engine = importlib.import_module("maenas.nas.search")
from maenas.blocks import MaenasError
from maenas.budgets import parse_budgets
from maenas.nas import Evaluator, Journal, MaxEntropy, Problem, Settings, search
from maenas.search_spaces import load_space

folder, most = Path(sys.argv[1]), int(sys.argv[2])
engine.SAVE_EVERY_S = -1.0
space = load_space(str(folder / "tiny.yaml"))
evaluator = Evaluator(Problem(space, parse_budgets(["30MMACs"]), score=MaxEntropy((1.0, 1.0, 4.0))))
start = np.zeros((1, len(space.genes)), dtype=np.int16)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    search(evaluator, Settings(2000, 0, (30e6,)), start, Journal(folder, space))
except MaenasError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file sizes are POSIX")
@pytest.mark.parametrize("share", [0.0005, 0.05, 0.5, 0.9])
def test_a_full_disk_is_one_clear_error_and_the_state_before_survives(
    tmp_path: Path, evaluator: Evaluator, start, tiny_text: str, share: float
) -> None:
    whole, full = tmp_path / "whole", tmp_path / "full"
    whole.mkdir()
    full.mkdir()
    expected = search(evaluator, SETTINGS, start, Journal(whole, evaluator.problem.space))
    most = int(share * (whole / "history.jsonl").stat().st_size)
    (full / "tiny.yaml").write_text(tiny_text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(full), str(most)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    assert re.search(r"(history\.jsonl|state\.json): cannot be written: File too large", line)
    names = {path.name for path in full.iterdir()}
    assert names <= {"tiny.yaml", "history.jsonl", "state.json"}  # no temporary file stays
    assert ("state.json" in names) == (share >= 0.5)  # large enough for a first save
    if "state.json" in names:
        found = resume(full, evaluator, start)
        assert found.scores.tolist() == expected.scores.tolist()
        assert contents(whole)["history.jsonl"] == contents(full)["history.jsonl"]
