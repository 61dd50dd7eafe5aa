"""What decides a training before it starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.data.dataset import Dataset, Source
from maenas.detector.data.samples import Samples
from maenas.detector.train import Ranks, published_recipe
from maenas.training.setup import TrainOptions, begun, continued_spec, with_exclusion
from tests.small_detector import small_folder, small_spec
from tests.trainings import write_data

NAMES = ("cat", "dog")


def dataset(*annotated: tuple[bool, bool], verified: bool = False) -> Dataset:
    columns = Samples.of([])
    if verified:
        columns = replace(columns, verified=np.zeros(1, np.int32))
    sources = tuple(Source(str(index), np.array(each)) for index, each in enumerate(annotated))
    return Dataset(Path("union.yaml"), columns, NAMES, (0, 1), sources=sources)


@pytest.mark.parametrize("scale", ["ns", "s"])
def test_an_object_of_a_union_counts_against_all_other_classes(scale: str) -> None:
    recipe, (note,) = with_exclusion(published_recipe(scale), dataset((True, False), (False, True)))
    assert recipe.loss.exclusive
    assert "--set loss.exclusive=false" in note


def test_an_object_says_nothing_of_classes_that_may_contain_its_own() -> None:
    recipe, (note,) = with_exclusion(published_recipe("ns"), dataset((False, False), verified=True))
    assert not recipe.loss.exclusive
    assert "contain one another" in note


def test_nothing_is_said_where_it_makes_no_difference() -> None:
    recipe = published_recipe("ns")
    off = replace(recipe, loss=replace(recipe.loss, exclusive=False))
    for one, data in (
        (recipe, dataset()),
        (recipe, dataset((True, True))),
        (off, dataset((True, False))),
    ):
        assert with_exclusion(one, data) == (one, [])


@pytest.mark.parametrize(
    ("detector", "resize"), [("zoo:damo-yolo-ns", "stretch"), ("boxed", "letterbox")]
)
def test_only_a_backbone_takes_the_resizing_of_its_initial_weights_also_when_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detector: str, resize: str
) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_data(tmp_path / "data")
    save_folder(tmp_path / "boxed", small_spec(), None)
    small_folder(tmp_path / "source", "stretch")
    options = TrainOptions(detector, data, input_size=64, init="source")
    found = begun(options, Ranks(torch.device("cpu")))
    assert found.spec.resize == resize
    (line,) = (note for note in found.notes if note.startswith("images are resized by"))
    assert line.startswith(f"images are resized by {resize}, ")
    save_folder(tmp_path / "run" / "last", found.spec, None)
    assert continued_spec(options, tmp_path / "run") == found.spec
