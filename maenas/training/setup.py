"""Set up a training from the options of a new run, or from the folder of a resumed run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.suffixes import is_yaml
from maenas.blocks.files.yaml_file import read_yaml
from maenas.budgets.image_size import InputSize, shown_size, sides_of
from maenas.detector.assign import Assigner
from maenas.detector.checkpoints.checkpoint import SPEC_FILE
from maenas.detector.checkpoints.inherit import Inheritance, save_origins
from maenas.detector.data import Dataset
from maenas.detector.distill import Teacher
from maenas.detector.errors import TrainError
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec, load_detector
from maenas.detector.train import (
    PAIRS,
    Ranks,
    Recipe,
    distilling,
    load_recipe,
    load_state,
    published_recipe,
    scale_of,
    starting_network,
    starting_spec,
    with_changes,
)
from maenas.detector.train.recipe import parse_recipe, recipe_data
from maenas.detector.train.start import keeps_all, with_classes
from maenas.detector.train.state import LAST, STATE_FILE, Saved, TrainingProgress
from maenas.runs.models import (
    find_detector,
    find_inheritance,
    find_teacher,
    has_resizing,
    is_trained,
)
from maenas.runs.named_files import found_options, kept_options, named_as_in
from maenas.terminal.console import count_of
from maenas.training.datasets import training_images

SCHEMA = "maenas/train@1"
ARGS_FILE = "args.yaml"
IMAGES_A_STEP = "images_a_step"  # key of `ARGS_FILE`


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Options that the user gave; None for those left out."""

    detector: str | None = None
    data: Path | None = None
    epochs: int | None = None
    changes: tuple[str, ...] = ()
    recipe: str | Recipe | None = None
    input_size: InputSize = None
    teacher: str | None = None
    distills: bool = False
    init: str | None = None
    assigner: Assigner | None = None
    patience: int | None = None

    @property
    def command(self) -> str:
        """Name of the command: train or distill."""
        return "distill" if self.distills or self.teacher is not None else "train"


@dataclass(frozen=True, slots=True)
class ResolvedTraining:
    """Everything that decides a run, taken from its options or from the folder of a resumed run.

    Attributes:
        spec: the detector, with the classes of the data.
        network: network with its initial weights; a saved state replaces them.
        recipe: recipe of the training.
        data: file of the data set.
        dataset: training images; a large data set takes minutes to read, so it is read once.
        saved: state to continue from; None for a new run.
        notes: lines to print at the start.
        teacher: teacher of the distillation; None to train on the labels only.
        inheritance: weights that were mapped from another detector; None without one, and in a run
            that is resumed.
        starts_at_random: whether a new run begins with random weights.
        starts_trained: whether a new run starts from all weights of a trained detector.
    """

    spec: DetectorSpec
    network: DetectorNetwork
    recipe: Recipe
    data: Path
    dataset: Dataset
    saved: Saved | None
    notes: tuple[str, ...]
    teacher: Teacher | None = None
    inheritance: Inheritance | None = None
    starts_at_random: bool = False
    starts_trained: bool = False


def begun(options: TrainOptions, ranks: Ranks) -> ResolvedTraining:
    """Set up a new run from its options."""
    if options.detector is None or options.data is None:
        raise TrainError(
            f"{options.command}: needs a detector and --data, such as "
            f"`maenas {options.command} zoo:damo-yolo-ns --data data.yaml`; or --resume."
        )
    if options.distills and options.teacher is None:
        raise TrainError(
            "distill: needs --teacher, a run of `maenas train` or a detector folder with weights."
        )
    spec, weights = find_detector(options.detector, options.input_size)
    channels = spec.backbone.in_shape[0]
    teacher = None if options.teacher is None else find_teacher(options.teacher, channels)
    recipe, note = chosen_recipe(options, spec)
    where, known, inheritance, resizing = options.detector, spec, None, list[str]()
    if options.init is not None:
        if weights is not None:
            raise TrainError(f"--init: {options.detector} has weights already; leave it out.")
        own = has_resizing(options.detector)
        inheritance, resizing = find_inheritance(
            spec,
            options.init,
            recipe.seed,
            keeps_resizing=own,
            keeps_size=options.input_size is not None,
        )
        where = f"{options.init} as mapped"
        known, weights = inheritance.spec, dict(inheritance.weights)
        spec = replace(spec, resize=known.resize)
    if weights is None and recipe.fine_tune.freeze:
        raise TrainError(
            f"fine_tune.freeze: {options.detector} has no weights, and stages with random weights "
            "must be trained; leave it out, or start from a detector folder with weights."
        )
    recipe.fine_tune.require_stages(spec.backbone)
    dataset = training_images(options.data, ranks)
    recipe, exclusion = with_exclusion(recipe, dataset)
    names = dataset.names
    if teacher is not None:
        teacher.require_fit(spec, names)
    network, notes = starting_network(known, names, weights, recipe.seed, where)
    if inheritance is not None:
        inheritance = with_classes(inheritance, names, network)
        notes = [inheritance.summary(), *resizing, *notes]
    return ResolvedTraining(
        spec=starting_spec(spec, names),
        network=network,
        recipe=recipe,
        data=options.data,
        dataset=dataset,
        saved=None,
        notes=(*notes, note, *exclusion, *teacher_notes(teacher, recipe)),
        teacher=teacher,
        inheritance=inheritance,
        starts_at_random=weights is None,
        starts_trained=options.init is None
        and is_trained(options.detector) is True
        and keeps_all(spec, names),
    )


