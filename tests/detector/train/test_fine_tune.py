"""Frozen stages stay as they are, and learning rates fall towards the image."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from maenas.blocks.errors import SpecError
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.errors import TrainError
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.train import Ranks, Recipe, starting_network, starting_spec, train
from maenas.detector.train.fine_tune import FineTuneOptions
from maenas.detector.train.optimizer import OptimizerOptions, set_lr
from maenas.training.plan import PlannedTraining, announce, planned
from maenas.training.setup import TrainOptions, begun, continued_recipe
from tests.small_detector import NAMES, small_spec
from tests.trainings import RECIPE, small_training, write_data


def test_frozen_stages_and_their_statistics_are_those_of_the_start(tmp_path: Path) -> None:
    recipe = replace(RECIPE, fine_tune=FineTuneOptions(freeze=2))
    training = small_training(tmp_path / "run", write_data(tmp_path / "data"), recipe)
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    events = train(training)
    steps = list(islice(events, 2))
    events.close()  # type: ignore[attr-defined]
    assert all(step.taken for step in steps)
    changed = {
        name
        for name, value in training.network.state_dict().items()
        if not torch.equal(value, before[name])
    }
    frozen = tuple(f"backbone.stages.{index}." for index in range(2))
    assert not [name for name in changed if name.startswith(frozen)]
    trained = [name for name in before if not name.startswith(frozen)]
    assert {name for name in trained if name.endswith("num_batches_tracked")} <= changed
    assert {name for name in trained if name.endswith(("conv.weight", "running_mean"))} <= changed


def test_learning_rates_fall_from_part_to_part() -> None:
    network = small_spec().build()
    factors = FineTuneOptions(lr_decay=0.5).lr_factors(network)
    optimizer = OptimizerOptions().build(network, factors)
    set_lr(optimizer, 0.8)
    rates = {each: group["lr"] for group in optimizer.param_groups for each in group["params"]}
    assert len(rates) == len(list(network.parameters()))
    for name, parameter in network.named_parameters():
        part = name.split(".")
        # five stages, neck and head: the head has the whole rate, the first stage 1/64 of it
        power = 6 - int(part[2]) if part[0] == "backbone" else {"neck": 1, "head": 0}[part[0]]
        assert rates[parameter] == pytest.approx(0.8 * 0.5**power)


def test_without_a_decay_there_are_the_two_groups_of_before() -> None:
    network = small_spec().build()
    optimizer = OptimizerOptions().build(network, FineTuneOptions().lr_factors(network))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0005, 0.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": -1}, "freeze must be 0 or more stages, got -1"),
        ({"lr_decay": 0.0}, "lr_decay must be above 0, at most 1, got 0"),
        ({"lr_decay": 1.5}, "lr_decay must be above 0, at most 1, got 1.5"),
        ({"classifier_lr": 0.0}, "classifier_lr must be above 0, or null, got 0"),
        ({"classifier_lr": float("inf")}, "classifier_lr must be above 0, or null, got inf"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        FineTuneOptions(**options)  # type: ignore[arg-type]


def test_a_training_freezes_only_stages_that_exist_and_have_weights(tmp_path: Path) -> None:
    data, spec = write_data(tmp_path / "data"), small_spec()
    save_folder(tmp_path / "plain", spec, None)
    save_folder(tmp_path / "trained", spec, spec.build().state_dict(), trained=True)
    cpu = Ranks(torch.device("cpu"))

    def options(folder: str, stages: int) -> TrainOptions:
        changes = (f"fine_tune.freeze={stages}",)
        return TrainOptions(str(tmp_path / folder), data, changes=changes)

    with pytest.raises(TrainError, match=r"fine_tune\.freeze: .*plain has no weights"):
        begun(options("plain", 1), cpu)
    with pytest.raises(SpecError, match="freeze must be at most 5, the number of stages"):
        begun(options("trained", 6), cpu)
    frozen = begun(options("trained", 5), cpu)
    assert frozen.recipe.fine_tune.freeze == 5
    assert frozen.starts_trained
    assert not begun(options("plain", 0), cpu).starts_trained


def learned(spec: DetectorSpec) -> dict[str, torch.Tensor]:
    """Weights as after a training: BatchNorm has counted batches, the classifier has moved."""
    network = spec.build()
    for name, value in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            value.fill_(7)
    for _, bias in network.head.classifier():
        bias.data += 0.1
    return network.state_dict()


def start(
    tmp_path: Path, names: tuple[str, ...], *changes: str, is_trained: bool = True
) -> PlannedTraining:
    """The start of a training on other data, from a detector of other classes."""
    data, spec = write_data(tmp_path / "data", names=names), small_spec()
    save_folder(tmp_path / "it", spec, learned(spec) if is_trained else spec.build().state_dict())
    return plan_of(tmp_path / "it", data, *changes)


def plan_of(detector: Path, data: Path, *changes: str) -> PlannedTraining:
    cpu = Ranks(torch.device("cpu"))
    changes = ("optimizer.name=adamw", "compute.batch=2", "batch=2", *changes)
    return planned(begun(TrainOptions(str(detector), data, changes=changes), cpu), cpu)


def test_a_classifier_of_new_classes_on_trained_layers_learns_faster(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    plan = start(tmp_path, ("fork", "spoon"))
    network = plan.resolved.network
    factors = plan.recipe.fine_tune.lr_factors(network)
    last = {each for pair in network.head.classifier() for each in pair}
    assert {factors[each] for each in last} == {10.0}
    assert {factor for each, factor in factors.items() if each not in last} == {1.0}
    announce(plan, Ranks(torch.device("cpu")))
    assert "the classifier, all of whose classes are new, learns at 10 times" in caplog.text


@pytest.mark.parametrize(
    ("names", "changes", "is_trained", "factor"),
    [
        (NAMES, (), True, None),  # all classes are known
        ((NAMES[0], "spoon"), (), True, None),  # one of them is
        (("fork", "spoon"), (), False, None),  # no layer has learned
        (("fork", "spoon"), ("optimizer.name=sgd",), True, None),
        (("fork", "spoon"), ("fine_tune.classifier_lr=3",), True, 3.0),
    ],
)
def test_any_other_classifier_has_the_learning_rate_of_the_recipe(
    tmp_path: Path,
    names: tuple[str, ...],
    changes: tuple[str, ...],
    is_trained: bool,
    factor: float | None,
) -> None:
    plan = start(tmp_path, names, *changes, is_trained=is_trained)
    assert plan.recipe.fine_tune.classifier_lr == factor


def test_the_new_classifier_of_a_folder_with_mapped_weights_learns_faster(tmp_path: Path) -> None:
    """`build-detector --init --names` makes such a folder before a training begins."""
    spec = starting_spec(small_spec(), ("fork", "spoon"))
    network, _ = starting_network(small_spec(), spec.names, learned(small_spec()), seed=0)
    save_folder(tmp_path / "it", spec, network.state_dict())
    plan = plan_of(tmp_path / "it", write_data(tmp_path / "data", names=spec.names))
    assert plan.recipe.fine_tune.classifier_lr == 10.0


def test_a_resumed_training_keeps_its_epochs_beside_a_recipe_that_is_given_again() -> None:
    kept = Recipe(epochs=7)
    assert continued_recipe(TrainOptions(recipe="ns"), kept, False).epochs == 7
    assert continued_recipe(TrainOptions(recipe="ns", epochs=5), kept, False).epochs == 5


def test_a_resumed_training_keeps_the_faster_classifier(tmp_path: Path) -> None:
    kept = Recipe(fine_tune=FineTuneOptions(classifier_lr=10.0))
    assert continued_recipe(TrainOptions(recipe="ns"), kept, False).fine_tune == kept.fine_tune
    older = continued_recipe(TrainOptions(recipe="ns"), Recipe(), False)
    assert older.fine_tune.classifier_lr is None
