"""The functions that look at models, tables, data and the machine return what commands print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import maenas
from maenas.blocks.backbone_file import Metadata, dump_backbone
from maenas.nas.scores.classics import MacsScore


def test_a_backbone_is_shown_with_the_numbers_of_the_command(typed: Any) -> None:
    shown = maenas.show("zoo:damo-yolo-ns", score="macs")
    told = typed("show", "zoo:damo-yolo-ns", "--score", "macs", "--json").json
    assert told == shown.to_json()
    shares = [row.score for row in shown.stages if row.score is not None]
    assert sum(shares) == pytest.approx(shown.total)
    assert [row.type for row in shown.rows[len(shown.stages) :]] == ["RepGFPN", "ZeroHead"]
    assert maenas.show("zoo:damo-yolo-ns", template="none").template is None


def test_a_score_is_an_object_or_a_name(typed: Any) -> None:
    by_name = maenas.score("zoo:damo-yolo-ns", "macs")
    assert maenas.score("zoo:damo-yolo-ns", MacsScore()).value == by_name.value
    weighted = maenas.score("zoo:damo-yolo-ns", MacsScore(), weights=(0, 0, 0, 0, 1))
    assert weighted.value == pytest.approx(by_name.level_scores[4])
    told = typed("score", "zoo:damo-yolo-ns", "--score", "macs", "--json").json
    assert told == by_name.to_json()


def test_the_zoo_and_the_tables_are_lists_of_typed_entries(typed: Any) -> None:
    models = {model.name: model for model in maenas.zoo().models}
    published = models["damo-yolo-s"].published
    assert published is not None
    assert published.template == "s"
    assert typed("zoo", "--json").json == maenas.zoo().to_json()
    assert {table.device: table.kind for table in maenas.tables().tables}["t4"] == "estimated"
    assert typed("tables", "--json").json == maenas.tables().to_json()


def test_a_data_set_is_generated_checked_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = maenas.make_shapes("shapes", images=5, size=64, classes=2)
    assert (made.images, len(made.names)) == ({"train": 5, "val": 1}, 2)
    checked = maenas.check_data(made.path)
    assert checked.errors == 0
    assert checked.splits["train"].images == 5
    shown = maenas.show_data("shapes", "sheets", sheets=1, size=64, batch=2)
    assert shown.files == (Path("sheets/train_0.jpg"),)
    assert shown.files[0].is_file()


@pytest.fixture
def searched_elsewhere(tmp_path: Path) -> Path:
    """A backbone that was searched for a table on another machine."""
    backbone = maenas.load_backbone("zoo:damo-yolo-ns")
    metadata = Metadata(template="ns", device="lab/cpu.json")
    dump_backbone(backbone, tmp_path / "best.yaml", metadata=metadata)
    return tmp_path / "best.yaml"


@pytest.mark.parametrize(
    "command", [("show", "best.yaml"), ("build-detector", "best.yaml", "--out", "built")]
)
def test_a_network_searched_on_another_machine_is_priced_on_the_default_device(
    command: tuple[str, ...], searched_elsewhere: Path, typed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(searched_elsewhere.parent)
    ran = typed(*command)
    assert ran.code == 0
    assert "latency is that of t4, as the device of the search cannot be read here" in ran.err
    assert "lab/cpu.json" in ran.err


def test_a_device_that_is_named_must_be_here(
    searched_elsewhere: Path, typed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(searched_elsewhere.parent)
    ran = typed("build-detector", "best.yaml", "--out", "built", "--device", "lab/cpu.json")
    assert ran.code == 2
    assert not Path("built").exists()
