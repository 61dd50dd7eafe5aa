"""Recipes: all settings of a training except the detector and the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from maenas.blocks.errors import SpecError, positive
from maenas.blocks.files.dump import changed_fields
from maenas.blocks.files.strict import parse
from maenas.blocks.files.words import did_you_mean, name_of
from maenas.blocks.files.yaml_file import parse_yaml, read_yaml
from maenas.detector.assign import AlignOTA, Assigner
from maenas.detector.assign.load import assigner_class
from maenas.detector.data.augmentation import Augmentation
from maenas.detector.data.sampling.options import SamplingOptions
from maenas.detector.distill import DistillOptions
from maenas.detector.input_size import STRIDE
from maenas.detector.losses import LossWeights
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.model.template import bundled_templates, load_template, template_names
from maenas.detector.train.ema import EmaOptions
from maenas.detector.train.fine_tune import FineTuneOptions
from maenas.detector.train.optimizer import OptimizerOptions
from maenas.detector.train.schedule import ScheduleOptions

FORMAT = "maenas/recipe@1"
FINE_TUNING = ("visdrone",)  # recipes that start from a trained detector
PAIRS = {"t": "t-from-s", "s": "s-from-m", "m": "m-from-l", "l": "l-from-l"}  # student -> recipe
FEW_IMAGES = 5000 * 256  # `min_steps` of the published `batch`
TRAINED_AS = {"cn": "ns", "cs": "ns"}  # scales without a published recipe -> the recipe they get


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeOptions:
    """How a training uses the hardware; the accuracy hardly depends on it.

    Attributes:
        batch: images at a time on each device; None for 8 on a CPU (more for small images with a
            teacher) and for as many as fit into the memory of a GPU. Gradients are accumulated
            until the batch of the recipe is reached.
        amp: precision of the network: "auto" is bf16 on a GPU where that is fast, else fp16; on a
            CPU it is bf16 if `precision.py` decides that it is faster, else fp32.
        channels_last: whether feature maps are stored channels-last, which is nearly twice as fast
            on CPUs and tensor cores.
        compile: whether the network is compiled by `torch.compile`, after the first 33 batches of
            an untrained network, in which the momentum of BatchNorm changes.
    """

    batch: int | None = None
    amp: Literal["auto", "off", "bf16", "fp16"] = "auto"
    channels_last: bool = True
    compile: bool = False

    def __post_init__(self) -> None:
        if self.batch is not None:
            positive("compute", batch=self.batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a detector is trained; the defaults are those published for S.

    Attributes:
        epochs: number of passes over the images.
        batch: images in a step over all devices.
        min_steps: minimum number of steps; the batch is reduced to reach it.
        evaluate_every: epochs between evaluations until the last ones, which are all evaluated; at
            most a tenth of the training.
        evaluations: number of evaluations, evenly spread over the training, the last one after its
            last epoch; None to follow `evaluate_every`.
        patience: epochs without a better AP after which the training continues with its last
            epochs, those without mosaic; in them, it ends. None to train all epochs.
        seed: random seed of the training.
        sides: longer sides of the input in pixels for multi-scale training, one is drawn for each
            batch; the shorter side follows the proportions of the detector's input, rounded to a
            multiple of 32. () for the input size of the detector alone, as published.
        optimizer: options of the optimizer.
        small_optimizer: those for fewer than `FEW_IMAGES` images in all epochs together; None for
            `optimizer` there too.
        schedule: phases of the training and its learning rates.
        fine_tune: parts of a trained detector that learn slowly, or not at all.
        ema: options of the moving average.
        sampling: how often images of each source and class are drawn.
        augmentation: augmentation of the images; `resize` is taken from the detector.
        loss: weights of the parts of the loss.
        assigner: label assigner.
        compute: use of the hardware.
        distill: options of distillation; None to train without a teacher.
    """

    epochs: int = 300
    batch: int = 256
    min_steps: int = 5000
    evaluate_every: int = 10
    evaluations: int | None = None
    patience: int | None = None
    seed: int = 0
    sides: tuple[int, ...] = ()
    optimizer: OptimizerOptions = field(default_factory=OptimizerOptions)
    small_optimizer: OptimizerOptions | None = None
    schedule: ScheduleOptions = field(default_factory=ScheduleOptions)
    fine_tune: FineTuneOptions = field(default_factory=FineTuneOptions)
    ema: EmaOptions = field(default_factory=EmaOptions)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: LossWeights = field(default_factory=LossWeights)
    assigner: Assigner = field(default_factory=AlignOTA)
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    distill: DistillOptions | None = None

    def __post_init__(self) -> None:
        positive(
            "recipe",
            epochs=self.epochs,
            batch=self.batch,
            min_steps=self.min_steps,
            evaluate_every=self.evaluate_every,
        )
        if self.evaluations is not None:
            positive("recipe", evaluations=self.evaluations)
        if self.patience is not None:
            positive("recipe", patience=self.patience)
        if self.seed < 0:
            raise SpecError(f"recipe: seed must be 0 or more, got {self.seed}.")
        for side in self.sides:
            if side < STRIDE or side % STRIDE:
                raise SpecError(f"recipe: sides must be multiples of {STRIDE}, got {side}.")

    @property
    def taught_epochs(self) -> int:
        """Number of epochs with a teacher; 0 without distillation."""
        if self.distill is None:
            return 0
        return self.distill.epochs_of(self.epochs, self.schedule.last_epochs_of(self.epochs))

    @property
    def taught_clip_norm(self) -> float | None:
        """Maximum gradient norm with a teacher: the smaller one of `optimizer` and `distill`."""
        taught = None if self.distill is None else self.distill.clip_norm
        norms = [norm for norm in (self.optimizer.clip_norm, taught) if norm is not None]
        return min(norms, default=None)

    def suited_to(self, images: int) -> Recipe:
        """The recipe with the optimizer for the size of a data set, and for no other size.

        Args:
            images: images in an epoch.
        """
        small = self.small_optimizer if self.epochs * images < FEW_IMAGES else None
        return replace(self, optimizer=small or self.optimizer, small_optimizer=None)

    def evaluates(self, epoch: int) -> bool:
        """Whether the detector is evaluated after an epoch, counted from 1."""
        if self.evaluations is not None:
            # A stretch between two evaluations ends with the epoch in which its share is reached.
            done = epoch * self.evaluations
            return done // self.epochs > (done - self.evaluations) // self.epochs
        last = self.schedule.last_epochs_of(self.epochs)
        every = min(self.evaluate_every, max(1, self.epochs // 10))
        return epoch % every == 0 or epoch > self.epochs - last or epoch == self.epochs


SECTIONS: dict[str, type[Any]] = {
    "optimizer": OptimizerOptions,
    "small_optimizer": OptimizerOptions,
    "schedule": ScheduleOptions,
    "fine_tune": FineTuneOptions,
    "ema": EmaOptions,
    "sampling": SamplingOptions,
    "augmentation": Augmentation,
    "loss": LossWeights,
    "compute": ComputeOptions,
    "distill": DistillOptions,
}


def load_recipe(path: Path) -> Recipe:
    """A recipe from a YAML file; missing keys have the defaults of `Recipe`.

    Raises:
        SpecError: if the file is invalid, with file, key and cause.
    """
    return parse_recipe(read_yaml(path, FORMAT), str(path))


def published_recipe(name: str) -> Recipe:
    """The recipe of a scale ("ns" to "l", "cn", "cs"), a distillation or a fine-tuning.

    Raises:
        SpecError: for a recipe that does not exist.
    """
    name = TRAINED_AS.get(name, name)
    known = [*template_names(), *PAIRS.values(), *FINE_TUNING]
    if name not in known:
        raise SpecError(f"recipe: no scale {name!r}{did_you_mean(name, known)}")
    return load_recipe(Path(str(files("maenas.detector.train.recipes") / f"{name}.yaml")))


def distilling(recipe: Recipe) -> Recipe:
    """A recipe with distillation: with its own `distill` section, or the published values."""
    return recipe if recipe.distill is not None else replace(recipe, distill=DistillOptions())


def scale_of(spec: DetectorSpec) -> str:
    """The scale whose recipe suits a detector: the scale of its neck, else "ns" or "s".

    Necks for CPUs are trained as the nano scale is.
    """
    for scale in bundled_templates():
        if load_template(scale).neck == spec.neck:
            return TRAINED_AS.get(scale, scale)
    return "ns" if spec.is_nano else "s"


def parse_recipe(data: Mapping[str, Any], where: str) -> Recipe:
    """A recipe from plain data; unknown keys are errors.

    Raises:
        SpecError: with the key, the expected and the given value, and the most similar known key.
    """
    built = dict(data)
    _require_finite(built, where)
    if isinstance(built.get("augmentation"), dict) and "resize" in built["augmentation"]:
        raise SpecError(
            f"{where}: augmentation.resize: is the detector's; change `resize` in detector.yaml."
        )
    for name, section in SECTIONS.items():
        if name in built:
            built[name] = parse(section, built[name], f"{where}: {name}")
    if "assigner" in built:
        built["assigner"] = _assigner(built["assigner"], f"{where}: assigner")
    return parse(Recipe, built, where)


def _require_finite(data: Mapping[str, Any], where: str) -> None:
    """Raise `SpecError` unless all numbers of a recipe are finite."""
    for key, value in data.items():
        if isinstance(value, Mapping):
            _require_finite(value, f"{where}: {key}")
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, float) and not isfinite(each):
                raise SpecError(f"{where}: {key}: must be a finite number, got {value}.")


def _assigner(data: object, where: str) -> Assigner:
    if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
        raise SpecError(f"{where}: must be a mapping with a name, got {name_of(data)}.")
    name = data["name"]
    options = {key: value for key, value in data.items() if key != "name"}
    return parse(assigner_class(name, where), options, where)


def recipe_data(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain data, defaults included."""
    data: dict[str, Any] = {"format": FORMAT}
    for each in fields(recipe):
        value = getattr(recipe, each.name)
        if value is None:
            continue
        if each.name in SECTIONS:
            value = {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
            value.pop("resize", None)
        elif each.name == "assigner":
            value = {"name": recipe.assigner.name, **changed_fields(recipe.assigner)}
        data[each.name] = _plain(value)
    return data


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def with_changes(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """A recipe with some values replaced.

    A batch size that is asked for is not reduced to reach `min_steps`, and an optimizer of which
    a value is asked for is not replaced by that for few images.

    Args:
        recipe: recipe to change.
        changes: changes such as "optimizer.lr=0.01" or "epochs=50".
    Raises:
        SpecError: for an unknown key, with the most similar known one, or for a wrong value.
    """
    data = recipe_data(recipe)
    del data["format"]
    named = set[str]()
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise SpecError(f"--set {change}: must be key=value, such as optimizer.lr=0.01.")
        *sections, last = key.strip().split(".")
        mapping = data
        for section in sections:
            if section in SECTIONS and section not in mapping:
                raise SpecError(
                    f"--set {change}: the recipe has no section {section}; a recipe file may."
                )
            if section not in mapping:
                raise SpecError(
                    f"--set {change}: {section}: no such section"
                    f"{did_you_mean(section, [*SECTIONS, 'assigner'])}"
                )
            if not isinstance(mapping[section], dict):
                raise SpecError(f"--set {change}: {section} is a value, it has no keys.")
            mapping = mapping[section]
        if isinstance(mapping.get(last), dict):
            raise SpecError(
                f"--set {change}: {key} is a section; set one of {', '.join(mapping[last])}."
            )
        mapping[last] = _value(change, text)
        named.add(key.strip())
    if "batch" in named and "min_steps" not in named:
        data["min_steps"] = 1
    if any(key.startswith("optimizer.") for key in named):
        data.pop("small_optimizer", None)
    return parse_recipe(data, "--set")


def _value(change: str, text: str) -> object:
    """A value parsed as YAML, except that `1e-3` is a number and `off` is a word."""
    value = parse_yaml(text, f"--set {change}")
    if isinstance(value, bool) and text.strip().lower() not in ("true", "false"):
        return text.strip()
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def recipe_lines(recipe: Recipe) -> list[str]:
    """One line for each value, such as "optimizer.lr=0.01"."""
    lines = []
    for key, value in recipe_data(recipe).items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        lines += [f"{key}.{name}={part}" if name else f"{key}={part}" for name, part in parts]
    return lines
