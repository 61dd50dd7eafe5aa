"""Recipes: the published numbers, strict files, overrides that name the mistake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from maenas.blocks import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.detector.assign import TOOD, AlignOTA
from maenas.detector.distill import DistillOptions
from maenas.detector.model.template import template_names
from maenas.detector.train import (
    PAIRS,
    Recipe,
    distilling,
    load_recipe,
    published_recipe,
    with_changes,
)
from maenas.detector.train.recipe import (
    FEW_IMAGES,
    FINE_TUNING,
    parse_recipe,
    recipe_data,
    scale_of,
)
from tests.golden import MODELS, spec_of
from tests.small_detector import small_spec

NANO = {"ns", "nm", "nl"}


@pytest.mark.parametrize("scale", template_names())
def test_the_published_recipes_have_the_published_numbers(scale: str) -> None:
    recipe = published_recipe(scale)
    assert (recipe.epochs, recipe.batch, recipe.assigner) == (300, 256, AlignOTA())
    optimizer = recipe.optimizer
    if scale in NANO:
        assert (optimizer.name, optimizer.weight_decay) == ("adamw", 0.01)
        assert optimizer.lr_of(256) == pytest.approx(0.001 / 64 * 256)
    else:
        assert (optimizer.name, optimizer.momentum) == ("sgd", 0.9)
        assert optimizer.weight_decay == 0.0005
        for batch in (8, 64, 256):  # so much an image, whatever the batch
            assert optimizer.lr_of(batch) == pytest.approx(0.01 / 64 * batch)
    schedule, augmentation = recipe.schedule, recipe.augmentation
    assert (schedule.warmup_epochs, schedule.plain_epochs, schedule.floor) == (5, 16, 0.05)
    assert (recipe.ema.decay, recipe.ema.ramp) == (0.9998, 2000)
    assert augmentation.scale == ((0.75, 1.25) if scale == "ns" else (0.1, 2.0))
    assert augmentation.shear == (2.0 if scale in {"s", "m", "l"} else 0.2)
    assert (augmentation.mosaic, augmentation.mixup, augmentation.flip) == (1.0, 0.15, 0.5)
    assert (augmentation.rotate, augmentation.translate, augmentation.sada) == (10.0, 0.2, True)
    loss = recipe.loss
    assert (loss.quality_focal, loss.distribution_focal, loss.giou) == (1.0, 0.25, 2.0)


@pytest.mark.parametrize(("scale", "pair"), PAIRS.items())
def test_the_recipe_of_a_pair_is_that_of_its_student_with_the_published_distillation(
    scale: str, pair: str
) -> None:
    recipe = published_recipe(pair)
    assert recipe == distilling(published_recipe(scale))
    assert recipe.distill == DistillOptions(method="cwd", weight=0.5, clip_norm=30.0)
    assert recipe.taught_epochs == 284


def test_the_recipe_of_visdrone_is_that_of_s_at_lower_rates() -> None:
    changes = ["optimizer.lr=0.01", "fine_tune.lr_decay=0.9"]
    assert published_recipe("visdrone") == with_changes(published_recipe("s"), changes)


@pytest.mark.parametrize("scale", [*template_names(), *PAIRS.values(), *FINE_TUNING])
def test_a_recipe_file_opens_with_where_its_numbers_come_from(scale: str) -> None:
    import maenas.detector.train.recipes as folder

    text = (Path(folder.__path__[0]) / f"{scale}.yaml").read_text()
    receipt = text[: text.index("format:")]
    assert "2211.15444" in receipt
    assert "Apache-2.0" in receipt
    assert "# lr: " in receipt


@pytest.mark.parametrize("model", MODELS)
def test_a_detector_gets_the_recipe_of_its_scale(model: str) -> None:
    assert scale_of(spec_of(model)) == model.lower()


def test_a_detector_of_no_scale_gets_the_recipe_of_its_kind() -> None:
    assert scale_of(small_spec()) == "s"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    recipe = with_changes(published_recipe("ns"), ["assigner.name=tood", "sides=[320, 416]"])
    write_text(tmp_path / "mine.yaml", yaml.safe_dump(recipe_data(recipe)))
    assert load_recipe(tmp_path / "mine.yaml") == recipe
    assert recipe.assigner == TOOD()
    assert recipe.sides == (320, 416)


def test_off_is_a_word_and_false_is_not() -> None:
    recipe = with_changes(published_recipe("s"), ["compute.amp=off", "augmentation.sada=false"])
    assert (recipe.compute.amp, recipe.augmentation.sada) == ("off", False)


def test_values_are_changed_by_their_path() -> None:
    recipe = with_changes(
        published_recipe("s"),
        ["optimizer.lr=1e-3", "epochs=50", "assigner.topk=13", "augmentation.scale=[0.5, 1.5]"],
    )
    assert (recipe.optimizer.lr, recipe.epochs, recipe.assigner) == (0.001, 50, AlignOTA(topk=13))
    assert recipe.augmentation.scale == (0.5, 1.5)
    assert recipe.optimizer.weight_decay == 0.0005


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimizer.lrr=1", r"optimizer\.lrr: no such field; did you mean lr\?"),
        ("optmizer.lr=1", r"optmizer: no such section; did you mean optimizer\?"),
        ("epoch=1", r"epoch: no such field; did you mean epochs\?"),
        ("epochs=many", r"epochs: .*valid integer, got 'many'"),
        ("epochs=0", r"epochs must be at least 1, got 0"),
        ("epochs.x=1", r"epochs is a value, it has no keys"),
        ("optimizer=sgd", r"optimizer is a section; set one of name, lr"),
        ("optimizer.lr", r"must be key=value, such as optimizer\.lr=0\.01"),
        ("optimizer.lr=[", "not valid YAML: while parsing a flow node"),
        ("optimizer.lr=-1", r"^--set: optimizer: lr must be above 0, got -1"),
        ("loss.giou=.nan", r"loss: giou: must be a finite number, got nan"),
        ("optimizer.lr=.inf", r"optimizer: lr: must be a finite number, got inf"),
        ("optimizer.name=adam", r"optimizer\.name: .*'sgd' or 'adamw', got 'adam'"),
        ("assigner.name=ota", r"no assigner 'ota'; did you mean"),
        ("assigner.topkk=3", r"assigner\.topkk: no such field; did you mean topk\?"),
        ("assigner.topk=-1", r"^--set: assigner: topk must be above 0, got -1"),
        ("assigner.center_radius=0", r"center_radius must be above 0, got 0"),
        ("sides=[100]", r"^--set: recipe: sides must be multiples of 32, got 100"),
        ("augmentation.resize=stretch", r"resize: is the detector's"),
        ("ema.decay=1", r"decay must be 0 or more and below 1, got 1"),
        ("schedule.floor=2", r"floor must be 0\.\.1, got 2"),
        ("seed=-1", r"seed must be 0 or more, got -1"),
    ],
)
def test_a_wrong_change_is_named(change: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        with_changes(Recipe(), [change])


def test_an_unknown_key_of_a_file_is_named_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("format: maenas/recipe@1\nshedule: {floor: 0.1}\n")
    with pytest.raises(SpecError, match=r"mine\.yaml: shedule: no such field; did you mean sched"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("weight=0", r"weight must be above 0, got 0"),
        ("last_weight=2", r"last_weight must be 0\.\.1, got 2"),
        ("method=kd", r"method: .*'cwd', 'mgd' or 'mimic', got 'kd'"),
        ("levels=[5, 3]", r"levels must be some of 3, 4 and 5 in order, got \[5, 3\]"),
        ("levels=[]", r"levels must be some of 3, 4 and 5"),
        ("features=head", r"features: .*'neck' or 'backbone', got 'head'"),
        ("epochs=0", r"epochs must be at least 1, got 0"),
        ("clip_norm=0", r"clip_norm must be above 0, got 0"),
        ("tau=4", r"distill\.tau: no such field"),
    ],
)
def test_a_wrong_value_of_distillation_is_named(change: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        with_changes(distilling(Recipe()), [f"distill.{change}"])


@pytest.mark.parametrize(
    ("epochs", "changes", "taught"),
    [
        (300, (), 284),
        (40, (), 30),
        (4, (), 3),
        (3, (), 3),
        (300, ("distill.epochs=300",), 300),
        (8, ("distill.epochs=300",), 8),
    ],
)
def test_the_teacher_stays_until_the_plain_epochs_however_long_the_training(
    epochs: int, changes: tuple[str, ...], taught: int
) -> None:
    recipe = with_changes(distilling(Recipe(epochs=epochs)), changes)
    assert recipe.taught_epochs == taught


def test_the_shorter_of_both_longest_gradients_counts_while_there_is_a_teacher() -> None:
    recipe = distilling(Recipe())
    assert recipe.taught_clip_norm == 30.0
    assert with_changes(recipe, ["optimizer.clip_norm=5"]).taught_clip_norm == 5.0
    assert with_changes(recipe, ["distill.clip_norm=null"]).taught_clip_norm is None


def test_no_such_scale_is_an_error() -> None:
    with pytest.raises(SpecError, match="no scale 'xl'"):
        published_recipe("xl")


def test_all_of_a_recipe_is_plain_data() -> None:
    data = recipe_data(Recipe())
    del data["format"]
    assert parse_recipe(data, "here") == Recipe()


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(5, {1, 2, 3, 4, 5}), (300, {*range(10, 291, 10), *range(285, 301)})],
)
def test_evaluations_are_more_frequent_without_mosaics_and_in_short_runs(
    epochs: int, expected: set[int]
) -> None:
    recipe = Recipe(epochs=epochs)
    assert {epoch for epoch in range(1, epochs + 1) if recipe.evaluates(epoch)} == expected


@pytest.mark.parametrize(
    ("epochs", "evaluations", "expected"),
    [(12, 4, {3, 6, 9, 12}), (10, 4, {3, 5, 8, 10}), (3, 4, {1, 2, 3}), (7, 1, {7})],
)
def test_a_number_of_evaluations_is_spread_evenly_and_ends_with_the_last_epoch(
    epochs: int, evaluations: int, expected: set[int]
) -> None:
    recipe = Recipe(epochs=epochs, evaluations=evaluations)
    assert {epoch for epoch in range(1, epochs + 1) if recipe.evaluates(epoch)} == expected


def test_a_batch_size_that_is_asked_for_is_not_reduced() -> None:
    assert with_changes(Recipe(), ["batch=32"]).min_steps == 1
    assert with_changes(Recipe(), ["batch=32", "min_steps=70"]).min_steps == 70
    assert with_changes(Recipe(), ["epochs=3"]).min_steps == 5000


@pytest.mark.parametrize("name", [*template_names(), *PAIRS.values()])
def test_few_images_are_trained_with_the_optimizer_of_the_nano_scale(name: str) -> None:
    recipe, nano = published_recipe(name), published_recipe("ns").optimizer
    assert recipe.suited_to(1000).optimizer == nano
    large = recipe.suited_to(118_287)  # COCO
    assert (large.optimizer, large.small_optimizer) == (recipe.optimizer, None)


def test_images_are_few_by_those_of_all_epochs() -> None:
    recipe = replace(published_recipe("t"), epochs=100)
    assert recipe.suited_to(FEW_IMAGES // 100 - 1).optimizer.name == "adamw"
    assert recipe.suited_to(FEW_IMAGES // 100).optimizer.name == "sgd"


def test_an_optimizer_that_is_asked_for_is_not_replaced() -> None:
    recipe = with_changes(published_recipe("t"), ["optimizer.lr=0.02"])
    assert recipe.suited_to(100).optimizer == replace(published_recipe("t").optimizer, lr=0.02)
    changed = with_changes(published_recipe("t"), ["small_optimizer.lr=0.02"])
    assert changed.suited_to(100).optimizer.lr == 0.02


def test_a_section_that_a_recipe_lacks_is_not_called_unknown() -> None:
    with pytest.raises(SpecError, match="the recipe has no section small_optimizer; a recipe file"):
        with_changes(published_recipe("ns"), ["small_optimizer.lr=0.1"])


def test_a_recipe_without_another_optimizer_keeps_its_own() -> None:
    assert Recipe().suited_to(100) == Recipe()