def with_exclusion(recipe: Recipe, dataset: Dataset) -> tuple[Recipe, list[str]]:
    """The recipe with what a labelled object says of classes that are not annotated, and a note.

    Where classes are annotated image by image, as in OpenImages, they contain one another: a man is
    a person, too. Then an object says nothing of other classes.
    """
    if not recipe.loss.exclusive or all(each.annotated.all() for each in dataset.sources):
        return recipe, []
    if len(dataset.columns.verified):
        loss = replace(recipe.loss, exclusive=False)
        return replace(recipe, loss=loss), [
            "classes that are annotated image by image contain one another, so an object says "
            "nothing of classes that its image does not annotate (loss.exclusive is off)"
        ]
    return recipe, [
        "an object has one class and counts against all others; if a class contains another, as "
        "vehicles contain cars: --set loss.exclusive=false"
    ]


def continued(options: TrainOptions, folder: Path, ranks: Ranks) -> ResolvedTraining:
    """Set up a resumed run from its folder; options that are given must equal those of the run."""
    saved = load_state(folder / STATE_FILE)
    args = kept_args(folder / ARGS_FILE)
    options = named_as_in(kept_files(args), options)
    name = args.get("teacher") if options.teacher is None else options.teacher
    spec = continued_spec(options, folder)
    teacher = None if name is None else find_teacher(name, spec.backbone.in_shape[0])
    if options.init not in (None, args.get("init")):
        raise TrainError(
            f"--init {options.init}: {folder} was started "
            + (f"with {args['init']}" if args.get("init") else "without it")
            + "; leave it out, or start a new run with --out."
        )
    recipe = continued_recipe(options, kept_recipe(folder / ARGS_FILE), teacher is not None)
    data = Path(args["data"]) if options.data is None else options.data
    if options.data is None and not data.exists():
        raise TrainError(f"{folder}: {data} is not there; --data names where it lies now.")
    dataset = training_images(data, ranks)
    recipe, _ = with_exclusion(recipe, dataset)
    if dataset.names != saved.identity.names:
        spec = starting_spec(spec, dataset.names)
    return ResolvedTraining(
        spec=spec,
        network=spec.build(),
        recipe=recipe,
        data=data,
        dataset=dataset,
        saved=saved,
        notes=(
            continuation_note(saved.progress, recipe.epochs),
            *teacher_notes(teacher, recipe),
        ),
        teacher=teacher,
    )


def continued_recipe(options: TrainOptions, kept: Recipe, has_teacher: bool) -> Recipe:
    """The recipe of a run with the values that are given again."""
    given = (options.recipe, options.epochs, options.patience, options.assigner)
    if not options.changes and all(value is None for value in given):
        return kept
    base = kept
    if options.recipe is not None:
        base = named_recipe(options.recipe)
        base = distilling(base) if has_teacher else replace(base, distill=None)
        base = replace(base, epochs=kept.epochs)  # unless others are given
    recipe = changed_recipe(base, options)
    if recipe.compute.batch is None:
        recipe = replace(recipe, compute=replace(recipe.compute, batch=kept.compute.batch))
    if recipe.fine_tune.classifier_lr is None:
        chosen = replace(recipe.fine_tune, classifier_lr=kept.fine_tune.classifier_lr)
        recipe = replace(recipe, fine_tune=chosen)
    return recipe


def continued_spec(options: TrainOptions, folder: Path) -> DetectorSpec:
    """The detector of a run, or the one that is given again with the classes of the run."""
    spec = load_detector(folder / LAST / SPEC_FILE)
    size, started = options.input_size, spec.backbone.in_shape
    if size is not None and sides_of(size) != started[1:]:
        raise TrainError(
            f"--input-size {shown_size(size)}: {folder} was started at {shown_size(started[1:])}; "
            "leave it out, or start a new run with --out."
        )
    if options.detector is None:
        return spec
    typed, _ = find_detector(options.detector, size)
    if not has_resizing(options.detector):
        typed = replace(typed, resize=spec.resize)  # that of the weights it began with
    return starting_spec(typed, spec.names)


def continuation_note(progress: TrainingProgress, epochs: int) -> str:
    """Line that says where a training continues."""
    if progress.epoch_batches == 0:
        return f"continues after epoch {progress.epoch} of {epochs}"
    return f"continues after step {progress.step}, in epoch {progress.epoch + 1} of {epochs}"


