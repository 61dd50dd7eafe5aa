"""`maenas profile --from-table`: few measurements adapt the table of another device."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from maenas.blocks.errors import SpecError
from maenas.budgets.device import FOLDER_VARIABLE, load_bundled
from maenas.budgets.pricing.operator_model import OperatorModel
from maenas.budgets.pricing.table import _digest, load_table
from maenas.budgets.profiling.partial_profile import Measured
from maenas.latency.profile import Request
from maenas.latency.transfer import Source
from tests.cpu_table import cpu_table

QUICK = ("--threads", "1", "--measure", "3", "--space", "mob", "--minutes", "0.5")


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of tables, below the current one."""
    monkeypatch.setenv(FOLDER_VARIABLE, "tables")
    (tmp_path / "tables").mkdir()
    return tmp_path / "tables"


@pytest.mark.slow
def test_a_table_is_transferred_interrupted_and_resumed(
    typed, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("profile", "--from-table", "intel-8163", *QUICK)
    with monkeypatch.context() as patch:
        patch.setattr("maenas.latency.profile.new_table", interrupt)
        ran = typed(*asked)
    assert ran.code == 130
    assert "the same command with --resume continues" in ran.err
    partial = tables / "cpu-1t.json.partial"
    kept = partial.read_bytes()
    assert kept.count(b"\n") == 4
    other = typed("profile", "--from-table", "pi5", *QUICK, "--resume")
    assert "is a partial profile of other settings (from " in other.err
    assert partial.read_bytes() == kept
    found = typed(*asked, "--resume", "--json").json
    assert found["name"] == "cpu-1t"
    assert sum(found["samples"].values()) == 3
    assert "transferred from intel-8163 by 3 measurements" in found["about"]
    assert sorted(path.name for path in tables.iterdir()) == ["cpu-1t.json", "cpu-1t.png"]
    assert load_table(tables / "cpu-1t.json").errors.mean > 0
    assert typed(*asked, "--resume", "--json").json == {**found, "left_out": []}
    assert typed("predict", "zoo:damo-yolo-ns", "--device", "cpu-1t").code == 0


def interrupt(*_: object) -> None:
    """Ctrl-C at a known place."""
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from-table", "pi6"), "from-table: there is no table 'pi6'; did you mean pi5?"),
        (("--from-table", "gone.json"), "gone.json: no such file"),
        (("--from-table", "empty.json"), "empty.json: samples: there is no network"),
        (("--from-table", "t4"), "t4 is an estimate without a price of each operator"),
        (("--from-table", "rk3588"), "rk3588 (NPU) and cpu (CPU) must be of one kind of hardware"),
        (("--from-table", "pi5", "--measure", "2"), "measure: must be at least 3, got 2"),
        (("--measure", "5"), "profile: only --from-table takes --measure; leave it out"),
        (("--from-table", "pi5", "--minutes", "0"), "minutes: must be a positive number, got 0"),
        (("--from-table", "pi5", "--quick"), "a transfer has no --quick; leave it out"),
        (("--from-table", "pi5", "--extend", "cpu"), "a transfer has no --extend; leave it out"),
        (("--from-table", "pi5", "--model", "a.onnx"), "a transfer has no --model; leave it out"),
        (("--from-table", "pi5", "--runtime", "onnxruntime"), "--device names the runtime, such"),
        (("--from-table", "pi5", "--kit", "kit"), "kit: a kit has no --from-table; leave it out"),
        (("--from-table", "mine.json", "--out", "mine.json"), "is the table of cpu itself"),
        pytest.param(
            ("--from-table", "pi5", "--minutes", "0.01"),
            "fit in 1 s; give more --minutes",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_cannot_be_transferred_is_refused_and_leaves_all_as_it_was(
    typed, tables: Path, tmp_path: Path, files_below, arguments, words
) -> None:
    replace(cpu_table(), samples=cpu_table().samples[:1]).save(tmp_path / "mine.json")
    data = {**json.loads((tmp_path / "mine.json").read_text()), "samples": []}
    del data["digest"]
    (tmp_path / "empty.json").write_text(json.dumps({**data, "digest": _digest(data)}))
    before = files_below(tmp_path)
    ran = typed("profile", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert words in ran.err
    assert files_below(tmp_path) == before


def test_what_python_requests_wrongly_is_refused_as_well() -> None:
    request = Request("cpu", None, None, True, (), (), None, 0, from_table="pi5")
    with pytest.raises(SpecError, match="a transfer chooses its graphs itself"):
        request.plan()


def test_notes_say_what_was_missing_and_that_the_source_was_disturbed() -> None:
    model = load_bundled("intel-8163")
    assert isinstance(model, OperatorModel)
    table = cpu_table()
    measured = [Measured(table.ops, sample) for sample in table.samples[:3]]
    assert Source("lab", 3, model).notes(measured, 60.0) == []
    found = Source("lab", 5, replace(model, warning="it was disturbed")).notes(measured, 60.0)
    assert found == [
        "3 of 5 graphs were measured in 60 s; more --minutes measure more",
        "the source lab is unreliable: it was disturbed",
    ]
    with pytest.raises(SpecError, match="fewer than 3 networks were measured in 60 s"):
        Source("lab", 3, model).notes(measured[:2], 60.0)
