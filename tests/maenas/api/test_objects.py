"""Assigners, recipes and backends handed to the Python API as objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

import maenas
from maenas.api.training import chosen_assigner
from maenas.budgets.backends.onnxruntime_cpu import OnnxRuntimeBackend
from maenas.detector.assign import ASSIGNERS, ATSS, TOOD
from maenas.detector.train import Recipe
from maenas.detector.train.recipe import parse_recipe, recipe_data
from maenas.latency.measure import target_with
from maenas.training.setup import TrainOptions, changed_recipe, named_recipe
from tests.small_detector import small_folder


@dataclass(frozen=True, slots=True)
class Picky(TOOD):
    """TOOD with a smaller default and an option of its own."""

    name: ClassVar[str] = "picky"
    topk: int = 3


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Forget what a test registers."""
    kept = dict(ASSIGNERS)
    yield
    ASSIGNERS.clear()
    ASSIGNERS.update(kept)


def test_an_assigner_object_is_that_of_the_recipe_and_of_its_file() -> None:
    picky = Picky(topk=5)
    taken = chosen_assigner(picky)
    recipe = changed_recipe(Recipe(), TrainOptions(assigner=taken, changes=("epochs=7",)))
    assert recipe.assigner is picky
    assert recipe.epochs == 7
    data = recipe_data(recipe)
    del data["format"]
    assert data["assigner"] == {"name": "picky", "topk": 5}
    assert parse_recipe(data, "recipe") == recipe


def test_the_name_of_an_assigner_does_as_well() -> None:
    assert chosen_assigner("atss") == ATSS()
    with pytest.raises(maenas.MaenasError, match="assigner: no assigner 'ats'; did you mean atss"):
        chosen_assigner("ats")


def test_a_recipe_object_is_taken_as_it_is() -> None:
    own = replace(Recipe(), epochs=3, assigner=ATSS())
    assert named_recipe(own) is own


def test_a_backend_object_decides_device_and_precision(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "detector")
    backend = OnnxRuntimeBackend(threads=1)
    target, model, reference_ms = target_with(backend, "cpu", None, None)
    assert (target.backend, target.device) == ("onnxruntime", "onnxruntime-cpu")
    assert (model, reference_ms) == (None, None)  # no table of it
    with pytest.raises(maenas.MaenasError, match="precision: is decided by the backend"):
        maenas.measure(folder, backend=backend, precision="f32")
    with pytest.raises(maenas.MaenasError, match="device: is decided by the backend"):
        maenas.profile("cuda", backend=backend)