def kept_args(path: Path) -> dict[str, Any]:
    """Arguments that a run was started with, each file by its path from the working folder."""
    args = read_yaml(path, SCHEMA)
    for key, kind, what in (("data", str, "a path"), ("recipe", dict, "a mapping")):
        if not isinstance(args.get(key), kind):
            raise TrainError(
                f"{path}: {key}: must be {what}, got {args.get(key)!r}; start a new run from "
                f"{path.parent / LAST}."
            )
    return args | _files(found_options(kept_files(args), path.parent))


def kept_files(args: Mapping[str, Any]) -> TrainOptions:
    """The options of a run that name files."""
    return TrainOptions(
        detector=args.get("detector"),
        data=Path(args["data"]),
        teacher=args.get("teacher"),
        init=args.get("init"),
    )


def _files(options: TrainOptions) -> dict[str, str]:
    """The options that name files as plain data, without those that are not given."""
    named = {name: getattr(options, name) for name in ("detector", "data", "teacher", "init")}
    return {name: str(value) for name, value in named.items() if value is not None}


def kept_recipe(path: Path) -> Recipe:
    """The recipe that a run was started with."""
    return parse_recipe(kept_args(path)["recipe"], f"{path}: recipe")


def chosen_recipe(options: TrainOptions, spec: DetectorSpec) -> tuple[Recipe, str]:
    """The recipe of a new run, and its name."""
    scale = scale_of(spec)
    if options.teacher is None:
        name = options.recipe or scale
        for change in options.changes:
            if change.startswith("distill."):
                raise TrainError(f"--set {change}: needs a teacher; `maenas distill` takes one.")
        base = replace(named_recipe(name), distill=None)
    else:
        name = options.recipe or PAIRS.get(scale, scale)
        base = distilling(named_recipe(name))
    recipe = changed_recipe(base, options)
    known = "of your own" if isinstance(name, Recipe) else name
    return recipe, f"recipe {known}, {count_of(recipe.epochs, 'epoch')}"


def named_recipe(name: str | Recipe) -> Recipe:
    """A recipe file, or the published recipe of a scale; a recipe is returned unchanged."""
    if isinstance(name, Recipe):
        return name
    if is_yaml(name):
        return load_recipe(Path(name))
    return published_recipe(name)


def changed_recipe(recipe: Recipe, options: TrainOptions) -> Recipe:
    """A recipe with the changes and the assigner of the options."""
    changed = with_changes(recipe, changes_of(options))
    return changed if options.assigner is None else replace(changed, assigner=options.assigner)


def changes_of(options: TrainOptions) -> list[str]:
    """Changes of values of the recipe."""
    given = {"epochs": options.epochs, "patience": options.patience}
    own = [f"{name}={value}" for name, value in given.items() if value is not None]
    return [*options.changes, *own]


def teacher_notes(teacher: Teacher | None, recipe: Recipe) -> list[str]:
    """Lines about the distillation: teacher, method and duration."""
    if teacher is None or recipe.distill is None:
        return []
    options, taught = recipe.distill, recipe.taught_epochs
    then = f", then {recipe.epochs - taught} alone" if recipe.epochs > taught else ", all of them"
    return [
        f"teacher {teacher.where}: {options.method} at weight {options.weight:g} for "
        f"{count_of(taught, 'epoch')}{then}"
    ]


def write_args(
    folder: Path, recipe: Recipe, resolved: ResolvedTraining, options: TrainOptions, step: int
) -> None:
    """Write `args.yaml`: every setting of the run and the whole recipe; and `inherited.csv`.

    Args:
        folder: folder of the run.
        recipe: recipe of the run.
        resolved: inputs of the run.
        options: options that the user gave.
        step: images of a step in all processes, which may be fewer than the recipe's batch.
    """
    path = folder / ARGS_FILE
    # of a run that is resumed, what is not given again stays
    kept = {} if resolved.saved is None else kept_args(path)
    detector, init = options.detector or kept.get("detector"), options.init or kept.get("init")
    content: dict[str, Any] = {
        "format": SCHEMA,
        "detector": detector,
        "data": str(resolved.data),
        IMAGES_A_STEP: step,
    }
    if init is not None:
        content["init"] = init
    if resolved.inheritance is not None:
        save_origins(resolved.inheritance, folder)
    if resolved.teacher is not None:
        content["teacher"] = resolved.teacher.where
    recipe_part = recipe_data(recipe)
    del recipe_part["format"]
    recipe_part["assigner"] |= asdict(recipe.assigner)  # type: ignore[call-overload]
    content["recipe"] = recipe_part
    _save_args(path, content)


def prepare_move(folder: Path, place: Path, files: Mapping[str, str]) -> None:
    """Make `args.yaml` of a training right for the folder that it is moved to.

    Args:
        folder: folder of the training.
        place: folder that it is moved to.
        files: all files that it names, by their paths from the working folder: `data`, `detector`.
    """
    path = folder / ARGS_FILE
    _save_args(path, {"format": SCHEMA, **kept_args(path), **files}, place)


def _save_args(path: Path, content: dict[str, Any], place: Path | None = None) -> None:
    content = content | _files(kept_options(kept_files(content), place or path.parent))
    write_text(path, yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100))
