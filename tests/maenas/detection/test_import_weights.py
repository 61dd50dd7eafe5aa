"""`maenas import-weights`: a checkpoint in, a detector folder out, or one line that says why."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from maenas.detector.checkpoints.checkpoint import build_network, load_folder
from tests.golden import official_weights

NANO = ("import-weights", "official.pth", "--model", "damo-yolo-ns")


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return official_weights("Ns")


@pytest.fixture
def checkpoint(weights: dict[str, Tensor], tmp_path: Path) -> Path:
    """`official.pth` in the folder where `typed` runs."""
    path = tmp_path / "official.pth"
    torch.save({"model": weights, "epoch": 300}, path)
    return path


def test_a_checkpoint_becomes_a_detector_folder(typed, checkpoint, tmp_path) -> None:
    ran = typed(*NANO, "--out", "mine")

    assert ran.code == 0
    assert ran.err == ""
    assert ran.out == (
        "removed from the file: `model`; training form, 80 classes: every key was matched\n"
        "detector: mine\n"
    )
    spec, weights = load_folder(tmp_path / "mine")
    build_network(spec, weights)
    assert spec.resize == "stretch"
    assert spec.names[0] == "person"
    receipt, digest, *_ = (tmp_path / "mine" / "detector.yaml").read_text().splitlines()
    assert receipt == "# maenas import-weights official.pth --model damo-yolo-ns"
    assert digest.startswith("# sha256 ")
    assert len(digest) == len("# sha256 ") + 64


def test_without_out_each_import_has_a_folder_of_its_own(typed, checkpoint, tmp_path) -> None:
    for _ in range(2):
        assert typed(*NANO).code == 0
    folders = sorted(path.name for path in (tmp_path / "runs" / "import-weights").iterdir())
    assert folders == ["exp", "exp2"]


def test_json_has_every_key_that_changed(typed, checkpoint) -> None:
    ran = typed(*NANO, "--out", "mine", "--num-classes", "3", "--json")
    result = ran.json
    assert result["schema"] == "maenas/import-weights@1"
    assert (result["detector"], result["classes"], result["checkpoint_classes"]) == ("mine", 3, 80)
    spec, _ = load_folder(Path("mine"))
    assert result["parameters"] == sum(p.numel() for p in spec.build().parameters())
    assert result["missing"] == result["extra"] == result["misshaped"] == result["dropped"] == []
    assert result["reinitialised"] == [
        f"head.gfl_cls.{level}.{name}" for level in range(3) for name in ("weight", "bias")
    ]


def test_a_new_classifier_is_announced(typed, checkpoint) -> None:
    ran = typed(*NANO, "--out", "mine", "--num-classes", "3")
    assert "the classifier is initialised for 3 classes (6 tensors)" in ran.words


def test_names_of_a_file_are_those_of_the_detector(typed, checkpoint, tmp_path) -> None:
    names = [f"thing {number}" for number in range(80)]
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n")
    ran = typed(*NANO, "--out", "mine", "--names", "names.txt")
    assert ran.code == 0
    assert load_folder(tmp_path / "mine")[0].names == tuple(names)


def test_701_classes_have_the_names_of_the_published_union_on_request_alone(
    typed, weights, tmp_path
) -> None:
    many = {
        key: torch.cat([value] * 9)[:701] if "gfl_cls" in key else value
        for key, value in weights.items()
    }
    torch.save({"model": many}, tmp_path / "official.pth")
    ran = typed(*NANO, "--out", "nameless")
    assert load_folder(tmp_path / "nameless")[0].names == ()
    assert "its 701 classes have no names, because the authors list none" in ran.words
    ran = typed(*NANO, "--out", "named", "--names", "coco-objects365-openimages-701")
    spec, _ = load_folder(tmp_path / "named")
    assert (len(spec.names), spec.head.num_classes) == (701, 701)
    assert "whether the checkpoint has them in this order is not known" in ran.words


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cat\ndog\n", "names: must be one per class (80), got 2"),
        ("cat\n\ndog\n", "names.txt:2: must be the name of a class, got ''"),
        ("", "names.txt: must hold one name a line, got an empty file"),
        (None, "names.txt: does not exist; name a text file with one name a line, or coco-"),
        ("cat\n" * 80, "names: must differ, got 'cat' more than once"),
    ],
)
def test_wrong_names_are_one_line_and_nothing_is_written(
    typed, checkpoint, tmp_path, content, message
) -> None:
    if content is not None:
        (tmp_path / "names.txt").write_text(content)
    ran = typed(*NANO, "--out", "mine", "--names", "names.txt")
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "mine").exists()


def test_a_dropped_legacy_class_is_announced(typed, weights, tmp_path) -> None:
    legacy = {
        key: torch.cat([value, value[:1]]) if "gfl_cls" in key else value
        for key, value in weights.items()
    }
    torch.save({"model": legacy}, tmp_path / "official.pth")
    ran = typed(*NANO, "--out", "mine")
    assert ran.code == 0
    assert "the legacy class 81 is dropped" in ran.words


def test_a_checkpoint_of_another_model_is_one_line_and_all_keys_as_json(
    typed, checkpoint, tmp_path
) -> None:
    arguments = ("import-weights", "official.pth", "--model", "damo-yolo-nm", "--out", "mine")
    ran = typed(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("error: official.pth: is not a damo-yolo-nm: ")
    assert "looks like damo-yolo-ns" in ran.err
    assert "--json lists every key." in ran.err
    assert not (tmp_path / "mine").exists()

    result = typed(*arguments, "--json").json
    assert result["detector"] is None
    assert len(result["misshaped"]) > 300
    assert result["misshaped"][0] == {
        "key": "backbone.block_list.1.block_list.0.conv.0.weight",
        "shape": [88, 16, 1, 1],
        "expected": [144, 16, 1, 1],
    }


@pytest.mark.slow
def test_a_folder_that_holds_something_is_only_written_into_if_told_so(
    typed, checkpoint, tmp_path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("dear to me")
    ran = typed(*NANO, "--out", "mine")
    assert ran.code == 2
    assert "mine: is not empty; --exist-ok" in ran.err
    assert typed(*NANO, "--out", "mine", "--exist-ok").code == 0
    assert sorted(path.name for path in mine.iterdir()) == [
        "detector.yaml",
        "notes.txt",
        "weights.safetensors",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is damaged or cut short"), (b"<html>", "is not a checkpoint that PyTorch can load")],
)
def test_a_file_that_is_no_checkpoint_is_one_line(typed, tmp_path, content, message) -> None:
    (tmp_path / "official.pth").write_bytes(content)
    ran = typed(*NANO)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("error: official.pth: ")
    assert message in ran.err
    assert not (tmp_path / "runs").exists()


def test_no_classes_at_all_is_refused(typed, checkpoint) -> None:
    assert typed(*NANO, "--num-classes", "0").code == 2
