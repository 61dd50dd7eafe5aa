"""What a backbone file says to later commands, in fields alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from maenas.blocks.errors import SpecError
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.model.spec import Resize
from maenas.latency.comparison.compare import best_ap
from maenas.runs.models import (
    detector_in,
    find_detector,
    find_inheritance,
    find_model,
    find_teacher,
    mapped_from,
    sized,
)
from tests.maenas.conftest import Shell
from tests.small_detector import small_folder as saved_detector
from tests.small_detector import small_spec


@pytest.fixture
def run(small_folder: Path, tmp_path: Path) -> Path:
    """The folder of a small search, free to be changed."""
    return copytree(small_folder / "run", tmp_path / "run")


def rewritten(path: Path, target: Path, **changes: Any) -> Path:
    """A file read and written by a plain YAML library: comments gone, keys sorted."""
    target.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))
    return target


def as_older_version(path: Path) -> None:
    """The file as version 1 had it: the network alone."""
    data = yaml.safe_load(path.read_text())
    kept = {key: data[key] for key in ("in_shape", "stages", "features")}
    path.write_text(yaml.safe_dump({"format": "maenas/backbone@1", **kept}))


def test_a_search_leaves_what_later_commands_need(run: Path) -> None:
    model = find_model(str(run))
    assert model.template is not None
    assert model.template.name == "t"
    assert model.score().weights == (1, 1, 2, 4)
    assert model.num_classes == 80
    assert model.device is None


def test_a_detector_reads_images_of_the_height_and_width_requested() -> None:
    spec, _ = find_detector("zoo:damo-yolo-ns", (64, 320))
    assert spec.backbone.in_shape == (3, 64, 320)


@pytest.mark.parametrize("folder", ["best", "train/best", "train/last", "detector"])
def test_a_run_stands_for_the_detector_inside(typed: Any, tmp_path: Path, folder: str) -> None:
    typed("build-detector", "zoo:damo-yolo-ns", "--out", f"run/{folder}")
    assert detector_in(tmp_path / "run") == tmp_path / "run" / folder
    assert find_model(str(tmp_path / "run")).num_classes == 80


def test_a_run_without_detector_stands_for_the_network_of_its_search(
    run: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    copytree(run, whole / "search")
    assert find_model(str(whole)).backbone == find_model(str(run)).backbone


def test_the_ap_of_a_run_is_that_of_its_training(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "results.csv").write_text("epoch,ap\n1,0.25\n2,0.5\n3,\n")
    assert best_ap(tmp_path) == 0.5


def test_neither_comments_nor_other_files_of_the_run_are_needed(run: Path, tmp_path: Path) -> None:
    path = rewritten(run / "best.yaml", tmp_path / "mine.yaml")
    assert "#" not in path.read_text()
    assert find_model(str(path)) == replace(find_model(str(run)), name=str(path))


def test_a_prediction_does_not_change_with_the_comments(typed: Any, run: Path) -> None:
    before = typed("predict", "run/best.yaml", "--json").json
    rewritten(run / "best.yaml", run / "best.yaml")
    assert typed("predict", "run/best.yaml", "--json").json == before
    assert before["what"] == "detector"


def test_a_template_that_does_not_exist_is_named_with_its_file(
    typed: Any, run: Path, tmp_path: Path
) -> None:
    rewritten(run / "best.yaml", tmp_path / "mine.yaml", template="huge")
    ran = typed("predict", "mine.yaml")
    assert ran.code == 2
    assert "mine.yaml: template: no scale 'huge'" in ran.err


def test_a_run_of_the_older_version_is_read_with_its_other_files(run: Path) -> None:
    now = find_model(str(run))
    as_older_version(run / "best.yaml")
    assert find_model(str(run)) == now


def test_members_of_an_older_family_have_the_template_that_the_result_names(run: Path) -> None:
    (run / "pareto").mkdir()
    (run / "best.yaml").rename(run / "pareto" / "2.000ms.yaml")
    member = '{"spec": "elsewhere/pareto/2.000ms.yaml", "template": "m"}'
    (run / "result.json").write_text(f'{{"spec": "best.yaml", "family": [{member}]}}')
    rewritten(run / "config.yaml", run / "config.yaml", template=None)
    as_older_version(run / "pareto" / "2.000ms.yaml")
    template = find_model(str(run / "pareto" / "2.000ms.yaml")).template
    assert template is not None
    assert template.name == "m"


def test_an_older_file_without_its_run_is_a_backbone_alone(run: Path, tmp_path: Path) -> None:
    as_older_version(run / "best.yaml")
    model = find_model(str((run / "best.yaml").rename(tmp_path / "alone.yaml")))
    assert model.template is None
    assert model.num_classes is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_an_exported_file_that_is_a_pipe_is_not_called_missing(
    typed: Shell, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "image.jpg").touch()
    ran = typed("detect", "pipe.onnx", "image.jpg")
    assert ran.code == 2
    assert "pipe.onnx: is a pipe or a device, not a file." in ran.err


def test_random_weights_neither_teach_nor_are_inherited(tmp_path: Path) -> None:
    spec = small_spec()
    for name, trained in (("random", False), ("trained", True), ("unknown", None)):
        save_folder(tmp_path / name, spec, spec.build().state_dict(), trained=trained)
    random = str(tmp_path / "random")
    with pytest.raises(SpecError, match=r"^teacher .*random: no step has trained its weights"):
        find_teacher(random)
    with pytest.raises(SpecError, match=r"^--init: .*random: no step has trained its weights"):
        find_inheritance(spec, random, 0, keeps_resizing=True, keeps_size=True)
    for name in ("trained", "unknown"):
        find_teacher(str(tmp_path / name))
        find_inheritance(spec, str(tmp_path / name), 0, keeps_resizing=True, keeps_size=True)


@pytest.mark.parametrize(
    ("ours", "theirs", "keeps", "resize", "said"),
    [
        ("letterbox", "letterbox", False, "letterbox", ""),
        ("stretch", "stretch", True, "stretch", ""),
        ("letterbox", "stretch", False, "stretch", "images are resized by stretch, as by SOURCE"),
        ("letterbox", "stretch", True, "letterbox", "by letterbox, but SOURCE has learned from"),
        ("stretch", "letterbox", True, "stretch", "by stretch, but SOURCE has learned from"),
    ],
)
def test_a_backbone_takes_the_resizing_of_its_weights_and_a_detector_keeps_its_own(
    tmp_path: Path, ours: Resize, theirs: Resize, keeps: bool, resize: Resize, said: str
) -> None:
    source = str(saved_detector(tmp_path / "source", theirs))
    found, notes = find_inheritance(
        small_spec(ours), source, 0, keeps_resizing=keeps, keeps_size=False
    )
    assert found.spec.resize == resize
    assert len(notes) == (ours != theirs)
    assert said.replace("SOURCE", source) in "".join(notes)


@pytest.mark.parametrize(("keeps", "said"), [(True, 0), (False, 1)])
def test_weights_that_know_images_of_another_size_say_so_unless_the_user_chose_it(
    tmp_path: Path, keeps: bool, said: int
) -> None:
    spec = small_spec()
    larger = sized(spec, (64, 96))
    source = str(saved_detector(tmp_path / "source", "letterbox"))
    _, notes = find_inheritance(larger, source, 0, keeps_resizing=False, keeps_size=keeps)
    height, width = spec.backbone.in_shape[1:]
    words = f"images are 64x96 pixels, but {source} has learned from {height}x{width}; --input-size"
    assert [words in note for note in notes] == [True] * said


def test_weights_that_know_colours_say_so_to_a_detector_of_grey_images(tmp_path: Path) -> None:
    spec = small_spec()
    grey = replace(spec, backbone=replace(spec.backbone, in_shape=(1, *spec.backbone.in_shape[1:])))
    source = str(saved_detector(tmp_path / "source", "letterbox"))
    _, notes = find_inheritance(grey, source, 0, keeps_resizing=False, keeps_size=False)
    words = f"images are grey, but {source} has learned from images that are RGB"
    assert any(note.startswith(words) for note in notes)


def test_mapped_weights_are_told_from_random_ones(tmp_path: Path) -> None:
    spec, folder = small_spec(), tmp_path / "mapped"
    weights = spec.build().state_dict()
    save_folder(folder, spec, weights, trained=False, mapped_from="runs/train/exp")
    why = "its weights were mapped from runs/train/exp and not trained since"
    for find in (
        find_teacher,
        lambda name: find_inheritance(spec, name, 0, keeps_resizing=True, keeps_size=True),
    ):
        with pytest.raises(SpecError, match=f"mapped: {why}; name the run"):
            find(str(folder))
    assert mapped_from("zoo:damo-yolo-ns") is None
